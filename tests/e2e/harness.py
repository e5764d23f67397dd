"""harness.py: runs the built program as a user would; for the test_*.py files beside it.

Each file is a program of its own: HETA_PROGRAM=build/release/heta python3 tests/e2e/test_usage.py
"""
import contextlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

import validate

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("HETA_PROGRAM") or str(ROOT / "build/release/heta")
TINY = ROOT / "tests/data/tiny"
MODEL = str(TINY / "llama-gqa.gguf")  # one token per byte, but for a few merges; 64 tokens at most
SANITIZED = bool(os.environ.get("HETA_SANITIZE"))
# How a sanitizer that found something ends the program: with a code that heta never uses.
FOUND = 99

DONE, FAILED, USAGE, UNREADABLE, BUDGET, CHECK, INTERRUPTED, PIPE = 0, 1, 2, 4, 5, 6, 130, 141


def environment(**more):
    """What the program sees: nothing of the user's own settings, and what the test asks for."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    options = f"exitcode={FOUND}:halt_on_error=1"
    # Threads that wait by spinning would slow down whatever test runs beside this one.
    return {**kept, "OMP_WAIT_POLICY": "passive",
            "ASAN_OPTIONS": options, "UBSAN_OPTIONS": options + ":print_stacktrace=1",
            "LANG": "C.UTF-8", "TERM": "dumb", "COLUMNS": "80", **more}


class Result:
    """What one run left: exit code (negative: the signal that ended it), stdout, stderr."""

    def __init__(self, command, code, out, err):
        self.command, self.code, self.out, self.err = command, code, out, err

    def __str__(self):
        return (f"{' '.join(self.command)}\nexit code {self.code}\n"
                f"stdout: {self.out[:2000]!r}\nstderr: {self.err[-4000:]}")

    @property
    def json(self):
        """What stdout holds; a result file must also follow its schema."""
        return sound(self.out.encode())


def run(*arguments, stdin=b"", timeout=300, before=None, stdout=subprocess.PIPE, **variables):
    """Runs heta; arguments may be paths and numbers. `before` is called in the new process."""
    command = [PROGRAM, *(os.fsdecode(a) if isinstance(a, bytes) else str(a) for a in arguments)]
    done = subprocess.run(command, input=stdin, stdout=stdout, stderr=subprocess.PIPE,
                          timeout=timeout, env=environment(**variables), preexec_fn=before)
    return Result(command, done.returncode, (done.stdout or b"").decode("utf-8", "strict"),
                  done.stderr.decode("utf-8", "strict"))


def start(*arguments, stdout=subprocess.PIPE, **variables):
    """Starts heta and returns the process; the test waits for it."""
    return subprocess.Popen([PROGRAM, *map(str, arguments)], stdin=subprocess.DEVNULL,
                            stdout=stdout, stderr=subprocess.PIPE, env=environment(**variables))


def heard(terminal):
    """All that was written to a terminal (one end of a pty), once nobody else holds its other end;
    closes it."""
    said = b""
    with contextlib.suppress(OSError):  # how Linux says that nothing more will come
        while piece := os.read(terminal, 65536):
            said += piece
    os.close(terminal)
    return said.decode()


def sound(data):
    """The object in a JSON file's bytes; if it is a result, one that follows the schema."""
    whole = validate.strict(data.decode("utf-8"))
    if isinstance(whole, dict) and str(whole.get("schema")).startswith("heta.attribution/"):
        problems = validate.problems(data)
        if problems:
            raise AssertionError("not a sound result file:\n" + "\n".join(problems[:20]))
    return whole


def read(path):
    """The result file at a path."""
    return sound(path.read_bytes())


def timeless(result):
    """A result file's object without what may differ between two equal runs."""
    return {key: value for key, value in result.items()
            if key not in ("timing", "environment", "command")}


class Case(unittest.TestCase):
    """A test with a folder of its own, and the expectations every run of heta shares."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="heta-e2e-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def path(self, name):
        return self.folder / name

    def expect(self, code, result, *said):
        """The exit code, words on stderr, and no sign of a defect in any case."""
        self.assertEqual(code, result.code, str(result))
        for words in said:
            self.assertIn(words, result.err, str(result))
        for defect in ("Sanitizer", "runtime error", "(null)", "internal"):
            self.assertNotIn(defect, result.err, str(result))
        return result

    def refuse(self, code, *arguments, said=(), **more):
        """heta must end with this code, say one sentence that begins with its name, and print
        nothing on stdout."""
        result = self.expect(code, run(*arguments, **more), *said)
        self.assertEqual("", result.out, str(result))
        sentences = [line for line in result.err.splitlines() if line.startswith("heta: ")]
        self.assertEqual(1, len(sentences), str(result))
        self.assertGreater(len(sentences[0]), len("heta: ") + 10, str(result))
        return result

    def nothing_left(self, *expected):
        """The folder holds these names and no temporary file."""
        self.assertEqual(sorted(expected), sorted(p.name for p in self.folder.iterdir()))


@contextlib.contextmanager
def shown(**what):
    """Prints what a failing test with random choices needs to be run again."""
    try:
        yield
    except BaseException:
        print("\n".join(f"{name} = {value!r}" for name, value in what.items()), file=sys.stderr)
        raise


def real_model():
    """The real model's path, or None after saying that its tests are skipped."""
    model = os.environ.get("HETA_TEST_MODEL")
    if not model:
        print("SKIPPED: HETA_TEST_MODEL names no model file; these tests need a real one.",
              file=sys.stderr)
    return model


def main():
    """Runs the file's tests. No test at all is a failure."""
    program = unittest.main(module="__main__", exit=False, verbosity=2)
    fine = program.result.wasSuccessful() and program.result.testsRun > 0
    sys.exit(0 if fine else 1)
