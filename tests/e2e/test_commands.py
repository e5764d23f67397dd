#!/usr/bin/env python3
"""test_commands.py: model info, tokenize and check on every tiny model."""
import hashlib
import json
import pathlib

from harness import DONE, FAILED, MODEL, TINY, USAGE, Case, main, run

MODELS = sorted(TINY.glob("*.gguf"))


class ModelInfo(Case):
    def test_every_tiny_model(self):
        self.assertGreater(len(MODELS), 3)
        for model in MODELS:
            with self.subTest(model=model.name):
                told = self.expect(DONE, run("model", "info", model, "--format", "json")).json
                self.assertEqual(model.stat().st_size, told["bytes"])
                fixture = json.loads(model.with_suffix(".json").read_text())
                self.assertEqual((fixture["width"], fixture["vocabulary"]),
                                 (told["width"], told["vocabulary"]))
                self.assertEqual("", run("model", "info", model).err)

    def test_what_a_family_adds_is_told(self):
        for name, lines in {
                "gemma2": ["window        4 keys in 2 of 3 layers", "score cap     2.5",
                           "logit cap     4", "embeddings    times 4.47214"],
                "gemma3": ["base 1e+06; base 10000 within windows", "4 keys in 6 of 7 layers"],
                "gpt2": ["positions     learned"],
                "phi3-long": ["rotary, 6 elements of a head, base 10000; others beyond "],
                "smollm3": ["none in 1 of 5 layers"]}.items():
            told = self.expect(DONE, run("model", "info", TINY / f"{name}.gguf")).out
            for line in lines:
                self.assertIn(line, told)

    def test_what_a_family_adds_is_told_to_programs(self):
        told = self.expect(DONE, run("model", "info", TINY / "gemma2.gguf", "--format",
                                     "json")).json
        self.assertEqual({"keys": 4, "layers": 2}, told["window"])
        self.assertEqual((2.5, 4.0), (told["attention_cap"], told["logit_cap"]))
        told = self.expect(DONE, run("model", "info", TINY / "gpt2.gguf", "--format", "json")).json
        self.assertEqual({"kind": "learned", "rotary_width": 0, "base": None, "local_base": None,
                          "long_from": None, "unrotated_layers": 0}, told["positions"])
        self.assertEqual((None, None, 1.0),
                         (told["window"], told["logit_cap"], told["embedding_scale"]))

    def test_fingerprint_is_the_files_sha256(self):
        expected = hashlib.sha256(pathlib.Path(MODEL).read_bytes()).hexdigest()
        told = self.expect(DONE, run("model", "info", MODEL, "--hash", "--format", "json")).json
        self.assertEqual({"kind": "sha256", "value": expected}, told["fingerprint"])


class Tokenize(Case):
    def test_ids_are_those_of_the_fixtures(self):
        for model in MODELS:
            with self.subTest(model=model.name):
                fixture = json.loads(model.with_suffix(".json").read_text())
                told = self.expect(DONE, run("tokenize", "-m", model, "-p", fixture["text"],
                                             "--bos", "no", "--format", "json")).json
                self.assertEqual(fixture["ids"], [token["id"] for token in told["tokens"]])

    def test_tokens_cover_the_text_once(self):
        text = "the \u00e9\u4e16 \U0001f469\u200d\U0001f469\r\n\x00end"
        path = self.path("text.txt")
        path.write_bytes(text.encode())
        told = self.expect(DONE, run("tokenize", "-m", MODEL, "-f", path, "--format", "json")).json
        self.assertEqual(told["count"], len(told["tokens"]))
        self.assertEqual(list(range(len(text.encode()))),
                         [i for t in told["tokens"] for i in range(t["start"], t["end"])])

    def test_table_keeps_control_bytes_from_the_terminal(self):
        out = self.expect(DONE, run("tokenize", "-m", MODEL, "-p", "a\x1b[2Jb\x07")).out
        for byte in "\x1b\x07":
            self.assertNotIn(byte, out)

    def test_invalid_text(self):
        self.refuse(USAGE, "tokenize", "-m", MODEL, "-p", b"ab\xff", said=["UTF-8", "2"])


class Check(Case):
    def test_engine_agrees_with_itself(self):
        result = run("check", "-m", MODEL, "-p", "the cat", "--format", "json")
        told = self.expect(DONE, result).json
        self.assertTrue(told["passed"])
        names = {item["name"] for item in told["checks"]}
        for name in ("gradient", "hvp", "symmetry"):
            self.assertIn(name, names)
        for item in told["checks"]:
            self.assertLessEqual(item["error"], item["limit"], item)
            self.assertGreater(item["limit"], 0)

    def test_every_tiny_model(self):
        for model in MODELS:
            with self.subTest(model=model.name):
                self.expect(DONE, run("check", "-m", model, "-p", "the cat in"))



class FullDisk(Case):
    """Whatever a command prints, a disk without room for it is said and is a failure."""

    def test_every_command(self):
        asked = ["-q", "-m", MODEL, "-p", "the cat", "-t", "1"]
        result, db, made = (str(self.path(n)) for n in ("r.json", "r.sqlite", "s.jsonl"))
        part = [str(self.path(f"{k}.json")) for k in (1, 2)]
        self.expect(DONE, run(*asked, "-a", "occlusion", "-o", result, "--format", "none"))
        for k in (1, 2):
            self.expect(DONE, run(*asked, "--probes", "2", "--part", f"{k}/2", "-o",
                                  part[k - 1], "--format", "none"))
        self.path("counterfact.json").write_text("[]")
        pathlib.Path(made).write_text(
            '{"id": "a", "text": "the cat in", "target": " in",'
            ' "spans": [{"role": "gold", "text": "cat"}]}\n')
        scored = ["eval", "-q", "-m", MODEL, "--suite", made, "--db", db, "-t", "1", "--subsets",
                  "4", "--metrics", "deletion,faithfulness-error", "--methods", "heta+probes=2"
                  ",heta+probes=2+gamma=0,heta+probes=2+beta=0"]
        self.expect(DONE, run(*scored))
        prints = {
            "attribute": asked,
            "plan": ["plan", "-m", MODEL, "-p", "the cat"],
            "report": ["report", result, "--format", "csv"],
            "merge": ["merge", *part, "-m", MODEL],
            "diff": ["diff", result, result],
            "compare": ["compare", *asked, "--methods", "random,uniform"],
            "verify": ["verify", result, "-m", MODEL],
            "eval report": ["eval", "report", db],
            "calibrate": ["calibrate", db, "--method", "heta+probes=2"],
            "model info": ["model", "info", MODEL],
            "model list": ["model", "list"],
            "tokenize": ["tokenize", "-m", MODEL, "-p", "ab"],
            "methods": ["methods"],
            "metrics": ["metrics"],
            "check": ["check", "-m", MODEL, "-p", "ab"],
            "bench": ["bench", "-m", MODEL, "-p", "the cat", "--repeats", "1"],
        }
        silent = {"eval", "data build", "model pull"}  # they write files, and speak on stderr
        said = self.expect(DONE, run("help")).out
        listed = said.partition("\nCommands\n")[2].splitlines()
        commands = {line[7:19].strip() for line in listed if line.startswith("  heta ")
                    and " -h " not in line}
        self.assertEqual(commands, {*prints, *silent})
        with open("/dev/full", "wb") as full:
            for name, words in prints.items():
                with self.subTest(command=name):
                    out = self.expect(FAILED, run(*words, stdout=full), "standard output", "space")
                    self.assertEqual(1, out.err.count("heta: "), str(out))
            for name in commands:
                with self.subTest(help=name):
                    self.expect(FAILED, run(*name.split(), "-h", stdout=full), "space")
            for words in (["help"], ["--version"], ["help", "plan"]):
                self.expect(FAILED, run(*words, stdout=full), "space")


if __name__ == "__main__":
    main()
