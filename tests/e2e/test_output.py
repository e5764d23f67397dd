#!/usr/bin/env python3
"""test_output.py: where results go: streams, files, forms, and disks and pipes that fail."""
import fcntl
import html.parser
import json
import os
import pty
import re
import resource
import signal
import struct
import subprocess
import termios

import validate
from harness import (DONE, FAILED, MODEL, PIPE, PROGRAM, SANITIZED, USAGE, Case, environment, heard,
                     main, read, run, start)

BASE = ["attribute", "-m", MODEL, "-p", "the cat", "--target", "s", "--probes", "2"]


class Streams(Case):
    def test_result_on_stdout_the_rest_on_stderr(self):
        result = self.expect(DONE, run(*BASE), "plan:")
        self.assertEqual("heta.attribution/1", result.json["schema"])
        self.assertNotIn("\x1b", result.out + result.err)
        self.assertNotIn("\r", result.err)

    def test_verbose_says_what_is_run_and_windows_are_shown(self):
        told = self.expect(DONE, run(*BASE, "--verbose", "--format", "term", "--windows", "joint",
                                     "--window", 3))
        self.assertRegex(told.err, r"(?m)^model: llama-gqa, llama, .* weights, 108 KiB$")
        self.assertRegex(told.err, r"(?m)^work: [\d.]+ GFLOP, \d+ rows a batch, weights expanded")
        self.assertRegex(told.err, r"(?m)^done in .*, at most .* of memory, \d+ threads?$")
        self.assertRegex(told.out, r"windows joint, 3 tokens, a new one every 2; gate leakage 0\.")

    def test_above_sentences_what_is_set_apart_is_one_line_for_each_kind(self):
        told = self.expect(DONE, run("attribute", "-m", MODEL, "-a", "uniform", "--user", "hen?",
                                     "--chat-template", "mistral", "--bos", "no", "--level",
                                     "message", "--format", "term"))
        self.assertRegex(told.out, r"(?m)^ +template +[\d.]+ % +\d\d tokens$")

    def test_quiet(self):
        result = self.expect(DONE, run(*BASE, "-q"))
        self.assertEqual("", result.err)
        self.assertEqual("complete", result.json["status"])

    def test_no_output_wanted(self):
        self.assertEqual("", self.expect(DONE, run(*BASE, "--format", "none")).out)

    def test_jsonl(self):
        out = self.expect(DONE, run(*BASE, "--format", "jsonl")).out
        self.assertEqual([], validate.problems(out.encode()))
        types = [json.loads(line)["type"] for line in out.splitlines()]
        self.assertEqual("meta", types[0])
        self.assertIn("row", types)
        self.assertEqual("summary", types[-1])

    def test_terminal_form_without_a_terminal_has_no_colour(self):
        result = self.expect(DONE, run(*BASE, "--format", "term"))
        self.assertIn("cat", result.out)
        self.assertNotIn("\x1b", result.out)
        self.assertIn("\x1b[", self.expect(DONE, run(*BASE, "--format", "term",
                                                     CLICOLOR_FORCE="1", TERM="xterm")).out)

    def on_terminal(self, *arguments, **variables):
        """What a terminal receives from stdout and stderr together, and the exit code."""
        master, slave = pty.openpty()
        process = subprocess.Popen([PROGRAM, *arguments], stdin=slave, stdout=slave, stderr=slave,
                                   env=environment(**variables))
        os.close(slave)
        received = heard(master)
        return process.wait(timeout=60), received

    def test_a_terminal_gets_colours(self):
        code, text = self.on_terminal(*BASE, TERM="xterm-256color")
        self.assertEqual(DONE, code, text)
        self.assertIn("\x1b[", text)
        self.assertNotIn('"schema"', text)

    def test_preview_is_refined_and_taken_away(self):
        """First the gate, then the gradient, then scores, again and again; all on the screen."""
        height, width = 24, 80
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
        process = subprocess.Popen(
            [PROGRAM, "-m", MODEL, "-p", "Hen hid in a hat then", "--preview", "--threads", "1",
             "--probes", "500" if SANITIZED else "1000"],
            stdin=slave, stdout=slave, stderr=slave, env=environment(TERM="xterm-256color"))
        os.close(slave)
        text = heard(master)
        self.assertEqual(DONE, process.wait(timeout=60), text)
        gate, gradient = text.find("the gate alone"), text.find("the gradient alone")
        scores = [at.start() for at in re.finditer("the scores so far", text)]
        self.assertTrue(0 < gate < gradient < scores[0], (gate, gradient, scores))
        shown = 1 + sum(text.count(word) for word in ("alone; the scores", "the scores so far"))
        # Each drawing is taken away by as many lines as it has, and none is higher than the screen.
        taken = [int(lines) for lines in re.findall(r"\x1b\[(\d+)A\r\x1b\[J", text)]
        self.assertEqual(shown - 1, len(taken))
        self.assertLess(max(taken), height)
        self.assertIn("seed 0", text[text.rindex("\x1b[J"):])  # the report itself, whole

    def test_no_colour_when_asked(self):
        code, text = self.on_terminal(*BASE, "--no-progress", TERM="xterm-256color", NO_COLOR="1")
        self.assertEqual(DONE, code, text)
        self.assertNotRegex(text, r"\x1b\[[0-9;]*[34]8;")

    def test_full_disk_behind_stdout(self):
        with open("/dev/full", "wb") as full:
            for form in ("json", "jsonl", "term"):
                result = run(*BASE, "--format", form, stdout=full)
                self.expect(FAILED, result, "standard output", "space")

    def test_closed_stdout(self):
        result = run(*BASE, before=lambda: os.close(1))
        self.assertEqual(FAILED, result.code, str(result))
        self.assertIn("heta: ", result.err)

    def test_reader_that_goes_away(self):
        for arguments in (BASE, ["methods"], ["help"], ["tokenize", "-m", MODEL, "-p", "abc"]):
            process = start(*arguments)
            process.stdout.close()
            said = process.stderr.read().decode()
            process.stderr.close()
            self.assertEqual(PIPE, process.wait(timeout=60), said)
            self.assertNotIn("heta:", said)


class Files(Case):
    def test_every_form(self):
        names = ["a.json", "a.jsonl", "a.html", "a.txt"]
        files = [word for name in names for word in ("-o", self.path(name))]
        result = self.expect(DONE, run(*BASE, *files, "--title", "A <b>title</b>"))
        self.nothing_left(*names)
        written = read(self.path("a.json"))
        self.assertEqual(result.json["attributions"], written["attributions"])
        self.assertEqual([], validate.problems(self.path("a.jsonl").read_bytes()))
        self.assertNotIn("\x1b", self.path("a.txt").read_text())
        page = self.path("a.html").read_text()
        self.assertIn("A &lt;b&gt;title&lt;/b&gt;", page)
        for foreign in ("http://", "https://", "src="):
            self.assertNotIn(foreign, page.replace("http://www.w3.org/2000/svg", ""))
        html.parser.HTMLParser().feed(page)

    def test_file_rights_follow_umask(self):
        self.expect(DONE, run(*BASE, "-o", self.path("a.json"), before=lambda: os.umask(0o027)))
        self.assertEqual(0o640, self.path("a.json").stat().st_mode & 0o777)

    def test_existing_files_are_kept(self):
        self.path("a.json").write_text("mine")
        self.refuse(USAGE, *BASE, "-o", self.path("a.json"), said=["a.json", "-y"])
        self.assertEqual("mine", self.path("a.json").read_text())
        self.expect(DONE, run(*BASE, "-o", self.path("a.json"), "-y"))
        self.assertTrue(read(self.path("a.json"))["schema"])
        self.nothing_left("a.json")

    def test_symbolic_link_is_followed(self):
        self.path("real.json").write_text("old")
        self.path("link.json").symlink_to("real.json")
        self.expect(DONE, run(*BASE, "-o", self.path("link.json"), "-y"))
        self.assertTrue(self.path("link.json").is_symlink())
        self.assertIn("schema", self.path("real.json").read_text())

    def test_refused_before_any_work(self):
        self.refuse(USAGE, *BASE, "-o", self.path("a.pdf"), said=["a.pdf", ".html"])
        self.refuse(USAGE, *BASE, "-o", self.path("noextension"), said=["noextension"])
        self.refuse(FAILED, *BASE, "-o", self.path("none/a.json"), said=["none"])
        self.refuse(USAGE, *BASE, "-o", "/dev/full", said=["/dev/full"])
        self.path("a.json").mkdir()
        self.refuse(USAGE, *BASE, "-o", self.path("a.json"), "-y", said=["a.json"])
        self.nothing_left("a.json")

    def test_folder_that_takes_no_files(self):
        folder = self.path("closed")
        folder.mkdir(mode=0o500)
        if os.access(folder, os.W_OK):
            self.skipTest("this user writes everywhere")
        self.refuse(FAILED, *BASE, "-o", folder / "a.json", said=["closed"])

    def test_disk_that_fills_up(self):
        """A write that fails half way leaves nothing behind, and what was there before stays."""
        if os.environ.get("HETA_SANITIZE"):
            self.skipTest("clang's OpenMP has a file of its own")
        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        result = run(*BASE, "--format", "none", "-o", self.path("a.json"), before=limit)
        self.expect(FAILED, result, "a.json", "heta: ")
        self.nothing_left()
        self.path("a.json").write_text("mine")
        self.expect(FAILED, run(*BASE, "--format", "none", "-o", self.path("a.json"), "-y",
                                before=limit), "a.json")
        self.assertEqual("mine", self.path("a.json").read_text())
        self.nothing_left("a.json")


if __name__ == "__main__":
    main()
