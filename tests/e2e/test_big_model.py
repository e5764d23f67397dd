#!/usr/bin/env python3
"""test_big_model.py: tools/make_big_model.py writes sound files of both shapes, here small ones."""
import subprocess
import sys

from harness import DONE, ROOT, TINY, Case, main, run

TOOL = str(ROOT / "tools/make_big_model.py")


class BigModel(Case):
    def make(self, shape, *options):
        path = self.path("big.gguf")
        subprocess.run([sys.executable, TOOL, shape, path, "--layers", "2", *options], check=True,
                       stdout=subprocess.DEVNULL)
        return path

    def info(self, path):
        told = run("model", "info", path, "--format", "json")
        return self.expect(DONE, told).json

    def finite(self, path):
        """The model runs, and its activations and derivatives stay in bounds."""
        result = self.expect(DONE, run("attribute", "-m", path, "-p", "the cat", "--probes", "1",
                                       "--curvature", "row", "--format", "json")).json
        row = result["attributions"][0]["rows"][0]
        self.assertTrue(all(0 <= score < 1e6 for score in row["score"]), row)

    def test_llama(self):
        path = self.make("llama-3.1-8b", "--divide", "32")
        info = self.info(path)
        self.assertEqual(("llama", 2, 128, 448, 4008),
                         (info["architecture"], info["layers"], info["width"],
                          info["feed_forward_width"], info["vocabulary"]))
        self.assertEqual({"F32", "Q4_0"}, set(info["weight_types"]))
        self.finite(path)

    def test_gptj(self):
        path = self.make("gpt-j-6b", "--divide", "16")
        info = self.info(path)
        self.assertEqual(("gptj", 2, 256, 1024, 3150),
                         (info["architecture"], info["layers"], info["width"],
                          info["feed_forward_width"], info["vocabulary"]))
        self.finite(path)

    def test_same_file_on_every_run(self):
        first = self.make("llama-3.1-8b", "--divide", "32").read_bytes()
        self.assertEqual(first, self.make("llama-3.1-8b", "--divide", "32").read_bytes())
        self.assertNotEqual(first, self.make("llama-3.1-8b", "--divide", "32", "--seed",
                                             "2").read_bytes())

    def test_tokenizer_of_another_file(self):
        other = TINY / "llama-gqa.gguf"
        taken = self.info(self.make("llama-3.1-8b", "--divide", "32", "--tokenizer", str(other)))
        self.assertEqual(self.info(other)["tokenizer"], taken["tokenizer"])
        self.assertEqual(self.info(other)["vocabulary"], taken["vocabulary"])


if __name__ == "__main__":
    main()
