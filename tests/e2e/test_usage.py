#!/usr/bin/env python3
"""test_usage.py: help, and every way to call heta wrongly: exit code 2, one sentence that helps."""
from harness import DONE, MODEL, USAGE, Case, main, run

COMMANDS = ["attribute", "merge", "model info", "model list", "model pull", "tokenize", "methods",
            "check", "eval", "eval report", "metrics", "calibrate", "data build"]


class Help(Case):
    def test_version(self):
        result = self.expect(DONE, run("--version"))
        self.assertRegex(result.out, r"^heta \d+\.\d+\.\d+\n$")
        self.assertEqual("", result.err)

    def test_without_arguments_usage_goes_to_stderr(self):
        result = self.expect(USAGE, run())
        self.assertEqual("", result.out)
        for command in COMMANDS:
            self.assertIn(f"heta {command}", result.err)

    def test_overview(self):
        for arguments in (["help"], ["-h"], ["--help"]):
            result = self.expect(DONE, run(*arguments))
            self.assertEqual("", result.err)
            for command in COMMANDS:
                self.assertIn(f"heta {command}", result.out)
            for code in ("130", "141"):
                self.assertIn(code, result.out)

    def test_each_command_has_help(self):
        for command in COMMANDS:
            words = command.split()
            asked = self.expect(DONE, run(*words, "-h"))
            self.assertIn(command, asked.out)
            self.assertEqual("", asked.err)
            self.assertEqual(asked.out, self.expect(DONE, run(*words, "--help")).out)
            self.assertEqual(asked.out, self.expect(DONE, run("help", *words)).out)

    def test_help_fits_the_terminal(self):
        for columns in (60, 80, 100):
            result = self.expect(DONE, run("attribute", "-h", COLUMNS=str(columns)))
            wide = [line for line in result.out.splitlines() if len(line) > columns]
            self.assertEqual([], [line for line in wide if not line.startswith("  heta ")])

    def test_help_lists_the_options_of_the_method(self):
        asked = self.expect(DONE, run("attribute", "-h")).out
        for option in ("--model", "--prompt", "--target", "--foil", "--seed", "--threads",
                       "--max-memory", "--max-time", "--beta", "--probes", "--mask"):
            self.assertIn(option, asked)

    def test_methods_and_their_options(self):
        listed = self.expect(DONE, run("methods")).out
        self.assertIn("heta", listed)
        self.assertIn("--beta", self.expect(DONE, run("methods", "heta")).out)
        told = self.expect(DONE, run("methods", "--format", "json")).json
        self.assertTrue(told)
        self.refuse(USAGE, "methods", "hetta", said=["hetta", "heta"])


class WrongUse(Case):
    def test_unknown_command(self):
        self.refuse(USAGE, "attrbute", "-m", MODEL, said=["attrbute", "did you mean", "attribute"])
        self.refuse(USAGE, "tokenise", "-m", MODEL, said=["tokenize"])
        self.refuse(USAGE, "zzzzzzzz", said=["zzzzzzzz", "heta help"])
        self.refuse(USAGE, "llama.gguf", said=["a model file is named with -m: heta -m llama.gguf"])
        self.refuse(USAGE, "model", said=["model info, model list or model pull"])
        self.assertIn("heta model info", self.expect(DONE, run("help", "model")).out)

    def test_unknown_option_names_the_nearest(self):
        for typed, meant in (("--treads", "--threads"), ("--max-memroy", "--max-memory"),
                             ("--ouput", "--output"), ("--bta", "--beta"),
                             ("--probe", "--probes"), ("--tarket", "--target")):
            self.refuse(USAGE, "attribute", "-m", MODEL, "-p", "abc", typed, "1",
                        said=[typed, meant])

    def test_unknown_letter(self):
        self.refuse(USAGE, "attribute", "-m", MODEL, "-p", "abc", "-Z", said=["-Z"])

    def test_what_is_missing(self):
        self.refuse(USAGE, "attribute", "-p", "abc", said=["-m"])
        self.refuse(USAGE, "attribute", "-m", MODEL, "-p", said=["-p"])
        self.refuse(USAGE, "tokenize", "-p", "abc", said=["-m"])
        self.refuse(USAGE, "model", "info")
        self.refuse(USAGE, "merge", "-m", MODEL)

    def test_values_out_of_range(self):
        for option, value in (("--threads", "0"), ("--threads", "two"), ("--threads", "1.5"),
                              ("--seed", "-1"), ("--seed", "18446744073709551616"),
                              ("--predict", "0"), ("--max-memory", "lots"),
                              ("--max-memory", "-1G"), ("--max-time", "soon"),
                              ("--part", "3/2"), ("--part", "0/2"), ("--part", "1"),
                              ("--bos", "maybe"), ("--format", "yaml"), ("--backend", "gpu"),
                              ("--precision", "f16")):
            self.refuse(USAGE, "attribute", "-m", MODEL, "-p", "abc", option, value,
                        said=[option, value])

    def test_method_options_out_of_range(self):
        for option, value in (("--beta", "-0.5"), ("--beta", "nan"), ("--beta", "half"),
                              ("--probes", "0"), ("--probes", "1.5"), ("--curvature", "round"),
                              ("--mask", "paint")):
            self.refuse(USAGE, "attribute", "-m", MODEL, "-p", "abc", option, value,
                        said=[option[2:], value])

    def test_contradictions(self):
        base = ["attribute", "-m", MODEL]
        self.refuse(USAGE, *base, "-p", "abc", "--target", "d", "--predict", "2",
                    said=["--predict", "--target"])
        self.refuse(USAGE, *base, "-p", "abc", "--last", "--target", "d",
                    said=["--last", "--target"])
        self.refuse(USAGE, *base, "-p", "abc", "-f", "file.txt", said=["-f", "--prompt"])
        self.refuse(USAGE, *base, "-p", "abc", "--join", said=["--join", "--target"])
        self.refuse(USAGE, *base, "-p", "abc", "--seed", "1", "--seed", "2",
                    said=["--seed", "twice"])
        self.refuse(USAGE, *base, "-p", "abc", "-o", "a.json", "-o", "a.json", said=["twice"])

    def test_unknown_method(self):
        self.refuse(USAGE, "attribute", "-m", MODEL, "-p", "abc", "-a", "hetta",
                    said=["hetta", "did you mean"])

    def test_a_word_that_belongs_to_no_option(self):
        self.refuse(USAGE, "attribute", "-m", MODEL, "abc", said=["abc", "-p"])


if __name__ == "__main__":
    main()
