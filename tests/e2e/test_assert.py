#!/usr/bin/env python3
"""test_assert.py: --assert of heta attribute and heta report: exit code 3 when a claim fails."""
from harness import DONE, MODEL, USAGE, Case, main, read, run

ASSERT = 3
JOB = ["attribute", "-m", MODEL, "-p", "the cat in the", "--format", "none"]


class Assert(Case):
    def share(self, result, token):
        """A token's share and its standard error, by the formula of docs/assert.md."""
        row = result["attributions"][0]["rows"][0]
        whole = sum(row["score"])
        share = row["score"][token] / whole
        moves = [((i == token) - share) * error / whole for i, error in enumerate(row["score_se"])]
        return share, sum(move * move for move in moves) ** 0.5

    def test_a_claim_that_holds(self):
        held = self.expect(DONE, run(*JOB, "--assert", "share(word:cat) > 0"), "holds: it is 0.")
        self.assertIn("±", held.err)
        self.assertNotIn("share", run(*JOB, "-q", "--assert", "share(word:cat) > 0").err)

    def test_a_claim_that_fails_still_writes_the_result(self):
        out = self.path("out.json")
        failed = self.expect(ASSERT, run(*JOB, "-o", out, "--assert", "share(token:1) > 0.99"),
                             "share(token:1) > 0.99 does not hold: it is 0.")
        said = failed.err.split("it is ")[1].split()
        share, error = self.share(read(out), 1)
        self.assertAlmostEqual(1, float(said[0]) / share, delta=1e-3)
        self.assertAlmostEqual(1, float(said[2]) / error, delta=0.06)
        # The same of the stored result.
        again = self.expect(ASSERT, run("report", out, "--format", "none", "--assert",
                                        "share(token:1) > 0.99"))
        said = [line for line in failed.err.splitlines() if "does not hold" in line]
        self.assertEqual(said, again.err.splitlines())

    def test_every_target_or_one(self):
        out = self.path("out.json")
        self.expect(DONE, run(*JOB, "-n", "2", "-o", out, "--assert", "share(role:prompt) > 0"),
                    "target 0: ", "target 1: ")
        one = self.expect(DONE, run("report", out, "--format", "none", "--assert",
                                    "target:1 share(role:prompt) < 1"))
        self.assertNotIn("target 0", one.err)
        # All of the first target's context is prompt, but not all of the second's.
        self.expect(ASSERT, run("report", out, "--format", "none", "--assert",
                                "share(role:prompt) < 1"), "target 0")
        self.expect(USAGE, run("report", out, "--format", "none", "--assert",
                               "target:2 share(role:prompt) < 1"), "the last 1")

    def test_several_are_all_judged(self):
        result = self.expect(ASSERT, run(*JOB, "--assert", "share(token:0) > 1", "--assert",
                                         "top(99) contains cat and top(1) contains token:0"))
        self.assertIn("top(99) contains cat holds", result.err)
        self.assertEqual(2, result.err.count("does not hold"))

    def test_what_cannot_be_judged(self):
        self.refuse(USAGE, *JOB, "--assert", "share(cat) > 1", said=["column 7", "kind of place"])
        self.refuse(USAGE, *JOB, "--part", "1/2", "--assert", "share(token:0) > 0",
                    said=["--part", "heta report --assert"])
        self.expect(USAGE, run(*JOB, "--assert", "share(word:dog) > 0"), "no such word: dog")
        # Before any file is opened.
        self.refuse(USAGE, "report", "nowhere.json", "--assert", "share", said=["column 6"])


if __name__ == "__main__":
    main()
