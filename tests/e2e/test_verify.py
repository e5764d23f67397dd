#!/usr/bin/env python3
"""test_verify.py: heta verify computes a part of a result again and says whether it holds."""
import json

from harness import CHECK, DONE, FAILED, MODEL, TINY, UNREADABLE, USAGE, Case, main, read, run


class Verify(Case):
    def setUp(self):
        super().setUp()
        self.file = self.path("out.json")
        self.expect(DONE, run("attribute", "-m", MODEL, "-p", "the cat in the hat", "-n", "2",
                              "--format", "none", "-o", self.file))

    def changed(self, change):
        """A copy of the result, changed."""
        result = read(self.file)
        change(result, result["attributions"][0]["rows"][1])
        copy = self.path("changed.json")
        copy.write_text(json.dumps(result))
        return copy

    def test_an_honest_result_holds(self):
        result = self.expect(DONE, run("verify", self.file))
        self.assertIn("2 of 14 context tokens", result.out)
        self.assertIn("the result holds", result.out)
        self.assertEqual("", result.err)
        whole = self.expect(DONE, run("verify", self.file, "--fraction", "1", "--format",
                                      "json")).json
        self.assertTrue(whole["holds"])
        self.assertEqual(14, whole["tokens"])
        self.assertGreater(whole["compared"], 14 * 2 * 6)
        # On the machine that computed it, to the last bit.
        self.assertEqual(whole["compared"], whole["identical"])
        self.assertIsNone(whole["largest_difference"])

    def test_the_seed_draws_the_tokens(self):
        def component(result, row):
            row["components"]["information"][5] *= 1.5
        copy, codes = self.changed(component), set()
        for seed in range(6):
            first, again = (run("verify", copy, "--seed", seed, "--fraction", "0.5")
                            for _ in range(2))
            self.assertEqual((first.code, first.out), (again.code, again.out))
            codes.add(first.code)
        self.assertEqual({DONE, CHECK}, codes)

    def test_whatever_is_changed_does_not_hold(self):
        def score(result, row):
            row["score"][3] += max(row["score"]) / 10

        def gate(result, row):
            row["components"]["gate"][2] *= 1.01

        def logprob(result, row):
            result["targets"][0]["logprob"] -= 0.1

        for change, what in ((score, "score"), (gate, "gate"), (logprob, "logprob")):
            found = self.expect(CHECK, run("verify", self.changed(change), "--fraction", "1",
                                           "--format", "json"), "1 of ", "differ").json
            self.assertFalse(found["holds"])
            self.assertEqual(1, found["too_far"])
            self.assertEqual(what, found["largest_difference"]["what"])
        # Within the tolerance it does.
        def slightly(result, row):
            row["components"]["gate"][2] *= 1.0001
        copy = self.changed(slightly)
        self.expect(DONE, run("verify", copy, "--fraction", "1"))
        self.expect(CHECK, run("verify", copy, "--fraction", "1", "--tolerance", "1e-6"))

    def test_another_target_does_not_hold(self):
        def target(result, row):
            result["targets"][0]["id"] = (result["targets"][0]["id"] + 1) % 100
            result["input"]["tokens"][result["targets"][0]["position"]]["id"] = \
                result["targets"][0]["id"]
        self.expect(CHECK, run("verify", self.changed(target)), "the result does not hold")

    def test_another_model(self):
        self.refuse(UNREADABLE, "verify", self.file, "-m", TINY / "llama-mha.gguf",
                    said=["is not the model of this result", "-m"])

    def test_a_model_that_moved(self):
        def away(result, row):
            result["model"]["file"] = "/nowhere/model.gguf"
        moved = self.changed(away)
        self.refuse(UNREADABLE, "verify", moved, said=["/nowhere/model.gguf", "-m says where"])
        self.expect(DONE, run("verify", moved, "-m", MODEL))

    def test_what_cannot_be_verified(self):
        part = self.path("part.json")
        self.expect(DONE, run("attribute", "-m", MODEL, "-p", "the cat", "--part", "1/2",
                              "--format", "none", "-o", part))
        self.refuse(USAGE, "verify", part, said=["complete", "--continue"])
        self.refuse(FAILED, "verify", MODEL)
        for option in ("--fraction", "--tolerance"):
            for value in ("0", "2", "nan", "half", ""):
                self.refuse(USAGE, "verify", self.file, option, value, said=[option])


if __name__ == "__main__":
    main()
