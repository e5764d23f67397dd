"""What `heta methods` and docs/methods.md say of each method; and that each one runs."""
import json
import re
import unittest

from harness import DONE, MODEL, ROOT, USAGE, run

METHODS = json.loads(run("methods", "--format", "json").out)
TEXT = "A cat. A dog. The cat in the"  # three sentences: some methods need them
# The tiny model reads 64 tokens: no more room for what is put behind the text.
FITTING = {"sea-tokens": ["--length", 8]}
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
        shared = {"normalise", "map", "objective", "mask", "baseline", "keep", "passes"}
        for method in METHODS:
            for option in method["options"]:
                with self.subTest(f"{method['name']} --{option['name']}"):
                    if option["name"] not in shared and method["name"] != "heta":
                        self.assertIn(f"`--{option['name']}", sections()[method["name"]])


class Results(unittest.TestCase):
    def test_each_runs_and_repeats(self):
        """Two targets; the same bytes with one thread and with two."""
        for method in METHODS:
            with self.subTest(method["name"]):
                first, second = (run("attribute", "-m", MODEL, "-p", TEXT, "-n", "2", "-a",
                                     method["name"], *FITTING.get(method["name"], []),
                                     "--threads", threads).json
                                 for threads in "12")
                for key in ("status", "attributions", "targets", "input"):
                    self.assertEqual(first[key], second[key])
                self.assertEqual(first["status"], "complete")
                made = first["attributions"][0]
                self.assertEqual(list(made["options"]), [o["name"] for o in method["options"]])
                self.assertEqual(len(made["rows"]), 2)
                for row in made["rows"]:
                    self.assertTrue(all(value >= 0 for value in row["score"]), row["score"])

    def test_normalised_scores(self):
        for name, how, total in (("ig", "sum", sum), ("occlusion", "max", max)):
            with self.subTest(f"{name} {how}"):
                self.assertAlmostEqual(total(self.score_of(name, "--normalise", how)), 1, places=12)

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

    def test_configurations(self):
        def row(*more):
            done = run("attribute", "-m", MODEL, "-p", "the cat in the", "--probes", "2", *more)
            self.assertEqual(done.code, DONE, done)
            made = done.json["attributions"][0]
            return made["options"], made["rows"][0]

        options, full = row()
        self.assertEqual(options["config"], "full")
        parts = full["components"]
        for config, option, value, formula in (
                ("gate", "beta", 0.5, lambda m, s, i: m),
                ("curvature", "gamma", 0, lambda m, s, i: m * (0.5 * s)),
                ("information", "beta", 0, lambda m, s, i: m * (0.5 * i)),
                ("no-gate", "gate", "none", lambda m, s, i: 0.5 * s + 0.5 * i),
                ("uniform-gate", "gate", "uniform",
                 lambda m, s, i: (0.5 * s + 0.5 * i) / len(full["score"]))):
            with self.subTest(config):
                options, made = row("--config", config)
                self.assertEqual(options[option], value)
                wanted = [formula(*numbers) for numbers in
                          zip(parts["gate"], parts["curvature"], parts["information"])]
                for a, b in zip(made["score"], wanted):
                    self.assertAlmostEqual(a, b, delta=1e-12 * abs(b))
        options, made = row("--config", "product")
        drops = parts["logprob_change"]
        for got, s, drop in zip(made["score"], parts["curvature"], drops):
            self.assertAlmostEqual(got, s * max(0, drop), delta=1e-12 * abs(got))
        self.assertTrue(any(made["score"]) and any(drop < 0 for drop in drops))
        for got, error, drop in zip(made["score_se"], made["se"]["curvature"], drops):
            self.assertAlmostEqual(got, error * max(0, drop), delta=1e-12 * abs(got))
        done = run("attribute", "-m", MODEL, "-p", "x", "--config", "no-gate", "--beta", "1")
        self.assertEqual(done.code, USAGE, done)
        self.assertIn("leave --beta away", done.err)

    def test_what_does_not_depend_on_the_target_takes_no_foil(self):
        for name in ("attention-last", "attention-rollout", "value-norms", "peering", "flashtrace",
                     "progressive-sp"):
            with self.subTest(name):
                done = run("attribute", "-m", MODEL, "-p", "the", "--target", "t", "--foil", "h",
                           "-a", name)
                self.assertEqual(done.code, USAGE, done)
                self.assertIn("foil", done.err)

    def test_refusals(self):
        for arguments, words in (
                (("ig", "--steps", "1", "--rule", "grid"), "at least 2"),
                (("ig", "--steps", "0"), "whole number from 1"),
                (("ig", "--baseline", "pad"), "--baseline token:ID"),
                (("grad-cam", "--layer", "3"), "takes 0 to 2"),
                (("attention-last", "--layer", "3"), "takes 0 to 2"),
                (("peering", "--layer", "4"), "takes 0 to 3"),
                (("peering", "--anchors", "2"), "--window"),
                (("flashtrace", "--hops", "1"), "--flow span"),
                (("flashtrace", "--flow", "span", "--answer", "2"), "only 1 targets")):
            with self.subTest(" ".join(arguments)):
                done = run("attribute", "-m", MODEL, "-p", "the cat", "-a", *arguments)
                self.assertEqual(done.code, USAGE, done)
                self.assertIn(words, done.err)

    def test_an_unknown_choice(self):
        done = run("attribute", "-m", MODEL, "-p", "x", "-a", "occlusion", "--map", "squared")
        self.assertEqual(done.code, USAGE, done)
        self.assertIn("positive|absolute", done.err)


if __name__ == "__main__":
    unittest.main()
