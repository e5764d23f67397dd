"""`heta compare`: one text, several methods, side by side."""
import json
import unittest

from harness import DONE, MODEL, USAGE, run

TEXT = "A cat. A dog. The cat in the"


def compare(*arguments):
    return run("compare", "-q", "-m", MODEL, "-p", TEXT, *arguments)


class Compare(unittest.TestCase):
    def test_numbers_are_those_of_each_method_alone(self):
        done = compare("--methods", "ig+steps=5,occlusion,uniform", "--format", "json")
        self.assertEqual(done.code, DONE, done)
        made = json.loads(done.out)
        self.assertEqual([m["label"] for m in made["methods"]],
                         ["ig+steps=5", "occlusion", "uniform"])
        alone = run("attribute", "-m", MODEL, "-p", TEXT, "-a", "ig", "--steps", "5").json
        row = alone["attributions"][0]["rows"][0]
        for a, b in zip(made["methods"][0]["signed_score"], row["signed_score"], strict=True):
            self.assertAlmostEqual(a, b, delta=1e-14)
        self.assertEqual(made["target"]["id"], alone["targets"][0]["id"])
        for method in made["methods"]:
            curve = method["deletion_curve"]
            self.assertEqual(len(curve), 21)
            area = sum((a + b) / 2 for a, b in zip(curve, curve[1:])) / 20
            self.assertAlmostEqual(method["deletion_auc"], area, places=12)
            self.assertEqual(method["insertion_curve"][-1], curve[0])  # nothing is removed
        ranks = made["rank_correlation"]
        self.assertAlmostEqual(ranks[0][0], 1, places=12)
        self.assertEqual(ranks[0][1], ranks[1][0])
        self.assertIsNone(ranks[2][0])  # all the same: no ranks

    def test_other_forms(self):
        done = run("compare", "-m", MODEL, "-p", TEXT, "-n", "2", "--methods", "uniform")
        self.assertIn("1 of 1: uniform", done.err)
        self.assertIn("there are 2 targets; the first is compared", done.err)
        for form, words in (("term", ("deletion", "rank correlation", "ig")),
                            ("html", ("<svg", "Rank correlation", "occlusion"))):
            done = compare("--methods", "ig+steps=2,occlusion", "--format", form)
            self.assertEqual(done.code, DONE, done)
            for word in words:
                self.assertIn(word, done.out)

    def test_passes_are_capped(self):
        """Those that take passes, unless they say how many themselves; what that leaves too few
        for is left out of all."""
        done = compare("--methods", "lime,ig+steps=2,kernel-shap+passes=90", "--passes", 40,
                       "--format", "json")
        self.assertEqual(done.code, DONE, done)
        made = {m["label"]: m for m in json.loads(done.out)["methods"]}
        self.assertEqual(list(made), ["lime+passes=40", "ig+steps=2", "kernel-shap+passes=90"])
        self.assertEqual(made["lime+passes=40"]["forwards"], 41)  # and one to begin
        self.assertEqual(made["kernel-shap+passes=90"]["forwards"], 91)
        self.assertIn("passes=40", made["lime+passes=40"]["options"])

    def test_what_does_not_suit(self):
        done = compare("--methods", "ig,nothing")
        self.assertEqual(done.code, USAGE, done)
        self.assertIn("there is no method 'nothing'", done.err)
        done = compare("--methods", "ig+steps=2,peering", "--target", "t", "--foil", "h")
        self.assertEqual(done.code, USAGE, done)
        self.assertIn("peering: method peering gives the same scores", done.err)


if __name__ == "__main__":
    unittest.main()
