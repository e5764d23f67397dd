#!/usr/bin/env python3
"""test_real_chats.py: a chat with a system message and two documents on the demo model, whose own
template is recognised. Needs HETA_TEST_MODEL."""
import sys

from harness import DONE, Case, main, read, real_model, run

MODEL = real_model()


class RealChats(Case):
    def test_which_document_an_answer_rests_on(self):
        hours, returns = self.path("hours.txt"), self.path("returns.txt")
        hours.write_text("The shop opens at nine.\n", encoding="utf-8")
        returns.write_text("A book can be returned within thirty days.\n", encoding="utf-8")
        out = self.path("out.json")
        told = self.expect(DONE, run(
            "attribute", "-m", MODEL, "-sys", "Answer briefly.", "--user",
            "When does the shop open?", "--document", f"hours={hours}", "--document",
            f"returns={returns}", "--target", "The shop opens at nine", "-a", "gradient-norm",
            "--level", "document", "--format", "term", "--verbose-prompt", "-o", out,
            "--assert", "target:4 share(document:hours) > 0"))
        self.assertIn("prompt, chat template smollm2:\n"
                      "<|im_start|>system\nAnswer briefly.<|im_end|>\n"
                      "<|im_start|>user\nDocument hours:\nThe shop opens at nine.\n\n", told.err)
        for words in ("document hours", "document returns", "system 1", "user 2",
                      "first token (sink)", "template"):
            self.assertIn(words, told.out)
        result = read(out)
        # One token for each special one, though they stand in a text.
        tokens = result["input"]["tokens"]
        self.assertEqual(5, sum(t["text"] in ("<|im_start|>", "<|im_end|>") for t in tokens))
        self.assertNotIn("bos", {t["kind"] for t in tokens})


if __name__ == "__main__":
    sys.exit(77) if MODEL is None else main()
