#!/usr/bin/env python3
"""test_information.py: `--information N` masks the tokens of the largest gate and says so."""
from harness import DONE, MODEL, USAGE, Case, main, read, run

BASE = ["attribute", "-m", MODEL, "-p", "the cat in the hat", "--probes", 2, "-q"]
EXACT = ("gate", "curvature", "gradient")
MASKED = ("information", "logprob_change", "envelope")


def row_of(result):
    (row,) = result["attributions"][0]["rows"]
    return row


class Information(Case):
    def ask(self, *options):
        return self.expect(DONE, run(*BASE, "--format", "json", *options)).json

    def test_the_largest_gates_are_masked_and_the_rest_is_null(self):
        whole, some = self.ask(), self.ask("--information", 4)
        full, part = row_of(whole), row_of(some)
        gates = full["components"]["gate"]
        chosen = set(sorted(range(len(gates)), key=lambda i: (-gates[i], i))[:4])
        for name in EXACT:
            self.assertEqual(part["components"][name], full["components"][name])
        for name, values in [("score", part["score"]),
                             *((name, part["components"][name]) for name in MASKED)]:
            wanted = full["score"] if name == "score" else full["components"][name]
            self.assertEqual(values, [w if i in chosen else None for i, w in enumerate(wanted)])
        self.assertEqual((some["status"], part["status"]), ("complete", "complete"))
        costs = [result["attributions"][0]["cost"] for result in (whole, some)]
        self.assertEqual(costs[0]["forwards"] - costs[1]["forwards"], len(gates) - 4)
        self.assertLess(costs[1]["flop"], costs[0]["flop"])

    def test_more_than_there_are_is_all(self):
        self.assertEqual(row_of(self.ask("--information", 999)), row_of(self.ask()))

    def test_it_is_said(self):
        said = self.expect(DONE, run(*[w for w in BASE if w != "-q"], "--information", 4)).err
        self.assertIn("4 of 13 tokens were masked", said)

    def test_parts_are_the_whole(self):
        parts = [self.path(f"part{k}.json") for k in (1, 2)]
        for k, part in enumerate(parts, 1):
            self.expect(DONE, run(*BASE, "--information", 5, "--part", f"{k}/2", "-o", part,
                                  "--format", "none"))
        out = self.path("whole.json")
        self.expect(DONE, run("merge", *parts, "-m", MODEL, "-o", out, "--format", "none"))
        self.assertEqual(row_of(read(out)), row_of(self.ask("--information", 5)))
        for form in ("term", "json", "csv"):
            self.expect(DONE, run("report", out, "--format", form, "--level", "word"))

    def test_without_a_gate_nothing_is_chosen(self):
        refused = self.refuse(USAGE, *BASE, "--information", 4, "--gate", "none")
        self.assertIn("--gate none", refused.err)


if __name__ == "__main__":
    main()
