#!/usr/bin/env python3
"""test_report.py: heta report: every view of a stored result, without its model."""
import ast
import csv
import io
import json
import math
import shutil
import struct
import xml.etree.ElementTree
import zipfile

from harness import DONE, FAILED, MODEL, USAGE, Case, main, read, run, timeless

ASK = ["-p", "the cat in", "-n", "3", "--probes", "3", "--beta", "0.50"]


def arrays(path):
    """What NumPy's load would give, as (shape, flat list) by name; numbers and bytes only."""
    found = {}
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        for name in archive.namelist():
            data = archive.read(name)
            assert data[:8] == b"\x93NUMPY\x01\x00", name
            length, = struct.unpack("<H", data[8:10])
            assert (10 + length) % 64 == 0 and data[9 + length:10 + length] == b"\n", name
            head = ast.literal_eval(data[10:10 + length].decode())
            kind, shape = head["descr"], head["shape"]
            size = {"<f8": 8, "<i8": 8, "<i4": 4, "|u1": 1, "|b1": 1}.get(kind)
            if size is None:  # a word: UTF-32
                found[name[:-4]] = data[10 + length:].decode("utf-32-le")
                continue
            count = math.prod(shape)
            letter = {"<f8": "d", "<i8": "q", "<i4": "i", "|u1": "B", "|b1": "?"}[kind]
            found[name[:-4]] = (shape, list(struct.unpack(f"<{count}{letter}",
                                                          data[10 + length:])))
    return found


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

    def test_csv(self):
        lines = list(csv.DictReader(io.StringIO(self.report("--format", "csv").out)))
        whole = read(self.stored)
        attribution = whole["attributions"][0]
        self.assertEqual(sum(len(row["score"]) for row in attribution["rows"]), len(lines))
        for row in attribution["rows"]:
            mine = [line for line in lines if line["target"] == str(row["target"])]
            self.assertEqual(row["score"], [float(line["score"]) for line in mine])
            self.assertEqual(row["se"]["curvature"], [float(line["curvature_se"]) for line in mine])
            self.assertEqual([token["text"] for token in whole["input"]["tokens"]][:len(mine)],
                             [line["text"] for line in mine])
            self.assertEqual({"3"}, {line["probes"] for line in mine})

    def test_npz(self):
        self.report("-o", self.path("a.npz"), "--format", "none")
        found, whole = arrays(self.path("a.npz")), read(self.stored)
        rows, tokens = whole["attributions"][0]["rows"], whole["input"]["tokens"]
        self.assertEqual(("heta", "token"), (found["method"], found["level"]))
        self.assertEqual(whole["input"]["text"].encode(), bytes(found["text"][1]))
        self.assertEqual([token["id"] for token in tokens], found["token_id"][1])
        self.assertEqual([token["end"] for token in tokens], found["end"][1])
        lists = {"score": [row["score"] for row in rows],
                 "score_se": [row["score_se"] for row in rows],
                 "score_df": [row["score_df"] for row in rows],
                 "probes": [row["probes"] for row in rows]}
        for name in rows[0]["components"]:
            lists[name] = [row["components"][name] for row in rows]
        for name in rows[0]["se"]:
            lists[name + "_se"] = [row["se"][name] for row in rows]
        for name, wanted in lists.items():
            shape, values = found[name]
            self.assertEqual((len(rows), len(tokens)), shape)
            for index, row in enumerate(wanted):
                line = values[index * shape[1]:(index + 1) * shape[1]]
                self.assertEqual(row, line[:len(row)])
                beyond = line[len(row):]
                self.assertTrue(all(x == 0 if name == "probes" else math.isnan(x) for x in beyond))
        self.assertNotIn("gate_se", found)
        self.report("-o", self.path("b.npz"), "--format", "none", TZ="Asia/Tokyo")
        self.assertEqual(self.path("a.npz").read_bytes(), self.path("b.npz").read_bytes())

    def test_svg(self):
        self.report("-o", self.path("a.svg"), "--format", "none")
        self.assertEqual(self.path("a.svg").read_text(), self.report("--format", "svg").out)
        root = xml.etree.ElementTree.parse(self.path("a.svg")).getroot()
        self.assertTrue(root.tag.endswith("svg"))
        titles = [e.text for e in root.iter() if e.tag.endswith("title")]
        self.assertTrue(any("of the sum" in title for title in titles), titles)
        drawn = "".join(e.text or "" for e in root.iter()
                        if e.tag.endswith("text") and "class" not in e.attrib)
        self.assertEqual(3, drawn.count("the cat in"), drawn)

    def test_every_level(self):
        for level in ("word", "sentence", "line", "message", "document"):
            out = self.path(level + ".json")
            self.report("--level", level, "-o", out, "-o", self.path(level + ".jsonl"),
                        "-o", self.path(level + ".csv"), "-o", self.path(level + ".npz"),
                        "-o", self.path(level + ".svg"), "--format", "none")
            whole = read(out)  # which holds the sums against those of tokens
            rollup, = whole["attributions"][0]["rollups"]
            self.assertEqual(level, rollup["level"])
            read(self.path(level + ".json"))
            found = arrays(self.path(level + ".npz"))
            self.assertEqual([unit["first"] for unit in rollup["units"]], found["first"][1])
            self.assertEqual(rollup["rows"][0]["score"],
                             found["score"][1][:len(rollup["rows"][0]["score"])])
            lines = list(csv.DictReader(self.path(level + ".csv").open(newline="")))
            self.assertEqual({level}, {line["level"] for line in lines})
            # A roll-up that is stored is shown as it is, and another may be added.
            again = self.expect(DONE, run("report", out, "--level", level, "--format", "json"))
            self.assertEqual(out.read_text(), again.out)
            more = self.expect(DONE, run("report", out, "--level", "word", "--format", "json"))
            self.assertEqual(1 if level == "word" else 2,
                             len(more.json["attributions"][0]["rollups"]))

    def test_words_in_the_terminal(self):
        shown = self.report("--level", "word", "--format", "term").out
        self.assertRegex(shown, r"\n +\d+  “ cat” ")
        self.assertRegex(shown, r"\n +word  strongest")
        self.assertNotRegex(self.report("--format", "term").out, "“ cat” ")

    def test_attribute_takes_levels_too(self):
        result = self.expect(DONE, run("attribute", "-m", MODEL, *ASK, "-G", "word", "-q"))
        whole = result.json
        self.assertEqual("word", whole["attributions"][0]["rollups"][0]["level"])
        stored = self.report("--level", "word", "--format", "json").json
        self.assertEqual(stored["attributions"], whole["attributions"])

    def test_errors_of_sums_where_probes_move_all_tokens(self):
        """The samples are kept, and the error is that of the sums by probe."""
        stored = self.path("row.json")
        self.expect(DONE, run("attribute", "-m", MODEL, *ASK, "--curvature", "row", "-o", stored,
                              "--format", "none", "-q"))
        self.assertNotIn("samples", read(self.stored)["attributions"][0])
        series, = read(stored)["attributions"][0]["samples"]
        shown = self.expect(DONE, run("report", stored, "--level", "word", "--format", "json"))
        self.assertEqual(stored.read_text(),
                         self.expect(DONE, run("report", stored, "--format", "json")).out)
        rollup, = shown.json["attributions"][0]["rollups"]
        for index, row in enumerate(rollup["rows"]):
            for unit, se in zip(rollup["units"], row["se"]["curvature"]):
                last = min(unit["last"], read(stored)["targets"][index]["position"])
                sums = [sum(series["values"][(index * series["tokens"] + i) * 3 + r]
                            for i in range(unit["first"], last)) for r in range(3)]
                mean = sum(sums) / 3
                self.assertAlmostEqual(math.sqrt(sum((x - mean) ** 2 for x in sums) / 6), se,
                                       delta=1e-9 * max(1, mean))

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

    def test_rollup_that_does_not_tile(self):
        self.report("-G", "word", "-o", self.stored, "-y", "--format", "none")
        def stretch(whole):
            whole["attributions"][0]["rollups"][0]["units"][1]["last"] = 9
        self.refused(stretch, "unit 1 of the word roll-up")

    def test_unknown_level(self):
        self.refuse(USAGE, "report", self.stored, "--level", "paragraph", said=["sentence"])

    def test_tokens_that_do_not_tile(self):
        self.refused(lambda whole: whole["input"]["tokens"][3].update(start=0), "token 3")


if __name__ == "__main__":
    main()
