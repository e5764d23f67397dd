#!/usr/bin/env python3
"""test_text.py: texts and targets that cannot be explained, and the smallest that can."""
from harness import DONE, MODEL, USAGE, Case, main, read, run, timeless

LONG = "abcdefgh" * 9  # 72 tokens; the model takes 64


class Text(Case):
    def attribute(self, *arguments, **more):
        return run("attribute", "-m", MODEL, "--probes", 2, "--format", "json", *arguments, **more)

    def refused(self, *arguments, said=(), **more):
        return self.refuse(USAGE, "attribute", "-m", MODEL, "--probes", 2, *arguments, said=said,
                           **more)

    def test_invalid_utf8_names_the_byte(self):
        self.refused("-p", b"abc\xffdef", said=["UTF-8", "3"])
        path = self.path("text.txt")
        path.write_bytes(b"ab\xc3")
        self.refused("-f", path, said=["UTF-8", "2"])
        self.refused("-f", "-", stdin=b"\x80", said=["UTF-8", "0"])
        self.refused("-p", "abc", "--target", b"\xed\xa0\x80", said=["UTF-8"])

    def test_empty_text(self):
        self.refused("-p", "", said=["empty"])
        self.refused("-f", "-", stdin=b"", said=["empty"])

    def test_missing_text_file(self):
        result = self.expect(1, run("attribute", "-m", MODEL, "-f", self.path("none.txt")),
                             "heta: ", "none.txt")
        self.assertEqual("", result.out)

    def test_empty_target(self):
        self.refused("-p", "abc", "--target", "", said=["target"])

    def test_too_long(self):
        self.refused("-p", LONG, said=["64"])
        self.refused("-p", "abc", "--target", LONG, said=["64"])
        self.refused("-p", "abc", "--predict", 100, said=["64"])

    def test_one_token(self):
        row = self.expect(DONE, self.attribute("-p", "a")).json["attributions"][0]["rows"][0]
        self.assertEqual(1, len(row["score"]))
        self.assertEqual([1], row["components"]["gate"])

    def test_last_needs_two_tokens(self):
        self.refused("-p", "a", "--last")
        result = self.expect(DONE, self.attribute("-p", "ab", "--last")).json
        self.assertEqual("own", result["targets"][0]["origin"])
        self.assertEqual(1, result["targets"][0]["position"])

    def test_text_comes_from_anywhere(self):
        path = self.path("text.txt")
        path.write_text("abcd")
        given = self.expect(DONE, self.attribute("-p", "abcd")).json
        for result in (self.attribute("-f", path), self.attribute("-f", "-", stdin=b"abcd"),
                       self.attribute(stdin=b"abcd")):
            self.assertEqual(given["attributions"], self.expect(DONE, result).json["attributions"])

    def test_the_text_is_kept_byte_for_byte(self):
        text = "h\u00e9 \U0001f600\t\"\\\n\u2028"
        result = self.expect(DONE, self.attribute("-p", text)).json
        end = result["input"]["prompt_end"]
        self.assertEqual(text.encode(), result["input"]["text"].encode()[:end])
        tokens = [t for t in result["input"]["tokens"] if t["kind"] == "text"]
        self.assertEqual(list(range(len(text.encode()))),
                         [i for t in tokens for i in range(t["start"], t["end"])])

    def test_control_bytes(self):
        result = self.expect(DONE, self.attribute("-p", "a\x01\x1b[31mb"))
        self.assertEqual("a\x01\x1b[31mb", result.json["input"]["text"][:8])

    def test_targets(self):
        forced = self.expect(DONE, self.attribute("-p", "abc", "--target", "xy")).json
        self.assertEqual(["forced"] * 2, [t["origin"] for t in forced["targets"]])
        self.assertEqual([3, 4], [len(r["score"]) for r in forced["attributions"][0]["rows"]])
        written = self.expect(DONE, self.attribute("-p", "abc", "--predict", 3)).json
        self.assertEqual(["generated"] * 3, [t["origin"] for t in written["targets"]])
        top = self.expect(DONE, self.attribute("-p", "abc")).json["targets"]
        self.assertEqual([("top", 1)], [(t["origin"], t["rank"]) for t in top])
        self.assertEqual(written["targets"][0]["id"], top[0]["id"])

    def test_drawn_tokens(self):
        """One seed, one text; another, another; without heat it is the most probable one."""
        def written(*more):
            result = self.expect(DONE, run("attribute", "-m", MODEL, "-p", "the cat", "-a",
                                           "uniform", "-n", 8, "--format", "json", *more)).json
            return [t["id"] for t in result["targets"]], result
        greedy = written()[0]
        hot = written("--temperature", 3, "--seed", 5)
        self.assertEqual(timeless(hot[1]), timeless(written("--temp", 3, "--seed", 5)[1]))
        self.assertEqual({"normalise": "none", "temperature": 3},
                         hot[1]["attributions"][0]["options"])
        texts = {tuple(written("--temperature", 3, "--seed", seed)[0]) for seed in range(3)}
        self.assertEqual(3, len(texts))
        self.assertNotIn(tuple(greedy), texts)
        for cold in (["--temperature", 0], ["--temperature", 1e-6], ["--top-p", 1e-9]):
            self.assertEqual(greedy, written(*cold, "--seed", 5)[0])
        few = written("--top-p", 0.2, "--seed", 5)
        self.assertEqual({"normalise": "none", "temperature": 1, "top-p": 0.2},
                         few[1]["attributions"][0]["options"])
        self.assertEqual(greedy, written("--top-k", 1, "--seed", 5)[0])
        fresh = written("--repeat-penalty", 100)[0]
        self.assertEqual(len(fresh), len(set(fresh)))  # nothing twice
        self.assertNotEqual(greedy, fresh)
        for option, value in (("--temperature", "-1"), ("--temperature", "warm"),
                              ("--temperature", "nan"), ("--top-p", "1.5"), ("--top-p", 0),
                              ("--top-k", 0), ("--repeat-penalty", 0.5)):
            self.refused("-p", "abc", option, value, said=[option, str(value)])
        self.refused("-p", "abc", "--temperature", 1, "--target", "d", said=["target is given"])
        file = self.path("drawn.json")
        self.expect(DONE, run("attribute", "-m", MODEL, "-p", "the cat", "-a", "sea-tokens",
                              "--top-p", 0.9, "--samples", 2, "--length", 2, "--seed", 9, "-o",
                              file))
        self.assertEqual((0.5, 1), tuple(read(file)["attributions"][0]["options"][name] for name in
                                         ("chain-temperature", "temperature")))
        self.expect(DONE, run("verify", file, "--fraction", 1))
        self.assertIn("drawn by the model", self.expect(DONE, run("report", file, "--format",
                                                                      "term")).out)

    def test_foil(self):
        result = self.expect(DONE, self.attribute("-p", "abc", "--target", "x", "--foil", "y")).json
        self.assertEqual("logprob_difference", result["attributions"][0]["objective"])
        self.assertEqual("y", result["targets"][0]["foil"]["text"])
        self.refused("-p", "abc", "--target", "x", "--foil", "x", said=["foil"])

    def test_special_tokens_are_read_on_request_only(self):
        base = ["tokenize", "-m", MODEL, "-p", "a<|end|>b", "--format", "json"]
        kinds = {token["kind"] for token in self.expect(DONE, run(*base)).json["tokens"]}
        self.assertEqual({"text"}, kinds)
        tokens = self.expect(DONE, run(*base, "--special")).json["tokens"]
        self.assertEqual(["text", "special", "text"], [token["kind"] for token in tokens])
        self.assertEqual((1, 8), (tokens[1]["start"], tokens[1]["end"]))

    def test_begin_of_sequence(self):
        base = ["tokenize", "-m", MODEL, "-p", "ab", "--format", "json", "--bos"]
        self.assertEqual(2, self.expect(DONE, run(*base, "auto")).json["count"])
        self.assertEqual(2, self.expect(DONE, run(*base, "no")).json["count"])
        tokens = self.expect(DONE, run(*base, "yes")).json["tokens"]
        self.assertEqual([("bos", 0, 0), ("text", 0, 1), ("text", 1, 2)],
                         [(token["kind"], token["start"], token["end"]) for token in tokens])


if __name__ == "__main__":
    main()
