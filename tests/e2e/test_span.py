#!/usr/bin/env python3
"""test_span.py: an answer from a file, and a span of an answer as what is explained."""
from harness import DONE, FAILED, MODEL, USAGE, Case, main, read, run, timeless

PROMPT = ("-m", MODEL, "-p", "the cat sat", "--probes", 2, "--format", "json", "--backend",
          "reference", "--precision", "f64")  # numbers that do not depend on the size of a batch
ANSWER = " on théir mat, on it"


def bare(result):
    """What a result says of its targets and rows, without the numbers that count them."""
    rows = [{key: value for key, value in row.items() if key != "target"}
            for row in result["attributions"][0]["rows"]]
    targets = [{key: value for key, value in target.items() if key != "index"}
               for target in result["targets"]]
    return list(zip(targets, rows))


class Span(Case):
    def whole(self, *arguments):
        return self.expect(DONE, run("attribute", *PROMPT, "--target", ANSWER, *arguments))

    def test_a_span_is_a_part_of_the_whole(self):
        whole = self.whole().json
        first = len("the cat sat")
        for option, value, start, end in (("--span-text", "mat", 11, 14), ("--span", "4:9", 4, 9)):
            result = self.whole(option, value)
            words = ANSWER.encode()[start:end].decode()
            self.assertIn(f'note: span {start}:{end} "{words}": ', result.err)
            part = result.json
            self.assertEqual({"start": first + start, "end": first + end, "text": words},
                             part["input"]["span"])
            self.assertEqual(whole["input"]["tokens"], part["input"]["tokens"])
            wanted = [one for one in bare(whole)
                      if whole["input"]["tokens"][one[0]["position"]]["end"] > first + start
                      and whole["input"]["tokens"][one[0]["position"]]["start"] < first + end]
            self.assertTrue(0 < len(wanted) < len(whole["targets"]))
            self.assertEqual(wanted, bare(part))

    def test_a_span_of_what_the_model_writes(self):
        whole = self.expect(DONE, run("attribute", *PROMPT, "-n", 7)).json
        tokens = whole["input"]["tokens"]
        written = [tokens[target["position"]] for target in whole["targets"]]
        self.assertEqual(" the", written[5]["text"])
        start = sum(len(token["text"]) if "bytes" not in token else len(token["bytes"]) // 2
                    for token in written[:5])  # not all of them are characters
        for option, value in (("--span", f"{start + 1}:{start + 3}"), ("--span-text", " the")):
            part = self.expect(DONE, run("attribute", *PROMPT, "-n", 7, option, value),
                               "1 of the answer's 7 tokens").json
            self.assertEqual(tokens, part["input"]["tokens"])
            self.assertEqual(bare(whole)[5:6], bare(part))
        missing = run("attribute", *PROMPT, "-n", 7, "--span-text", "Lyon")
        self.expect(USAGE, missing, 'the span "Lyon" does not occur in the answer')
        self.assertEqual("", missing.out)

    def test_an_answer_from_a_file(self):
        self.path("answer").write_text(ANSWER + "\n", encoding="utf-8")
        said = self.expect(DONE, run("attribute", *PROMPT, "--target-file", self.path("answer")))
        self.assertEqual(timeless(self.whole().json), timeless(said.json))
        piped = run("attribute", *PROMPT, "--target-file", "-", stdin=ANSWER.encode())
        self.assertEqual(timeless(said.json), timeless(self.expect(DONE, piped).json))

    def test_a_stored_span(self):
        """The file of the answer is not needed any more, and every form is written."""
        answer, parts = self.path("answer"), [self.path("1.json"), self.path("2.json")]
        answer.write_text(ANSWER, encoding="utf-8")
        ask = ("attribute", *PROMPT, "--target-file", answer, "--span-text", "théir")
        whole = self.expect(DONE, run(*ask, "-o", self.path("whole.json"))).json
        for k, part in enumerate(parts, 1):
            self.expect(DONE, run(*ask, "--part", f"{k}/2", "-o", part))
        answer.unlink()
        merged = self.expect(DONE, run("merge", *parts, "--format", "json")).json
        self.assertEqual(timeless(whole), timeless(merged))
        self.expect(DONE, run("verify", self.path("whole.json"), "--fraction", 1))
        shown = self.expect(DONE, run("report", self.path("whole.json"), "--format", "json"))
        self.assertEqual(self.path("whole.json").read_text(encoding="utf-8"), shown.out)
        names = [self.path(f"a.{form}") for form in ("html", "csv", "npz", "svg", "txt", "jsonl")]
        self.expect(DONE, run("report", self.path("whole.json"), "--level", "word", "--format",
                              "term", *(word for name in names for word in ("-o", name))))
        self.assertIn("théir", self.path("a.txt").read_text(encoding="utf-8"))

    def test_refused(self):
        target = ("attribute", *PROMPT, "--target", ANSWER)
        for arguments, said in (
                (("--span-text", "Lyon"), ['"Lyon" does not occur in the answer " on théir mat']),
                (("--span-text", "on"), ["occurs 2 times", "at 1:3, 16:18", "--span"]),
                (("--span-text", ""), ["the span's text is empty"]),
                (("--span", "3:99"), ["3:99 is not in the answer, which has 21 bytes"]),
                (("--span", "4:7"), ['cuts the character "é"', "whose bytes are 6:8"]),
                (("--span", "5:5"), ["--span: '5:5' is not a span such as 3:9"]),
                (("--span", "5"), ["is not a span such as 3:9"]),
                (("--span", "-1:5"), ["is not a span such as 3:9"]),
                (("--span", "1:2", "--span-text", "on"), ["exclude each other"]),
                (("--span", "1:2", "--foil", " x"), ["a foil and a span"])):
            self.refuse(USAGE, *target, *arguments, said=said)
        self.refuse(USAGE, "attribute", *PROMPT, "--span", "1:2", said=["a part of an answer"])
        self.refuse(USAGE, "attribute", *PROMPT, "--last", "--span", "1:2",
                    said=["a part of an answer"])
        self.refuse(USAGE, *target, "--target-file", "x", said=["exclude each other"])
        self.refuse(FAILED, "attribute", *PROMPT, "--target-file", self.path("none"),
                    said=["could not be opened"])
        self.path("empty").write_bytes(b"\n")
        self.refuse(USAGE, "attribute", *PROMPT, "--target-file", self.path("empty"),
                    said=["is empty"])
        self.path("nul").write_bytes(b"ab\0c")
        self.refuse(USAGE, "attribute", *PROMPT, "--target-file", self.path("nul"),
                    said=["NUL byte at offset 2"])
        self.refuse(USAGE, "attribute", "-m", MODEL, "--target-file", "-", stdin=b"abc",
                    said=["standard input cannot be both"])

    def test_damaged_span(self):
        self.whole("--span", "0:3", "-o", self.path("a.json"))
        read(self.path("a.json"))
        text = self.path("a.json").read_text(encoding="utf-8")
        for wrong, said in (('"start":14,"end":11', "covers bytes 14 to 11"),
                            ('"start":"x","end":14', "span.start")):
            self.assertIn('"start":11,"end":14', text)
            self.path("b.json").write_text(
                text.replace('"span":{"start":11,"end":14', '"span":{' + wrong), encoding="utf-8")
            self.refuse(FAILED, "report", self.path("b.json"), said=[said])


if __name__ == "__main__":
    main()
