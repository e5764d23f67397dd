#!/usr/bin/env python3
"""test_faults.py: the n-th system call about files, or the n-th allocation, of whole jobs of the
program fails, once and with all that follow: it says so, exits with a code of failure, and leaves
each file whole or as it was. Where it ends well all the same, it wrote what it always writes.

faults.c, loaded before the program, makes the calls fail. Every call of some jobs, and a sample of
others; HETA_TEST_ALL=1 tries every one of all jobs, for hours: the name of a test, as in
`test_faults.py Faults.test_memory_of_eval`, chooses one.
"""
import concurrent.futures
import functools
import json
import os
import pathlib
import re
import signal
import struct
import subprocess
import sys
import tempfile

from harness import DONE, MODEL, Case, Result, main, run

FAULTS = os.environ.get("HETA_FAULTS")
ALL = bool(os.environ.get("HETA_TEST_ALL"))
QUICK = ["-q", "-m", MODEL, "-p", "the cat", "-t", "1"]
FEW = 4  # calls of a sampled job, in each of the two ways

# What varies between two equal runs.
CLOCK = re.compile(rb'"(timing|environment)": ?\{.*?\}(,|(?=\s*\}))|\d\d\d\d-\d\d-\d\dT[\d:.]+Z?'
                   rb'|"(seconds\w*|peak\w*)": ?[\d.e+-]+', re.DOTALL)


class Job:
    """A command line. `files` are what it writes, `given` what stands in its folder before,
    `kept` what it leaves unfinished, so that the same command finishes it. `size`: only blocks of
    so many bytes are refused."""

    def __init__(self, *words, files=(), given=None, stdin=b"", kept=(), size=None):
        self.words, self.files, self.given = words, files, given or {}
        self.stdin, self.kept, self.size = stdin, kept, size


@functools.cache
def stored():
    """A result to read."""
    done = run(*QUICK, "-a", "occlusion", "--format", "json")
    assert done.code == DONE, str(done)
    return done.out.encode()


def timeless(data):
    """Bytes that a program wrote, without what varies between equal runs."""
    return CLOCK.sub(b"", data)


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


class Faults(Case):
    def once(self, job, kind, at, stays):
        """Runs a job in a new folder with one fault. Returns what it said and left, how many calls
        it made, and what the same command left when it was run again, without a fault, to finish
        what it had begun."""
        with tempfile.TemporaryDirectory(prefix="heta-faults-") as name:
            folder, count = pathlib.Path(name, "here"), pathlib.Path(name, "count")
            folder.mkdir()
            count.write_bytes(bytes(8))
            for path, data in job.given.items():
                (folder / path).write_bytes(data)
            more = {"HETA_FAULT_STAYS": "1"} if stays else {}
            if job.size:
                more["HETA_FAULT_SIZE"] = str(job.size)
            try:
                result = run(*job.words, stdin=job.stdin, before=lambda: os.chdir(folder),
                             timeout=120, GOMP_SPINCOUNT="1000", LD_PRELOAD=FAULTS,
                             XDG_CACHE_HOME=str(folder / "none"), HETA_FAULT_KIND=kind,
                             HETA_FAULT_AT=str(at), HETA_FAULT_COUNT=str(count), **more)
            except subprocess.TimeoutExpired as late:
                result = Result(late.cmd, -signal.SIGKILL, "", "it did not end\n")
            left, finished = content(folder), None
            if job.kept and result.code > 0 and left != job.given:
                self.expect(DONE, run(*job.words, before=lambda: os.chdir(folder)))
                finished = content(folder)
            return result, left, struct.unpack("q", count.read_bytes())[0], finished

    def judge(self, job, undisturbed, disturbed, what):
        (good, whole, _, _), (result, left, _, finished) = undisturbed, disturbed
        said = f"{what}\n{result}\nleft: {sorted(left)}"
        self.assertLessEqual(0, result.code, said)  # no signal
        self.assertNotIn("Sanitizer", result.err, said)
        if result.code != good.code:
            self.assertRegex(result.err, r"(?m)^(heta|libgomp): .{10,}", said)
        if result.code == good.code and not job.kept:
            self.assertEqual(timeless(good.out.encode()), timeless(result.out.encode()), said)
            self.assertEqual(sorted(whole), sorted(left), said)
        for name, data in left.items():
            self.assertIn(name, {*whole, *job.given, *job.kept}, said)
            if name in job.files and data != job.given.get(name):
                self.assertEqual(timeless(whole[name]), timeless(data), said)
        for name in job.kept:
            if name.endswith(".jsonl"):  # its whole lines are answers, and the rest follows
                lines = left[name][:left[name].rfind(b"\n") + 1]
                self.assertTrue(timeless(whole[name]).startswith(timeless(lines)), said)
                if finished:
                    self.assertEqual(timeless(whole[name]), timeless(finished[name]), said)

    def every(self, kind, job, all_of_them=False, wanted=DONE):
        """Tries the calls of a job. Returns what was said."""
        good = self.once(job, kind, 0, False)
        if good[0].code == 77:
            self.skipTest("this machine cannot make calls fail (seccomp, x86-64)")
        self.assertEqual(wanted, good[0].code, str(good[0]))
        self.assertEqual(sorted({*job.files, *job.given}), sorted(good[1]))
        calls = good[2]
        self.assertGreater(calls, 5 if not job.size else 0)
        step = 1 if ALL or all_of_them else max(1, calls // FEW)
        tries = [(at, False) for at in range(1, calls + 1, step)]
        tries += [(at, True) for at in range(1 + step // 2, calls + 1, step if ALL else 3 * step)]
        said = []
        failed = 0
        with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
            for (at, stays), bad in zip(tries, pool.map(
                    lambda one: self.once(job, kind, *one), tries)):
                what = f"{kind} {at} of {calls}{' and all after' * stays}"
                with self.subTest(what):
                    self.judge(job, good, bad, what)
                said.append(bad[0].err)
                failed += bad[0].code != wanted
        self.assertGreater(failed, len(tries) // 4, "most faults had no effect")
        if ALL:
            print(f"{calls} calls, {len(tries)} tries, {failed} of them failed", file=sys.stderr)
        return said

    def test_every_file_call_of_attribute(self):
        files = ["a.json", "a.csv", "a.npz"]
        words = [word for name in files for word in ("-o", name)]
        self.every("io", Job(*QUICK, "-a", "gradient-norm", "--format", "none", *words,
                             files=files), all_of_them=True)

    def test_every_file_call_of_report(self):
        given = {"r.json": stored(), "b.html": b"old"}
        files = ["a.jsonl", "b.html"]
        words = [word for name in files for word in ("-o", name)]
        self.every("io", Job("report", "r.json", "-y", *words, "--format", "term", files=files,
                             given=given), all_of_them=True)

    def test_a_line_of_a_batch_that_cannot_be_read(self):
        """A line for which there was no memory is not an answer, and nothing is stored for it."""
        line = {"id": "b", "text": "hen", "method": "random", "seed": 3, "predict": 1,
                "last": False, "special": False, "raw": False, "bos": "auto"}
        lines = "".join(json.dumps(one) + "\n" for one in ({"text": "the"}, line, {"text": "in"}))
        said = self.every("memory", Job(
            "attribute", "-q", "-m", MODEL, "--batch", "in.jsonl", "-a", "random", "-t", "1",
            "-o", "out.jsonl", kept=["out.jsonl"], size=16 * (len(line) + 1),  # its options
            given={"in.jsonl": lines.encode(), "out.jsonl": b""}), all_of_them=True)
        # As the lines are looked over, and when its turn comes; once each, and with all after.
        unread = [err for err in said if "out of memory: line 2 could not be read" in err]
        self.assertGreaterEqual(len(unread), 3, said)


    def test_what_compare_and_eval_need_for_short(self):
        """A comparison without memory for its ranks wrote that there are none, and ended well; an
        evaluation without memory for an item's spans failed, and did not say so."""
        ask = ["compare", "-q", "-m", MODEL, "-p", "the cat in", "-t", "1", "--methods",
               "random,position", "--format", "json"]
        ranked = len(self.expect(DONE, run(*ask)).json["tokens"]) - 1  # but for the first
        self.every("memory", Job(*ask, size=8 * ranked))
        spans = SAMPLED["eval"]()
        spans.size = 1  # a text without any
        self.every("memory", spans)


SUITE = b'{"id": "a", "text": "the cat in", "target": " in"}\n'
LINES = b'{"text": "the cat"}\n{"text": "in the"}\n'
SAMPLED = {
    "tokenize": lambda: Job("tokenize", "-m", MODEL, "-f", "p.txt", "--format", "json",
                            given={"p.txt": b"the cat"}),
    "model_info": lambda: Job("model", "info", MODEL, "--hash", "--format", "json"),
    "report": lambda: Job("report", "-", "--format", "json", stdin=stored()),
    "views": lambda: Job("report", "r.json", "--level", "sentence", "--format", "term", "-o",
                         "a.npz", "-o", "a.html", "-o", "a.svg", "-o", "a.csv",
                         files=["a.npz", "a.html", "a.svg", "a.csv"], given={"r.json": stored()}),
    "diff": lambda: Job("diff", "r.json", "r.json", "--format", "html",
                        given={"r.json": stored()}),
    "verify": lambda: Job("verify", "r.json", "-m", MODEL, "-t", "1", "--fraction", "1",
                          given={"r.json": stored()}),
    "compare": lambda: Job("compare", *QUICK, "--methods", "random,uniform", "--format", "json"),
    "batch": lambda: Job("attribute", "-q", "-m", MODEL, "--batch", "in.jsonl", "-a", "random",
                         "-t", "1", "-o", "out.jsonl", kept=["out.jsonl"],
                         given={"in.jsonl": LINES, "out.jsonl": b""}),
    "eval": lambda: Job("eval", "-q", "-m", MODEL, "--suite", "s.jsonl", "--db", "r.sqlite",
                        "--methods", "random", "--metrics", "deletion", "-t", "1",
                        given={"s.jsonl": SUITE, "r.sqlite": b""},
                        kept=["r.sqlite", "r.sqlite-journal"]),
    "attribute": lambda: Job(*QUICK, "-a", "gradient-norm", "--format", "json"),
}


def sampled(kind, job):
    def test(self):
        self.every(kind, job())
    return test


for _kind in ("io", "memory"):
    for _name, _job in SAMPLED.items():
        setattr(Faults, f"test_{_kind}_of_{_name}", sampled(_kind, _job))


if __name__ == "__main__":
    if not FAULTS:
        sys.exit("HETA_FAULTS names no library that makes calls fail: build/release/tests has it")
    main()
