#!/usr/bin/env python3
"""test_tokenizers.py: a folder whose tokenizer puts a space before a text: how texts are tokenised,
and what a target that continues the prompt gets."""
import json
import shutil

from harness import DONE, TINY, UNREADABLE, Case, main, run

MARK = "▁"
NAMES = ["<unk>", "<s>", "a", "b", "c", MARK, f"{MARK}a", f"{MARK}b", "ab", f"{MARK}ab", "<t>"]
MERGES = [[MARK, "a"], [MARK, "b"], ["a", "b"], [f"{MARK}a", "b"]]


class Tokenizers(Case):
    def setUp(self):
        super().setUp()
        self.folder = self.path("model")
        shutil.copytree(TINY / "llama-gqa", self.folder)
        self.put("tokenizer_config.json", {"bos_token": "<s>", "eos_token": "<s>"})
        self.tokenizer = {
            "normalizer": {"type": "Sequence", "normalizers": [
                {"type": "Prepend", "prepend": MARK},
                {"type": "Replace", "pattern": {"String": " "}, "content": MARK}]},
            "post_processor": {"type": "TemplateProcessing", "single": [
                {"SpecialToken": {"id": "<s>"}}, {"Sequence": {"id": "A"}}]},
            "added_tokens": [{"id": NAMES.index(name), "content": name, "special": True,
                              "normalized": False} for name in ("<unk>", "<s>", "<t>")],
            "model": {"type": "BPE", "unk_token": "<unk>", "fuse_unk": True, "merges": [*MERGES],
                      "vocab": {name: k for k, name in enumerate(NAMES)}}}
        self.put("tokenizer.json", self.tokenizer)

    def put(self, name, content):
        (self.folder / name).write_text(json.dumps(content))

    def tokens(self, *arguments):
        told = self.expect(DONE, run("tokenize", "-m", self.folder, "--format", "json",
                                     *arguments)).json
        return [NAMES[token["id"]] for token in told["tokens"]]

    def attributed(self, *arguments):
        told = self.expect(DONE, run("attribute", "-m", self.folder, "--probes", 2, "--format",
                                     "json", *arguments)).json
        return [NAMES[token["id"]] for token in told["input"]["tokens"]]

    def test_space_before_a_text(self):
        self.assertEqual(["<s>", f"{MARK}ab", f"{MARK}b", "<unk>"], self.tokens("-p", "ab bxy"))
        self.assertEqual(["<s>", f"{MARK}a", "<t>", f"{MARK}ab"],
                         self.tokens("-p", "a<t>ab", "--special"))

    def test_target_goes_on(self):
        start = ["<s>", f"{MARK}ab"]
        self.assertEqual(start + [f"{MARK}b"], self.attributed("-p", "ab", "--target", " b"))
        self.assertEqual(start + ["c"], self.attributed("-p", "ab", "--target", "c"))
        self.assertEqual(start + ["<t>", f"{MARK}b"],
                         self.attributed("-p", "ab<t>", "--special", "--target", "b"))

    def test_ids_without_a_token(self):
        told = self.expect(DONE, run("model", "info", "-m", self.folder)).out
        self.assertIn("llama default, 263 tokens", told)

    def test_refused(self):
        self.tokenizer["model"]["merges"][1] = ["c", "c"]
        self.put("tokenizer.json", self.tokenizer)
        self.refuse(UNREADABLE, "model", "info", "-m", self.folder,
                    said=["tokenizer.json", "model.merges[1]", '"c c"', "not in the vocabulary"])
        (self.folder / "tokenizer.json").unlink()
        self.refuse(UNREADABLE, "model", "info", "-m", self.folder,
                    said=["tokenizer.json", "save_pretrained"])


if __name__ == "__main__":
    main()
