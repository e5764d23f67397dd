#!/usr/bin/env python3
"""readme.py: the examples of README.md and docs/ollama.md do what these say, on the demo model.
Needs HETA_TEST_MODEL.

Run in order, in one folder that holds the model as model.gguf, and in a store of Ollama's, as
smollm2:135m:
  ```sh test    commands; each must succeed, and every file named after -o must be a sound result;
                with "test small" model.gguf is a tiny model: what they print is not shown
  ```text       after such a block: lines its commands print, in this order; … stands for any lines;
                numbers may differ by what two kinds of CPU may differ
  ```c test     a program, built against the library beside the tested program, that prints a line
                per token
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

from harness import PROGRAM, ROOT, environment, main, real_model, sound

MODEL = real_model()
SMALL = ROOT / "tests/data/tiny/llama-gqa.gguf"
PAGES = [ROOT / "README.md", ROOT / "docs/ollama.md"]
NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[+-]\d+)?")


def blocks(page):
    """(what is written behind the fence, text, line number) of every fenced block."""
    fence, first, text = None, 0, []
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        if fence is None and line.startswith("```"):
            fence, first, text = line[3:].strip(), number, []
        elif fence is not None and line == "```":
            yield fence, "\n".join(text) + "\n", first
            fence = None
        elif fence is not None:
            text.append(line)


def same_line(shown, printed):
    """Whether a printed line is the one shown, but for the last digits of its numbers."""
    if re.sub(r"\s+", " ", NUMBER.sub("#", shown)) != re.sub(r"\s+", " ", NUMBER.sub("#", printed)):
        return False
    pairs = zip(map(float, NUMBER.findall(shown)), map(float, NUMBER.findall(printed)))
    return all(abs(a - b) <= max(0.02, 0.01 * abs(a)) for a, b in pairs)


class Readme(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="heta-readme-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        (cls.folder / "bin").mkdir()
        (cls.folder / "bin/heta").symlink_to(pathlib.Path(PROGRAM).resolve())
        (cls.folder / "model.gguf").symlink_to(pathlib.Path(MODEL).resolve())
        layer = {"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:" + 64 * "0"}
        manifest = cls.folder / "ollama/manifests/registry.ollama.ai/library/smollm2/135m"
        manifest.parent.mkdir(parents=True)
        manifest.write_text(json.dumps({"schemaVersion": 2, "layers": [layer]}))
        (cls.folder / "ollama/blobs").mkdir()
        blob = cls.folder / "ollama/blobs" / ("sha256-" + 64 * "0")
        blob.symlink_to(pathlib.Path(MODEL).resolve())
        cls.environment = environment(OLLAMA_MODELS=str(cls.folder / "ollama"),
                                      PATH=f"{cls.folder / 'bin'}:{os.environ['PATH']}")

    def call(self, *command):
        done = subprocess.run(command, cwd=self.folder, env=self.environment, timeout=500,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)
        self.assertEqual(0, done.returncode, f"{command}\n{done.stdout[-3000:]}\n{done.stderr}")
        return done.stdout

    def use(self, model):
        link = self.folder / "model.gguf"
        link.unlink()
        link.symlink_to(pathlib.Path(model).resolve())

    def sh(self, text):
        """Runs each line of a block, as a reader would paste it; returns what all of them print."""
        out = self.call("bash", "-euo", "pipefail", "-c", text)
        for name in re.findall(r" -o (\S+)", text):
            data = (self.folder / name).read_bytes()
            self.assertTrue(data, name)
            if name.endswith(".json"):
                self.assertEqual("part" in name, sound(data)["status"] == "partial", name)
        return out

    def c(self, text):
        (self.folder / "readme.c").write_text(text, encoding="utf-8")
        library = pathlib.Path(PROGRAM).resolve().parent
        self.call("cc", "-std=c11", "-Wall", "-Wextra", "-Werror", "readme.c", "-o", "readme",
                  f"-I{ROOT / 'include'}", f"-L{library}", "-lheta", f"-Wl,-rpath,{library}")
        lines = self.call(str(self.folder / "readme")).splitlines()
        self.assertEqual(5, len(lines))
        for line in lines:
            self.assertRegex(line, r"^ *\d+\.\d{3} ")

    def shows(self, text, out):
        printed = iter(out.splitlines())
        for line in text.splitlines():
            if line.strip() not in ("", "…"):
                self.assertTrue(any(same_line(line, candidate) for candidate in printed),
                                f"The page shows this line, which is not printed there:\n{line}\n"
                                f"Printed was:\n{out}")


def add_tests():
    """A test per block, in the order of the file; a ```text block belongs to the one before it."""
    for count, page in enumerate(PAGES):
        found = list(blocks(page))
        for index, (fence, text, number) in enumerate(found):
            kind, _, mark = fence.partition(" ")
            if mark not in ("test", "test small"):
                continue
            after = found[index + 1:index + 2]
            shown = after[0][1] if after and after[0][0] == "text" else ""

            def test(self, kind=kind, text=text, shown=shown, small=mark.endswith("small")):
                self.use(SMALL if small else MODEL)
                self.shows(shown, getattr(self, kind)(text) or "")
            setattr(Readme, f"test_{count}_{page.stem}_line_{number:04}_{kind}", test)


if __name__ == "__main__":
    add_tests()
    sys.exit(77 if MODEL is None else main())
