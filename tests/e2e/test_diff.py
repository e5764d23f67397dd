#!/usr/bin/env python3
"""test_diff.py: heta diff compares two results: aligned tokens, changes of share, rank order."""
import html.parser
import json

from harness import DONE, MODEL, TINY, USAGE, Case, main, run, shown


class Page(html.parser.HTMLParser):
    """Which elements are open, and the text of each kind."""

    def __init__(self, page):
        super().__init__()
        self.open, self.words = [], {}
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attributes):
        if tag not in ("meta",):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, (tag, self.open)
        self.open.pop()

    def handle_data(self, data):
        if self.open:
            self.words.setdefault(self.open[-1], []).append(data)


class Diff(Case):
    def result(self, name, *options):
        out = self.path(name)
        self.expect(DONE, run("attribute", "-q", "--format", "none", "-o", out, *options))
        return out

    def compared(self, *options):
        return json.loads(self.expect(DONE, run("diff", *options, "--format", "json")).out)

    def test_a_result_and_itself(self):
        a = self.result("a.json", "-m", MODEL, "-p", "the cat in the hat", "-n", "2")
        same = self.compared(a, a)
        self.assertEqual([], same["differ_in"])
        self.assertEqual(2, len(same["targets"]))
        for target in same["targets"]:
            self.assertEqual(1, target["rank_correlation"]["value"])
            self.assertLess(target["rank_correlation"]["same"], 1)
            self.assertTrue(all(token["change"] == 0 for token in target["tokens"]))
        self.assertIn("they differ in: nothing", run("diff", a, a).out)

    def test_two_prompts(self):
        a = self.result("a.json", "-m", MODEL, "-p", "the cat in", "--target", " hat")
        b = self.result("b.json", "-m", MODEL, "-p", "the dog in", "--target", " hat")
        found = self.compared(a, b)
        self.assertEqual("heta.diff/1", found["schema"])
        self.assertEqual(["text"], found["differ_in"])
        tokens = found["targets"][0]["tokens"]
        with shown(tokens=tokens):
            gone = "".join(t["text"] for t in tokens if t["b"] is None)
            new = "".join(t["text"] for t in tokens if t["a"] is None)
            self.assertTrue(gone and set(gone) <= set("cat"), gone)
            self.assertTrue(new and set(new) <= set("dog"), new)
            for side, other in (("a", "b"), ("b", "a")):
                order = [t[side] for t in tokens if t[side] is not None]
                self.assertEqual(sorted(order), order)
                shares = [t[f"share_{side}"] for t in tokens if t[side] is not None]
                self.assertAlmostEqual(1, sum(shares), places=9)
            for t in tokens:
                change = (t["share_b"] or 0) - (t["share_a"] or 0)
                self.assertAlmostEqual(change, t["change"], places=12)
                self.assertGreater(t["se"], 0)

    def test_two_models_and_options(self):
        a = self.result("a.json", "-m", TINY / "llama-gqa.gguf", "-p", "the cat in the")
        b = self.result("b.json", "-m", TINY / "llama-mha.gguf", "-p", "the cat in the",
                        "--beta", "1", "--seed", "3")
        names = self.compared(a, b)["differ_in"]
        self.assertLessEqual({"model", "beta", "seed"}, set(names))
        self.assertNotIn("text", names)
        for form in ("term", "html"):  # one name may stand for several files
            said = run("diff", a, b, "--format", form).out
            self.assertIn("(llama-gqa.gguf)", said)
            self.assertIn("(llama-mha.gguf)", said)
        self.assertNotIn(".gguf", run("diff", a, a).out)

    def test_target_against_foil(self):
        a = self.result("a.json", "-m", MODEL, "-p", "the cat in", "--target", "t")
        b = self.result("b.json", "-m", MODEL, "-p", "the cat in", "--target", "t", "--foil", "h")
        found = self.compared(a, b)
        self.assertEqual(["target"], found["differ_in"])
        target = found["targets"][0]
        self.assertIsNone(target["a"]["foil"])
        foil = json.loads(b.read_text())["targets"][0]["foil"]
        self.assertEqual("h", foil["text"])
        self.assertEqual((foil["id"], foil["text"]),
                         (target["b"]["foil"]["id"], target["b"]["foil"]["text"]))
        self.assertAlmostEqual(foil["logprob"], target["b"]["foil"]["logprob"], places=9)
        self.assertIn(f"rather than “h”, {foil['logprob']:.3f}\n", run("diff", a, b).out)
        self.assertIn("rather than “h” (", run("diff", a, b, "--format", "html").out)

    def test_all_targets_as_one(self):
        ask = ["-m", MODEL, "-p", "the cat in", "-n", "2"]
        a, b = self.result("a.json", *ask, "--joint"), self.result("b.json", *ask)
        targets = json.loads(a.read_text())["targets"]
        found = self.compared(a, a)["targets"][0]["a"]
        self.assertEqual(("all", None, None), (found["index"], found["id"], found["foil"]))
        self.assertEqual("".join(t["text"] for t in targets), found["text"])
        self.assertAlmostEqual(sum(t["logprob"] for t in targets), found["logprob"], places=9)
        self.assertIn("All targets  A “", run("diff", a, a).out)
        self.refuse(USAGE, "diff", a, b, said=["explains all targets as one (--joint)"])

    def test_measures(self):
        a = self.result("a.json", "-m", MODEL, "-p", "the cat in")
        rows = [self.compared(a, a, "--measure", m)["targets"][0]["tokens"]
                for m in ("text-share", "share")]
        self.assertEqual(len(rows[0]) + 1, len(rows[1]))
        self.assertEqual(0, rows[1][0]["a"])

    def test_terminal_and_page(self):
        a = self.result("a.json", "-m", MODEL, "-p", "the <b>cat & in", "--target", "t")
        b = self.result("b.json", "-m", MODEL, "-p", "the <i>cat & in", "--target", "t")
        said = self.expect(DONE, run("diff", a, b)).out
        for words in ("they differ in: text", "rank correlation over", "B − A", "±"):
            self.assertIn(words, said)
        page = Page(self.expect(DONE, run("diff", a, b, "--format", "html")).out)
        self.assertEqual([], page.open)
        self.assertEqual(["b"], page.words["del"])
        self.assertEqual(["i"], page.words["ins"])
        self.assertIn("<", page.words["span"])

    def test_what_cannot_be_compared(self):
        a = self.result("a.json", "-m", MODEL, "-p", "the cat")
        part = self.result("part.json", "-m", MODEL, "-p", "the cat", "--part", "1/2")
        self.refuse(USAGE, "diff", a, part, said=["part.json", "complete"])
        self.refuse(USAGE, "diff", a, said=["another FILE.json is missing"])
        many = self.result("many.json", "-m", MODEL, "-p", "the cat", "-n", "2")
        self.expect(DONE, run("diff", a, many), "the first 1 are compared")


if __name__ == "__main__":
    main()
