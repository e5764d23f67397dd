#!/usr/bin/env python3
"""test_interrupt.py: Ctrl-C and kill at any moment: every output is whole, valid and says that it
is partial, and the work goes on from there."""
import json
import os
import random
import signal
import time

import validate
from harness import (DONE, INTERRUPTED, MODEL, SANITIZED, Case, main, read, run, shown, sound,
                     start, timeless)

SEED = int(os.environ.get("HETA_SEED", "7"))
BASE = ["attribute", "-m", MODEL, "-p", "the cat in the", "--target", "h", "--probes"]
MOMENTS = 4 if SANITIZED else 20


class Interrupt(Case):
    def setUp(self):
        """Finds a number of probes that keeps the program busy for about a second."""
        super().setUp()
        self.probes, self.seconds = 4, 0
        while self.seconds < 1 and self.probes < 100000:
            self.probes *= 2
            began = time.monotonic()
            self.expect(DONE, run(*BASE, self.probes, "--format", "none"))
            self.seconds = time.monotonic() - began

    def stop(self, after, how, *arguments):
        process = start(*BASE, self.probes, *arguments)
        time.sleep(after)
        process.send_signal(how)
        out, err = process.communicate(timeout=120)
        return process.returncode, out.decode(), err.decode()

    def stop_in_time(self, how, *arguments):
        """Stops in the middle of the work; earlier if it turns out to go faster than measured."""
        for part in (0.5, 0.3, 0.15, 0.05):
            code, out, err = self.stop(self.seconds * part, how, *arguments)
            if code != DONE:
                break
        return code, out, err

    def check_outputs(self, code, out, err, names):
        """Whatever the moment: nothing, or all outputs whole and of one kind."""
        self.assertNotIn("Sanitizer", err)
        present = sorted(path.name for path in self.folder.iterdir())
        if code == -signal.SIGINT or (code == INTERRUPTED and not present):
            self.assertEqual([], present, err)  # before there was anything to keep
            return "nothing"
        self.assertIn(code, (DONE, INTERRUPTED), err)
        self.assertEqual(sorted(names), present, err)
        status = {DONE: "complete", INTERRUPTED: "partial"}[code]
        written = read(self.path("a.json"))
        self.assertEqual(status, written["status"])
        self.assertEqual("interrupt" if code == INTERRUPTED else None, written["stopped_by"])
        self.assertEqual(timeless(written), timeless(sound(out.encode())))
        self.assertIn("</html>", self.path("a.html").read_text())
        lines = self.path("a.jsonl").read_bytes()
        self.assertEqual([], validate.problems(lines))
        self.assertEqual(status, json.loads(lines.splitlines()[-1])["status"])
        return status

    def test_any_moment(self):
        names = ["a.json", "a.jsonl", "a.html", "a.txt"]
        files = [word for name in names for word in ("-o", self.path(name))]
        choice = random.Random(SEED)
        kinds = []
        for _ in range(MOMENTS):
            after = choice.uniform(0, self.seconds * 1.1)
            with shown(seed=SEED, after=after, probes=self.probes):
                code, out, err = self.stop(after, signal.SIGINT, "--format", "json", *files)
                kinds.append(self.check_outputs(code, out, err, names))
            for path in self.folder.iterdir():
                path.unlink()
        self.assertIn("partial", kinds)

    def test_stopped_three_times_and_continued_is_the_whole(self):
        whole = timeless(self.expect(DONE, run(*BASE, self.probes, "--format", "json")).json)
        path = self.path("a.json")
        taken = []
        for _ in range(3):
            code, _, err = self.stop(self.seconds * 0.4, signal.SIGINT, "-o", path, "-y", *taken)
            self.assertIn(code, (DONE, INTERRUPTED), err)
            if code == DONE:
                self.assertEqual(whole, timeless(read(path)))
                return
            taken = ["--continue", path]
        last = self.expect(DONE, run(*BASE, self.probes, "--format", "json", *taken))
        self.assertEqual(whole, timeless(last.json))

    def test_kill(self):
        code, out, err = self.stop_in_time(signal.SIGTERM, "--format", "json")
        self.assertEqual(143, code, err)
        self.assertEqual("partial", sound(out.encode())["status"])

    def test_says_how_to_go_on(self):
        code, _, err = self.stop_in_time(signal.SIGINT, "-o", self.path("a.json"), "-y")
        self.assertEqual(INTERRUPTED, code, err)
        self.assertIn("--continue", err)


if __name__ == "__main__":
    main()
