#!/usr/bin/env python3
"""test_pages.py: manual pages and completion, which the build writes from the option tables."""
import os
import pathlib
import shutil
import subprocess
import sys

from harness import DONE, PROGRAM, Case, main, run

PAGES = pathlib.Path(os.environ.get("HETA_PAGES") or pathlib.Path(PROGRAM).parent / "pages")
COMMANDS = ["attribute", "merge", "model info", "tokenize", "methods", "check", "report", "verify",
            "diff", "eval", "eval report", "metrics", "calibrate", "data build"]

# Completes the words it is given, the last of them, as bash does when a key is pressed.
ASK = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_heta
((${#COMPREPLY[@]} == 0)) || printf '%s\\n' "${COMPREPLY[@]}"
"""


def tool(name):
    """The path of a program, or None after saying that what needs it is skipped."""
    found = shutil.which(name)
    if not found:
        print(f"SKIPPED: {name} is not installed; what it would check is not checked.",
              file=sys.stderr)
    return found


def said(*command):
    """Everything a program says; it must end well."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60,
                          env={**os.environ, "LC_ALL": "C.UTF-8", "MANWIDTH": "80"})
    return done.returncode, done.stdout.decode()


class Manual(Case):
    def setUp(self):
        super().setUp()
        self.pages = sorted((PAGES / "man1").glob("*.1"))

    def test_one_page_for_each_command(self):
        names = {f"heta-{command.replace(' ', '-')}.1" for command in COMMANDS} | {"heta.1"}
        self.assertLessEqual(names, {page.name for page in self.pages})

    def test_every_option_of_the_help_is_in_the_page(self):
        for command in COMMANDS:
            text = (PAGES / f"man1/heta-{command.replace(' ', '-')}.1").read_text()
            asked = self.expect(DONE, run(*command.split(), "-h", COLUMNS="200")).out
            options = {word.rstrip(",") for line in asked.splitlines() if line.startswith("  ")
                       for word in line[:28].split() if word.startswith("--")}
            self.assertGreater(len(options), 1, asked)
            for option in options:
                self.assertIn(option.replace("-", "\\-"), text, command)

    def test_mandoc_finds_no_fault(self):
        if not tool("mandoc"):
            return
        # A page that is made from tables has no date of its own.
        _, words = said("mandoc", "-Tlint", "-Wwarning", *map(str, self.pages))
        faults = [line for line in words.splitlines() if "missing date" not in line]
        self.assertEqual([], faults)

    def test_groff_finds_no_fault(self):
        if not tool("groff"):
            return
        for page in self.pages:
            code, words = said("groff", "-man", "-Tutf8", "-ww", "-z", str(page))
            self.assertEqual((0, ""), (code, words), str(page))


class Completion(Case):
    def complete(self, *words):
        if not tool("bash"):
            self.skipTest("no bash")
        done = subprocess.run(["bash", "--norc", "-c", ASK, "ask", PAGES / "bash/heta", "heta",
                               *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              cwd=self.folder, timeout=60)
        self.assertEqual((0, b""), (done.returncode, done.stderr), words)
        return done.stdout.decode().split("\n")[:-1]

    def test_commands(self):
        first = {command.split()[0] for command in COMMANDS} | {"help"}
        self.assertLessEqual(first, set(self.complete("")))
        self.assertEqual(["attribute"], self.complete("att"))
        self.assertEqual(["info"], self.complete("model", "i"))
        self.assertEqual(["methods"], self.complete("help", "meth"))
        self.assertEqual([], self.complete("nonsense", ""))

    def test_options(self):
        self.assertEqual(["--max-memory"], self.complete("attribute", "--max-m"))
        self.assertEqual(["--probes"], self.complete("-m", "x.gguf", "--prob"))
        self.assertEqual(["--hash", "--help"], self.complete("model", "info", "--h"))
        self.assertNotIn("--probes", self.complete("tokenize", "--"))

    def test_values(self):
        self.assertEqual(["json", "jsonl"], self.complete("attribute", "--format", "js"))
        self.assertEqual(["json", "jsonl"], self.complete("attribute", "--format", "=", "js"))
        self.assertEqual(["auto", "yes", "no"], self.complete("attribute", "--bos", "="))
        self.assertEqual(["occlusion"], self.complete("-a", "oc"))
        self.assertEqual(["occlusion"], self.complete("methods", "oc"))
        self.assertIn("gauss-newton", self.complete("attribute", "--curvature", ""))
        self.assertEqual([], self.complete("attribute", "--threads", ""))

    def test_files(self):
        for name in ("a model.gguf", "a text.txt", "b*.json"):
            self.path(name).write_text("")
        self.assertEqual(["a model.gguf", "a text.txt"],
                         sorted(self.complete("attribute", "-m", "a")))
        self.assertEqual(["b*.json"], self.complete("merge", "b"))
        self.assertEqual([], self.complete("attribute", "a"))

    def test_every_shell_reads_its_file(self):
        for shell, name in (("bash", "bash/heta"), ("zsh", "zsh/_heta"),
                            ("fish", "fish/heta.fish")):
            if tool(shell):
                self.assertEqual((0, ""), said(shell, "-n", str(PAGES / name)), shell)

    def test_fish_offers_the_same(self):
        if not tool("fish"):
            return
        for line, wanted in (("heta att", "attribute"), ("heta model i", "info"),
                             ("heta -a occ", "occlusion"), ("heta attribute --prob", "--probes")):
            code, words = said("fish", "--no-config", "-c",
                               f"source {PAGES / 'fish/heta.fish'}; complete -C '{line}'")
            self.assertEqual(0, code, words)
            self.assertEqual([wanted], [w.split("\t")[0] for w in words.splitlines() if w], line)


if __name__ == "__main__":
    main()
