#!/usr/bin/env python3
"""test_report.py: heta report: every view of a stored result, without its model."""
import json
import shutil

from harness import DONE, FAILED, MODEL, USAGE, Case, main, read, run, timeless

ASK = ["-p", "the cat in", "-n", "3", "--probes", "3", "--beta", "0.50"]


class Report(Case):
    """Each test has a stored result whose model file is gone."""

    def setUp(self):
        super().setUp()
        model = self.path("gone.gguf")
        shutil.copy(MODEL, model)
        self.stored = self.path("stored.json")
        self.asked = self.expect(DONE, run("attribute", "-m", model, *ASK, "-o", self.stored,
                                           "--format", "term", "-q"))
        model.unlink()

    def report(self, *arguments, **more):
        return self.expect(DONE, run("report", self.stored, *arguments, **more))


class Views(Report):
    def test_json_is_the_same_bytes(self):
        self.assertEqual(self.stored.read_text(), self.report("--format", "json").out)
        self.report("-o", self.path("again.json"), "--format", "none")
        self.assertEqual(self.stored.read_bytes(), self.path("again.json").read_bytes())

    def test_term_is_what_attribute_showed(self):
        self.assertEqual(self.asked.out, self.report("--format", "term").out)

    def test_from_standard_input(self):
        result = self.expect(DONE, run("report", "-", "--format", "json",
                                       stdin=self.stored.read_bytes()))
        self.assertEqual(self.stored.read_text(), result.out)

    def test_a_partial_result_keeps_its_work(self):
        part = self.path("part.json")
        self.expect(DONE, run("attribute", "-m", MODEL, *ASK, "--part", "1/2", "-o", part,
                              "--format", "none", "-q"))
        self.assertIn("work", read(part))
        again = self.expect(DONE, run("report", part, "--format", "json"))
        self.assertEqual(part.read_text(), again.out)

    def test_reports_of_reports(self):
        again = self.path("again.json")
        self.report("-o", again, "--format", "none")
        self.assertEqual(timeless(read(self.stored)), timeless(read(again)))


class Refusals(Report):
    def refused(self, change, *said):
        whole = json.loads(self.stored.read_text())
        change(whole)
        self.stored.write_text(json.dumps(whole))
        self.refuse(FAILED, "report", self.stored, said=[str(self.stored), *said])

    def test_usage(self):
        self.refuse(USAGE, "report", said=["FILE.json is missing"])
        self.refuse(USAGE, "report", self.stored, self.stored, said=["one argument too many"])
        self.refuse(FAILED, "report", self.path("none.json"), said=["none.json"])
        self.refuse(USAGE, "report", self.stored, "-o", self.stored, said=["-y"])

    def test_no_json(self):
        text = self.stored.read_text()
        for wrong in ("", "{", text[:len(text) // 2], text.replace("[0.", "[NaN,0.", 1)):
            self.stored.write_text(wrong)
            self.refuse(FAILED, "report", self.stored, said=["not JSON", "line"])

    def test_other_schema(self):
        self.refused(lambda whole: whole.update(schema="heta.attribution/2"), "schema")

    def test_list_of_wrong_length(self):
        self.refused(lambda whole: whole["attributions"][0]["rows"][1]["score"].pop(),
                     "attributions[0].rows[1].score has 8 entries for 9")

    def test_missing_field(self):
        self.refused(lambda whole: whole["targets"][2].pop("rank"), "targets[2].rank is missing")

    def test_tokens_that_do_not_tile(self):
        self.refused(lambda whole: whole["input"]["tokens"][3].update(start=0), "token 3")


if __name__ == "__main__":
    main()
