"""What `heta methods` and docs/methods.md say of each method; and that each one runs."""
import json
import re
import unittest

from harness import DONE, MODEL, ROOT, USAGE, run

METHODS = json.loads(run("methods", "--format", "json").out)
TEXT = "A cat. A dog. The cat in the"  # three sentences: some methods need them
NAMES = [method["name"] for method in METHODS]


def sections():
    """Heading -> text of each method in docs/methods.md."""
    text = (ROOT / "docs/methods.md").read_text(encoding="utf-8")
    parts = re.split(r"^### `([^`]+)`\n", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], (part.split("\n## ")[0] for part in parts[2::2])))


class Document(unittest.TestCase):
    def test_every_method_has_its_section(self):
        self.assertEqual(list(sections()), NAMES)

    def test_each_says_what_proves_it(self):
        for name, text in sections().items():
            with self.subTest(name):
                proof = re.search(r"^Proof: (.*)", text, re.MULTILINE | re.DOTALL)
                self.assertTrue(proof, "no line that begins with 'Proof: '")
                self.assertRegex(proof.group(1), r"`tests/[\w/.]+`")
                self.assertGreater(len(text[:proof.start()].split()), 15)

    def test_each_option_is_named(self):
        shared = {"normalise", "map", "objective", "mask", "keep", "passes"}
        for method in METHODS:
            for option in method["options"]:
                with self.subTest(f"{method['name']} --{option['name']}"):
                    if option["name"] not in shared and method["name"] != "heta":
                        self.assertIn(f"`--{option['name']}", sections()[method["name"]])


class Results(unittest.TestCase):
    def test_each_runs_and_says_how(self):
        for method in METHODS:
            with self.subTest(method["name"]):
                done = run("attribute", "-m", MODEL, "-p", TEXT, "-a", method["name"])
                self.assertEqual(done.code, DONE, done)
                made = done.json["attributions"][0]
                self.assertEqual(list(made["options"]), [o["name"] for o in method["options"]])
                score = made["rows"][0]["score"]
                self.assertTrue(all(value >= 0 for value in score), score)

    def test_normalised_scores(self):
        for method in METHODS:
            if not any(option["name"] == "normalise" for option in method["options"]):
                continue
            for how, total in (("sum", sum), ("max", max)):
                with self.subTest(f"{method['name']} {how}"):
                    done = run("attribute", "-m", MODEL, "-p", TEXT, "-a",
                               method["name"], "--normalise", how)
                    score = done.json["attributions"][0]["rows"][0]["score"]
                    self.assertAlmostEqual(total(score), 1, places=12)

    def score_of(self, *arguments):
        done = run("attribute", "-m", MODEL, "-p", "the cat in the", "-a", *arguments)
        self.assertEqual(done.code, DONE, done)
        return done.json["attributions"][0]["rows"][0]["score"]

    def test_controls(self):
        even = self.score_of("uniform")
        n = len(even)
        self.assertEqual(even, [1 / n] * n)
        self.assertEqual(self.score_of("position"), [(i + 1) / n for i in range(n)])
        self.assertEqual(self.score_of("position", "--toward", "first"),
                         [(n - i) / n for i in range(n)])
        random = self.score_of("random", "--seed", "5")
        self.assertEqual(random, self.score_of("random", "--seed", "5"))
        self.assertNotEqual(random, self.score_of("random", "--seed", "6"))
        self.assertEqual(len(set(random)), n)
        self.assertTrue(all(0 < value < 1 for value in random), random)

    def test_an_unknown_choice(self):
        done = run("attribute", "-m", MODEL, "-p", "x", "-a", "occlusion", "--map", "squared")
        self.assertEqual(done.code, USAGE, done)
        self.assertIn("positive|absolute", done.err)


if __name__ == "__main__":
    unittest.main()
