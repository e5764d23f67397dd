#!/usr/bin/env python3
"""test_eval.py: `heta eval` keeps what it computed, whatever ends it, and refuses what is not its
own; `heta eval report` writes tables of it."""
import contextlib
import csv
import fcntl
import io
import json
import os
import pathlib
import random
import resource
import signal
import sqlite3
import struct
import time
import unittest
import xml.dom.minidom

from harness import BUDGET, DONE, FAILED, MODEL, SANITIZED, TINY, USAGE, Case, main, run, start

METHODS = "heta+probes=2,heta+probes=2+gate=none,occlusion,random,uniform"
ASK = ["--methods", METHODS, "--draws", 2, "--subsets", 4, "--threads", 1, "--no-progress"]
ITEMS = [
    {"id": "a", "source": "s", "text": "the cat in the hat", "target": " in",
     "spans": [{"role": "gold", "text": "cat"}, {"role": "distractor", "text": "hat"}]},
    {"id": "b", "source": "s", "text": "a hen hid — then", "target": " hid",
     "spans": [{"role": "gold", "start": 2, "end": 5},
               {"role": "distractor", "start": 12, "end": 16, "text": "then"}]},
    {"id": "c", "text": "no spans here", "target": " then"},
]


def lines(*items):
    return "".join(json.dumps(item) + "\n" for item in items)


class Eval(Case):
    def setUp(self):
        super().setUp()
        self.suite, self.db = self.path("mine.jsonl"), self.path("r.sqlite")
        self.suite.write_text(lines({"schema": "heta.suite/1", "about": "three"}, *ITEMS))

    def eval(self, *more, code=DONE, db=None, model=MODEL, **how):
        return self.expect(code, run("eval", "-m", model, "--suite", self.suite, "--db",
                                     db or self.db, *ASK, *more, **how))

    def query(self, sql, db=None):
        connection = sqlite3.connect(db or self.db)
        try:
            return connection.execute(sql).fetchall()
        finally:
            connection.close()

    def execute(self, sql):
        with contextlib.closing(sqlite3.connect(self.db)) as connection, connection:
            connection.execute(sql)

    def content(self, db=None):
        """All of it, but for times and the order in which it came."""
        names = ("SELECT suite, name, method, options, seed, engine, score, signed_score, score_se,"
                 " logprob, rank, score.problem FROM score JOIN item ON item.id = score.item")
        measures = ("SELECT suite, item.name, method, options, metric, settings, measure.name,"
                    " points FROM measure JOIN score ON score.id = measure.score"
                    " JOIN item ON item.id = score.item")
        metrics = ("SELECT suite, item.name, method, options, metric, settings, metric.problem"
                   " FROM metric JOIN score ON score.id = metric.score"
                   " JOIN item ON item.id = score.item")
        return [sorted(self.query(sql, db), key=repr) for sql in (names, measures, metrics)]


class Keeping(Eval):
    def test_plan_work_and_nothing_twice(self):
        said = self.eval("--plan").err
        self.assertIn("to do: 15 score vectors", said)
        self.assertFalse(self.db.exists())
        self.eval("--metrics", "dsa,deletion")
        content = self.db.read_bytes()
        with open(self.db, "r+b") as held:
            fcntl.flock(held, fcntl.LOCK_EX)  # a plan needs no leave to write, and writes nothing
            self.suite.write_text(lines(*ITEMS, {**ITEMS[2], "id": "d"}))
            self.assertIn("to do: 5 score vectors", self.eval("--metrics", "dsa", "--plan").err)
            self.suite.write_text(lines(*ITEMS))
        self.assertEqual(content, self.db.read_bytes())
        before = self.query("SELECT id, made, seconds FROM score ORDER BY id")
        self.assertEqual(15, len(before))
        # dsa needs spans, which two items have.
        self.assertEqual([("deletion", 15), ("dsa", 10)], self.query(
            "SELECT metric, count(*) FROM metric GROUP BY metric ORDER BY metric"))
        self.assertIn("nothing is left to do", self.eval("--metrics", "dsa,deletion").err)
        # Another metric needs no new attribution.
        self.eval("--metrics", "all")
        self.assertEqual(before, self.query("SELECT id, made, seconds FROM score ORDER BY id"))
        self.assertEqual([(0,)], self.query("SELECT count(problem) FROM metric"))
        self.assertIn("nothing is left to do", self.eval("--metrics", "all").err)

    def test_random_scores_of_each_text(self):
        """Texts of one length do not share the control's draw, and each keeps its own."""
        items = [{"id": name, "text": f"the cat {name}", "target": " in"} for name in "abc"]
        self.suite.write_text(lines(*items))
        way = ["--methods", "random", "--metrics", "span", "-q", "--suite", self.suite]
        sql = "SELECT hex(score) FROM score ORDER BY item"
        for db in (self.db, self.path("again.sqlite")):
            self.expect(DONE, run("eval", "-m", MODEL, "--db", db, *way))
        self.assertEqual(3, len(set(self.query(sql))))
        self.assertEqual(self.query(sql), self.query(sql, self.path("again.sqlite")))
        # But all methods explain the same drawn tokens.
        self.expect(DONE, run("eval", "-m", MODEL, "--db", self.db, "-q", "--suite", self.suite,
                              "--methods", "random,uniform", "--metrics", "decoding"))
        self.assertEqual([(9, 2, 1)], self.query(
            "SELECT count(*), max(methods), max(targets) FROM (SELECT count(DISTINCT method) AS"
            " methods, count(DISTINCT target) AS targets FROM again GROUP BY item, change)"))

    def test_answers_that_are_replaced(self):
        """CF-AOPC asks items whose foil can stand where the answer stands, whatever its length."""
        item = {"text": "the cat in the hat: the", "target": " cat",
                "spans": [{"role": "gold", "text": "cat in"}]}
        self.suite.write_text(lines({**item, "id": "a", "foil": " hen"},
                                    {**item, "id": "b", "foil": " pelican"},
                                    {**item, "id": "c"}, {**item, "id": "d", "foil": " hen",
                                                          "target": " hat"}))
        self.eval("--metrics", "counterfactual,span,aopc")
        self.assertEqual([("aopc", 20), ("counterfactual", 10), ("span", 20)], self.query(
            "SELECT metric, count(problem IS NULL) FROM metric GROUP BY metric ORDER BY metric"))
        rows = list(csv.DictReader(io.StringIO(self.expect(DONE, run(
            "eval", "report", self.db, "--format", "csv", "--against", "occlusion")).out)))
        found = {row["measure"]: row for row in rows if row["method"] == "random"}
        self.assertEqual("2", found["cf_aopc"]["questions"])
        self.assertNotEqual("", found["cf_aopc"]["chance"])

    def test_parts_of_a_result_give_what_a_run_gives(self):
        """Scores under another gate or scale, taken from one run, are those of their own runs."""
        way = ["--metrics", "dsa", "--methods"]
        names = ["heta+probes=2", "heta+probes=2+gate=uniform", "heta+probes=2+scale=sum",
                 "heta+probes=2+scale=max+gate=none", "heta+probes=2+gamma=0",
                 "heta+probes=2+config=product"]
        for name in names:
            self.expect(DONE, run("eval", "-m", MODEL, "--suite", self.suite, "--db", self.db,
                                  "-q", *way, name))
        together = self.path("together.sqlite")
        self.expect(DONE, run("eval", "-m", MODEL, "--suite", self.suite, "--db", together, "-q",
                              *way, ",".join(names)))
        sql = "SELECT item, options, hex(score), hex(score_se) FROM score ORDER BY item, options"
        self.assertEqual(self.query(sql), self.query(sql, together))

    def test_kills_lose_nothing(self):
        whole = self.path("whole.sqlite")
        began = time.monotonic()
        self.eval(db=whole)
        lasted = time.monotonic() - began
        dice = random.Random(8)
        for _ in range(4 if SANITIZED else 20):
            process = start("eval", "-m", MODEL, "--suite", self.suite, "--db", self.db, *ASK)
            time.sleep(dice.uniform(0, 0.4 * lasted))
            process.kill()
            process.communicate()
        self.eval()
        self.assertEqual(self.content(whole), self.content())
        report = [self.expect(DONE, run("eval", "report", db, "--format", "csv", "--against",
                                        "occlusion")).out for db in (whole, self.db)]
        self.assertEqual(*report)

    def test_interrupted_and_budgets(self):
        self.assertIn("--passes is used up", self.eval("--passes", 40, code=BUDGET).err)
        process = start("eval", "-m", MODEL, "--suite", self.suite, "--db", self.db, *ASK)
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        process.communicate()
        self.assertIn(process.returncode, (DONE, 130))
        whole = self.path("whole.sqlite")
        self.eval(db=whole)
        self.eval()
        self.assertEqual(self.content(whole), self.content())

    def test_items_that_cannot_be_asked_are_left_out(self):
        self.suite.write_text(lines({"id": "long", "text": "x" * 200, "target": " in"}, *ITEMS))
        self.assertIn("item long (line 1) is left out", self.eval("--metrics", "dsa").err)
        half = {"id": "half", "text": "the cat", "target": "é"}  # a token here is one byte
        self.suite.write_text(lines(*ITEMS, half))
        self.assertIn("item half (line 4) is left out: the target's first token is not whole",
                      self.eval("--metrics", "dsa").err)
        self.assertEqual([(15,)], self.query("SELECT count(*) FROM score"))
        self.suite.write_text(lines(*ITEMS))
        short = self.eval("--max-tokens", 12, "--limit", 1, "--metrics", "deletion",
                          db=self.path("s.sqlite")).err
        self.assertIn("2 questions before these have more than 12 tokens", short)
        self.assertIn("1 items, 5 methods", short)
        self.assertEqual([("c",)], self.query("SELECT name FROM item", self.path("s.sqlite")))

    def test_what_fits(self):
        """Longer than the model's context is longer than --max-tokens; metrics without items."""
        self.suite.write_text(lines({"id": "long", "text": "x" * 200, "target": " in"}, ITEMS[2]))
        said = self.eval("--max-tokens", 60, "--limit", 1, "--metrics", "dsa,deletion",
                         "--plan").err
        self.assertIn("1 questions before these have more than 60 tokens", said)
        self.assertIn("1 items, 5 methods", said)
        self.assertIn("what these ask for: dsa; heta metrics", said)
        said = self.eval("--metrics", "deletion", "--plan").err
        self.assertNotIn("ask for", said)

    def test_one_value_in_several_forms(self):
        ask = ["eval", "-m", MODEL, "--suite", self.suite, "--metrics", "dsa", "--methods",
               "heta+beta=0.25,heta+beta=.25,heta+beta=25e-2,heta+beta=0.5,heta"]
        self.assertIn("3 items, 2 methods", self.expect(DONE, run(
            *ask, "--db", self.db, "--plan")).err)

    def test_names_that_mean_something_to_sqlite(self):
        before = pathlib.Path.cwd()
        os.chdir(self.path("."))
        try:
            for name in (":memory:", "file:r.sqlite?mode=memory"):
                self.eval("--metrics", "dsa", db=name)
                self.assertEqual([(15,)], self.query("SELECT count(*) FROM score", "./" + name))
        finally:
            os.chdir(before)

    def test_full_disk(self):
        def small():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (70000, 70000))
        self.eval(code=FAILED, before=small)
        kept = self.query("SELECT count(*) FROM score")[0][0]
        self.assertEqual([("ok",)], self.query("PRAGMA integrity_check"))
        self.eval()
        self.assertLessEqual(kept, 15)
        whole = self.path("whole.sqlite")
        self.eval(db=whole)
        self.assertEqual(self.content(whole), self.content())


class Again(Eval):
    """Metrics that attribute again: after noise, after patches, without windows."""
    WAY = ["--metrics", "robustness,causal-pass,leakage", "--repeats", 2, "--draws", 2,
           "--methods",
           "heta+probes=2,heta+probes=2+windows=joint+window=6,occlusion,dig,uniform"]

    def setUp(self):
        super().setUp()
        item = {"text": "the cat in the hat: the", "target": " cat",
                "spans": [{"role": "gold", "text": "cat in"}]}
        self.suite.write_text(lines({**item, "id": "a", "foil": " cut",
                                      "paraphrase": "in the hat the cat: the"},
                                    {**item, "id": "b", "foil": " pelican"}))

    def again(self, *more, db=None, **how):
        return self.expect(DONE, run("eval", "-m", MODEL, "--suite", self.suite, "--db",
                                     db or self.db, "--threads", 1, "--no-progress", *self.WAY,
                                     *more, **how))

    def content(self, db=None):
        again = ("SELECT name, method, change, options, score, again.problem FROM again JOIN item"
                 " ON item.id = again.item")
        return [*super().content(db), sorted(self.query(again, db), key=repr)]

    def test_attributes_again_and_nothing_twice(self):
        # Of ten: 4 draws of noise, a patch, 3 ways of decoding; 5 paraphrases; 2 × 2 gates, since
        # the whole context's scores are a method's.
        self.assertIn("to do: 10 score vectors and 89 after changes, 37 metrics",
                      self.again("--plan").err)
        self.again()
        self.assertIn("nothing is left to do", self.again("--plan").err)
        kept = dict(self.query("SELECT method, count(*) FROM again GROUP BY method"))
        self.assertEqual({"heta": 2 * 17 + 4, "occlusion": 17, "dig": 11, "uniform": 17},
                         kept)
        value = dict(((name, label), struct.unpack("d", points)[0]) for name, label, points in
                     self.query("SELECT measure.name, label, points FROM measure JOIN score ON"
                                " score.id = measure.score JOIN item ON item.id = score.item"
                                " WHERE item.name = 'a'"))
        self.assertEqual(0, value["sensitivity", "uniform"])
        self.assertLess(0, value["sensitivity", "occlusion"])
        self.assertLess(0, value["leakage", "heta+probes=2+windows=joint+window=6"])
        self.assertNotIn(("leakage", "heta+probes=2"), value)
        self.assertEqual(value["pass_at_5_chance", "uniform"], value["pass_at_5", "uniform"])
        problems = self.query("SELECT DISTINCT metric, label, metric.problem FROM metric JOIN score"
                              " ON score.id = metric.score WHERE metric.problem IS NOT NULL AND"
                              " item = 1 ORDER BY metric DESC")
        self.assertEqual(["dig"], sorted({label for _, label, _ in problems}))
        self.assertIn("noise on its embeddings: its path leads over words", problems[0][2])
        said = {text for text, in self.query("SELECT metric.problem FROM metric JOIN score ON"
                                             " score.id = metric.score WHERE item = 2 AND metric ="
                                             " 'causal-pass'")}
        self.assertEqual({"answer and foil have not as many tokens: values are patched token by"
                          " token"}, said)
        self.expect(DONE, run("eval", "report", self.db, "--measures", "all"))

    def test_weights_of_a_file(self):
        """What `auto` stands for is what attributes again, too."""
        weights = self.path("w.json")
        ask = ["eval", "-m", MODEL, "--suite", self.suite, "--db", self.db, "-q", "--subsets", 4,
               "--limit", 1]
        self.expect(DONE, run(*ask, "--metrics", "faithfulness-error", "--methods",
                              "heta+probes=2,heta+probes=2+gamma=0,heta+probes=2+beta=0"))
        self.expect(DONE, run("calibrate", self.db, "--method", "heta+probes=2", "-o", weights))
        self.expect(DONE, run(*ask, "--metrics", "causal-pass,paraphrase", "--calibration", weights,
                              "--methods", "heta+beta=auto+probes=2,heta+gamma=auto+probes=2"))
        self.assertEqual([("heta+beta=auto+probes=2", 2, 0)], self.query(
            "SELECT label, count(*), count(problem) FROM again GROUP BY label"))
        self.assertEqual([(0,)], self.query("SELECT count(problem) FROM metric"))

    def test_kills_lose_nothing(self):
        self.WAY = [*self.WAY[:-1], "occlusion,dig,uniform"]
        whole = self.path("whole.sqlite")
        began = time.monotonic()
        self.again(db=whole)
        lasted = time.monotonic() - began
        dice = random.Random(3)
        for _ in range(1 if SANITIZED else 3):
            process = start("eval", "-m", MODEL, "--suite", self.suite, "--db", self.db,
                            "--threads", 1, *self.WAY)
            time.sleep(dice.uniform(0, 0.6 * lasted))
            process.kill()
            process.communicate()
        self.again()
        self.assertEqual(self.content(whole), self.content())


class Refusals(Eval):
    def refuse_suite(self, text, *said):
        self.suite.write_text(text)
        result = self.eval(code=FAILED)
        for words in said:
            self.assertIn(words, result.err)

    def test_suites(self):
        fine = lines(ITEMS[0])
        self.refuse_suite(fine + '{"id": "x", "text": }\n', "line 2, column 21")
        self.refuse_suite(fine + "[]\n", "line 2: this is not a JSON object")
        self.refuse_suite(fine + lines({"id": "x", "text": "y"}), 'line 2: "target" is missing')
        self.refuse_suite(lines({"id": "x", "text": "", "target": "y"}), '"text" is empty')
        self.refuse_suite(fine + fine, "line 2: the id “a” is that of line 1 too")
        self.refuse_suite("\n", "there is no item")
        item = {"id": "x", "text": "né", "target": "y"}
        span = {"role": "gold", "start": 0, "end": 3}
        self.refuse_suite(lines({**item, "spans": [span]}), "spans[0] is [0, 3)", "[0, 2)")
        self.refuse_suite(lines({**item, "spans": [{"role": "gold", "text": "e"}]}),
                          "“e” does not occur")
        self.refuse_suite(lines({**item, "text": "nn", "spans": [{"role": "gold", "text": "n"}]}),
                          "more than once")
        self.refuse_suite(lines({**item, "spans": [{**span, "end": 1, "text": "m"}]}),
                          "covers “n”, not “m”")
        self.refuse_suite(fine + lines({**item, "taget": "y"}),
                          'line 2: "taget" means nothing here: did you mean "target"?')
        self.refuse_suite(lines({**item, "spans": [{**span, "role": "distracter", "end": 1}]}),
                          'spans[0]: no metric asks for the role "distracter"', '"distractor"')
        self.refuse_suite(lines({"schema": "heta.suite/2"}, *ITEMS), "heta.suite/1")
        self.refuse_suite(fine + "\0" * 20, "line 2, column 1: a NUL byte")  # was never written
        for text in ("\0", fine + " \0\n"):
            self.refuse_suite(text, "a NUL byte")
        self.suite.write_bytes(fine.encode("utf-16"))
        self.assertIn("is UTF-16", self.eval(code=FAILED).err)
        self.suite.write_bytes(b"\xef\xbb\xbf" + fine.encode())  # a mark of some editors
        self.eval("--plan")
        self.suite.unlink()
        self.eval(code=FAILED)

    def test_names_of_suites(self):
        """They are file names, which hold anything; and two of one name would be one suite."""
        other = self.path("folder")
        other.mkdir()
        named = other / "\x1b[31m\n# mine.jsonl"
        for path in (named, other / "mine.jsonl"):
            path.write_text(lines(ITEMS[0]))
        self.assertIn("two suites have the name 'mine'", self.eval(
            "--suite", other / "mine.jsonl", code=USAGE).err)
        self.expect(DONE, run("eval", "-m", MODEL, "--suite", named, "--db", self.db, "-q",
                              "--methods", "random", "--metrics", "span"))
        page = self.path("page.html")
        self.expect(DONE, run("eval", "report", self.db, "-o", page))
        texts = [self.expect(DONE, run("eval", "report", self.db, "--format", form)).out
                 for form in ("term", "markdown", "latex")]
        for text in (*texts, page.read_text()):
            self.assertIn("Suite \\x1b[31m\\n# mine, model", text)
            self.assertNotIn("\x1b", text)

    def test_choices(self):
        for more, said in ((["--metrics", "deletions"], "did you mean deletion?"),
                           (["--mask", "nothing"], "none of zero")):
            self.assertIn(said, self.eval(*more, code=USAGE).err)
        for methods, said in (("hetta", "did you mean heta?"), ("heta+bta=1", "no option 'bta'"),
                              ("heta+beta", "no OPTION=VALUE"), ("heta+beta=x", "beta"),
                              ("heta+beta=1+beta=2", "twice")):
            result = self.expect(USAGE, run("eval", "-m", MODEL, "--suite", self.suite, "--db",
                                            self.db, "--methods", methods))
            self.assertIn(said, result.err)
        self.assertIn("--db", self.expect(USAGE, run("eval", "-m", MODEL)).err)

    def test_databases(self):
        self.eval("--metrics", "dsa")
        self.assertIn("belongs to another model",
                      self.eval(code=FAILED, model=TINY / "gpt2.gguf").err)
        weights = bytearray(pathlib.Path(MODEL).read_bytes())
        weights[-100] ^= 1  # the same model but for one bit, under the same name
        other = self.path("model.gguf")
        other.write_bytes(weights)
        self.assertIn("belongs to another model", self.eval(code=FAILED, model=other).err)
        changed = [{**ITEMS[0], "target": " cat"}, *ITEMS[1:]]
        self.suite.write_text(lines(*changed))
        self.assertIn("item 'a' of suite 'mine' is not what it was", self.eval(code=FAILED).err)
        self.suite.write_text(lines(*ITEMS))
        with open(self.db, "r+b") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            self.assertIn("another process", self.eval(code=FAILED).err)
            self.expect(DONE, run("eval", "report", self.db))  # reading is free
        self.execute("UPDATE meta SET value = 'heta.eval/9' WHERE key = 'format'")
        self.assertIn("heta.eval/9", self.eval(code=FAILED).err)
        self.assertIn("heta.eval/9", self.expect(FAILED, run("eval", "report", self.db)).err)
        for content in (b"not a database, but long enough to look at " * 40, b"x"):
            self.db.write_bytes(content)
            self.assertIn("database", self.eval(code=FAILED).err)
            self.assertEqual(content, self.db.read_bytes())
        self.expect(FAILED, run("eval", "report", self.path("none.sqlite")))

    @unittest.skipIf(SANITIZED, "it reads two gigabytes twice")
    def test_large_models_that_changed(self):
        """A model of 2 GB or more is known by its header when it opens: eval reads all of it."""
        large = self.path("large.gguf")
        weights = pathlib.Path(MODEL).read_bytes()
        large.write_bytes(weights)
        with open(large, "r+b") as file:
            file.truncate(2_000_000_000)  # what follows the tensors takes no room on the disk
        one = ["--metrics", "dsa", "--limit", 1]
        self.assertIn("reading the whole model", self.eval(*one, model=large).err)
        before = self.content()
        with open(large, "r+b") as file:
            file.seek(len(weights) - 100)
            file.write(bytes([weights[-100] ^ 1]))
        changed = self.eval(*one, code=FAILED, model=large)
        self.assertIn("has changed since", changed.err)
        self.assertEqual(before, self.content())


class Report(Eval):
    def test_forms(self):
        self.eval()
        name = ["eval", "report", self.db, "--against", "occlusion"]
        term = self.expect(DONE, run(*name)).out
        self.assertIn("Suite mine", term)
        self.assertIn("average_precision", self.expect(DONE, run(*name, "--measures", "all")).out)
        markdown = self.expect(DONE, run(*name, "--format", "markdown")).out
        self.assertIn("| method", markdown)
        self.assertIn("\\begin{tabular}", self.expect(DONE, run(*name, "--format", "latex")).out)
        rows = list(csv.DictReader(io.StringIO(
            self.expect(DONE, run(*name, "--format", "csv")).out)))
        dsa = {row["method"]: row for row in rows if row["measure"] == "dsa_excess"}
        self.assertEqual(0, float(dsa["uniform"]["value"]))
        self.assertEqual({"2"}, {row["questions"] for row in dsa.values()})
        self.assertEqual({"1"}, {row["sources"] for row in dsa.values()})
        soft = [row for row in rows if row["measure"] == "soft_nc" and row["method"] == "random"]
        self.assertEqual(["3", "2"], [soft[0]["questions"], soft[0]["sources"]])
        self.expect(USAGE, run(*name, "--suite", "other"))
        for more, said in ((["--measures", "dsa_exces"], "did you mean dsa_excess?"),
                           (["--measures", "all-of-it"], "heta metrics lists all"),
                           (["--measures", "deletion_logprob_curve"], "--chart curves"),
                           (["--measures", "dsa,sensitivity"], "heta eval --metrics sensitivity"),
                           (["--chart", "cost"], "-o FILE.svg"),
                           (["--format", "csv", "-o", self.path("r.md")], "--format"),
                           (["--format", "term", "-o", self.path("r.md")], "--format"),
                           (["--chart", "measures", "-o", self.path("r.md")], "-o FILE.svg"),
                           (["-y"], "no -o"),
                           (["--measures", ","], "names no measure"),
                           (["--measures", "paraphrase"], "a paraphrase"),
                           (["--against", "ocllusion"], "did you mean 'occlusion'?")):
            self.refuse(USAGE, *name[:3], *more, said=[said])

        # What eval cannot add is not promised.
        self.execute("DELETE FROM measure WHERE metric IN ('alignment', 'dsa', 'aopc')")
        self.execute("UPDATE metric SET problem = 'it broke' WHERE metric = 'aopc'")
        self.refuse(USAGE, *name, "--measures", "f1", said=["metrics alignment adds it"])
        self.refuse(USAGE, *name, "--measures", "aopc", said=["tried", "it broke"])
        self.execute("UPDATE item SET spans = replace(spans, 'distractor', 'support')")
        self.refuse(USAGE, *name, "--measures", "dsa", said=["distractor spans, and no question"])
        self.execute("UPDATE item SET spans = replace(spans, 'gold', 'golden')")
        self.refuse(USAGE, *name, "--measures", "f1", said=["gold spans, and no question here"])

    def test_labels_tell_apart_what_was_run_twice(self):
        ask = ["eval", "-m", MODEL, "--suite", self.suite, "--db", self.db, "-q", "--metrics",
               "dsa", "--methods"]
        self.expect(DONE, run(*ask, "heta+probes=2,heta+probes=2+beta=0.2,random"))
        self.expect(DONE, run(*ask, "random,uniform", "--seed", 7))
        self.expect(DONE, run(*ask, "random", "--backend", "reference"))
        # As when "auto" meant other weights the second time.
        self.execute("UPDATE score SET label = 'heta' WHERE method = 'heta'")
        engines = [engine for engine, in self.query("SELECT DISTINCT engine FROM score"
                                                    " ORDER BY engine")]
        self.assertEqual(2, len(engines))
        cpu, reference = engines
        labels = {f"random seed 0 ({cpu})": f"seed = 0 AND method = 'random' AND engine = '{cpu}'",
                  f"random seed 7 ({cpu})": "seed = 7 AND method = 'random'",
                  f"random seed 0 ({reference})": f"engine = '{reference}'",
                  "heta [beta=0.5]": "options LIKE '%beta=0.5 %'",
                  "heta [beta=0.2]": "options LIKE '%beta=0.2 %'",
                  "uniform": "method = 'uniform'"}
        report = ["eval", "report", self.db, "--format", "csv"]
        result = self.expect(DONE, run(*report), "more than one 'heta'", "'heta [beta=0.5]'")
        rows = {row["method"]: row for row in csv.DictReader(io.StringIO(result.out))
                if row["measure"] == "dsa_excess"}
        self.assertEqual(sorted(labels), sorted(rows))
        for label, which in labels.items():  # each with its own numbers
            values = [struct.unpack("d", value)[0] for value, in self.query(
                "SELECT points FROM measure JOIN score ON score.id = measure.score WHERE"
                f" measure.name = 'dsa_excess' AND {which}")]
            self.assertAlmostEqual(sum(values) / len(values), float(rows[label]["value"]), places=7)
        self.refuse(USAGE, *report, "--against", "random", said=["'random seed 7 ("])
        compared = self.expect(DONE, run(*report, "--against", "heta [beta=0.2]")).out
        self.assertEqual("", self.expect(DONE, run(*report, "--against", "uniform")).err)
        self.assertNotEqual(result.out, compared)
        self.refuse(FAILED, "calibrate", self.db, said=["no scores by 'heta'"])
        self.refuse(FAILED, "calibrate", self.db, "--method", "heta [beta=0.2]",
                    said=["'heta+beta=0.2+probes=2,heta+beta=0.2+probes=2+gamma=0,"
                          "heta+probes=2+beta=0'"])
        self.execute("UPDATE score SET label = label || '+but=with+many=options' WHERE seed = 0")
        self.expect(DONE, run("eval", "report", self.db, "-o", self.path("r.svg")))
        texts = xml.dom.minidom.parse(str(self.path("r.svg"))).getElementsByTagName("text")
        ends = {text.firstChild.data: float(text.getAttribute("x")) for text in texts
                if text.getAttribute("text-anchor") == "end"}
        label = f"random+but=with+many=options ({reference})"
        self.assertLess(6.7 * len(label), ends[label])  # what is drawn begins within the picture
        self.execute("DELETE FROM score WHERE options LIKE '%beta=0.2 %'")
        alone = self.expect(DONE, run(*report))  # one row of HETA, whatever its label
        self.assertEqual("", alone.err)
        self.assertIn("heta+but=with+many=options", alone.out)
        differences = {row["method"]: row["difference"] for row in
                       csv.DictReader(io.StringIO(alone.out)) if row["measure"] == "dsa_excess"}
        self.assertEqual("", differences["heta+but=with+many=options"])
        self.assertNotIn("", [differences[name] for name in differences if "heta" not in name])
        self.execute("DELETE FROM score WHERE method = 'heta'")
        self.expect(DONE, run(*report), "there are no scores by 'heta'")

    def test_files_and_charts(self):
        self.expect(DONE, run("eval", "-m", MODEL, "--suite", self.suite, "--db", self.db, "-q",
                              "--methods", "heta+probes=2,heta+probes=2+gamma=0,"
                              "heta+probes=2+beta=0,occlusion", "--subsets", 64, "--draws", 1))
        page = self.path("r.html")
        name = ["eval", "report", self.db, "--against", "occlusion"]
        self.expect(DONE, run(*name, "-o", page))
        self.assertIn("exists", self.expect(USAGE, run(*name, "-o", page)).err)
        self.expect(DONE, run(*name, "-o", page, "-y"))
        self.assertEqual(5, page.read_text().count("<svg"))
        self.assertTrue(page.read_text().endswith("</html>\n"))
        for chart in ("measures", "curves", "ablations", "cost", "sweep"):
            picture = self.path(f"{chart}.svg")
            self.expect(DONE, run(*name, "--chart", chart, "-o", picture))
            self.assertNotIn("nan", xml.dom.minidom.parse(str(picture)).toxml().lower())
        self.refuse(USAGE, *name, "-o", self.path("r.doc"), said=[".html"])
        # Two features that are parts of one score: what calibrate solves, solved again here.
        fitted = self.expect(DONE, run("calibrate", self.db, "--method", "heta+probes=2",
                                       "--format", "json")).json
        sums = {}
        for label, measure, value in self.query(
                "SELECT label, measure.name, points FROM measure JOIN score ON score.id ="
                " measure.score WHERE measure.name LIKE 'faithfulness_%' AND method = 'heta'"):
            key = (label[len("heta+probes=2"):], measure)
            sums[key] = sums.get(key, 0) + struct.unpack("d", value)[0]
        square, product = "faithfulness_square", "faithfulness_product"
        ff, gg = (4 * sums[way, square] for way in ("+gamma=0", "+beta=0"))
        fg = 2 * sums["", square] - (ff + gg) / 2
        fd, gd = (2 * sums[way, product] for way in ("+gamma=0", "+beta=0"))
        dd = sums["", "faithfulness_drops"]
        beta, gamma = fitted["beta"][0], fitted["gamma"][0]

        def left(b, g):
            return dd - 2 * (b * fd + g * gd) + b * b * ff + 2 * b * g * fg + g * g * gg
        self.assertAlmostEqual(1 - left(beta, gamma) / dd, fitted["r2"][0], places=9)
        self.assertGreaterEqual(min(beta, gamma), 0)
        for more in (0.5, 0.9, 0.99, 1.01, 1.1, 2):  # no neighbour is better
            self.assertLessEqual(left(beta, gamma), left(beta * more, gamma) + 1e-9 * dd)
            self.assertLessEqual(left(beta, gamma), left(beta, gamma * more) + 1e-9 * dd)
        self.refuse(FAILED, "calibrate", self.db, said=["no scores by 'heta'", "heta eval"])
        self.weights_that_were_fitted(fitted)

    def weights_that_were_fitted(self, fitted):
        """--beta auto takes what calibrate wrote, for this model and these options only."""
        weights = self.path("weights.json")
        self.expect(DONE, run("calibrate", self.db, "--method", "heta+probes=2", "-o", weights))
        self.refuse(USAGE, "calibrate", self.db, "--method", "heta+probes=2", "-o", weights,
                    said=["exists"])
        kept = json.loads(weights.read_text())
        self.assertEqual({**fitted, "beta": 0, "gamma": 0, "r2": 0},
                         {**kept, "beta": 0, "gamma": 0, "r2": 0})
        for name in ("beta", "gamma"):
            self.assertAlmostEqual(1, (1 + kept[name][0]) / (1 + fitted[name][0]), places=12)
        ask = ["-p", "the cat in the hat", "--probes", 2, "--format", "json"]
        auto = ["attribute", "-m", MODEL, *ask, "--beta", "auto", "--calibration", weights]
        result = self.expect(DONE, run(*auto))
        self.assertIn("from '", result.err)
        again = self.expect(DONE, run("attribute", "-m", MODEL, *ask,
                                      "--beta", f"{fitted['beta'][0]:.9g}",
                                      "--gamma", f"{fitted['gamma'][0]:.9g}"))
        self.assertEqual(again.json["attributions"], result.json["attributions"])
        for more, said in ((["--gamma", 0.5], "fitted together"),
                           (["--gate", "none"], "fitted for --gate flow")):
            self.refuse(USAGE, *auto, *more, said=[said])
        other = ["attribute", "-m", TINY / "gpt2.gguf", *ask]
        self.refuse(USAGE, *other, "--beta", "auto", "--calibration", weights,
                    said=["another model"])
        self.refuse(USAGE, *other, "--beta", "auto", said=["heta calibrate"])
        self.refuse(USAGE, *other, "--calibration", weights, said=["add --beta auto"])
        # The same in heta plan, and in the methods of an evaluation.
        self.assertIn("from '", self.expect(DONE, run(
            "plan", "-m", MODEL, "-p", "the cat", "--beta", "auto", "--calibration", weights)).err)
        ask = ["eval", "-m", MODEL, "--suite", self.suite, "--db", self.db, "--metrics", "dsa",
               "-q", "--methods"]
        self.expect(DONE, run(*ask, "heta+beta=auto+probes=2", "--calibration", weights))
        self.expect(DONE, run(*ask, "heta+probes=2+beta={:.9g}+gamma={:.9g}".format(
            kept["beta"][0], kept["gamma"][0])))
        self.assertEqual([("heta+beta=auto+probes=2", 3)], self.query(
            "SELECT label, count(*) FROM score WHERE label LIKE '%auto%' OR label LIKE"
            " '%gamma=%.%' GROUP BY label"))
        self.refuse(USAGE, *ask, "heta+beta=auto", said=["heta calibrate"])
        self.refuse(USAGE, *ask, "heta", "--calibration", weights, said=["add heta+beta=auto"])
        self.refuse(USAGE, *ask, "heta+beta=auto+gate=none", "--calibration", weights,
                    said=["fitted for --gate flow"])
        weights.write_text("{}")
        self.refuse(FAILED, *auto, said=["no file of heta calibrate"])
        weights.write_text("{")
        self.refuse(FAILED, *auto, said=["line 1, column"])

    def test_one_more_run_with_another_mask(self):
        ask = ["eval", "-m", MODEL, "--suite", self.suite, "--db", self.db, "-q", "--metrics",
               "alignment,deletion,insertion", "--methods"]
        self.expect(DONE, run(*ask, "heta+probes=2+gamma=0,heta+probes=2,heta+probes=2+beta=0,"
                                    "occlusion,random"))
        report = ["eval", "report", self.db, "--against", "occlusion"]

        def pictures():
            found = {}
            for chart in ("measures", "ablations", "curves", "cost", "sweep"):
                path = self.path(f"{chart}.svg")
                self.expect(DONE, run(*report, "--chart", chart, "-o", path, "-y"))
                found[chart] = path.read_text()
            return found
        before = pictures()
        self.assertNotIn("mask=", "".join(before.values()))
        self.assertNotIn("mask=", self.expect(DONE, run(*report)).out.replace("(mask=", ""))
        self.expect(DONE, run(*ask, "occlusion", "--limit", 1, "--mask", "mean"))
        after = pictures()
        for chart in ("curves", "cost", "sweep"):  # shows the same, and says under what
            self.assertIn(">mask=zero<", after[chart])
            self.assertNotIn("mask=mean", after[chart])
            for part in ("polyline", "circle", "<title>"):
                self.assertEqual(before[chart].count(part), after[chart].count(part))
        self.assertIn(">heta+probes=2</text>", after["sweep"])  # what its points share
        self.assertNotIn("gamma=0", after["sweep"])
        self.assertIn(">mask=mean<", after["measures"])
        self.assertNotIn("mask=mean", after["ablations"])  # HETA has no value there
        term = self.expect(DONE, run(*report)).out
        for line in ("  mask=mean", "  mask=zero", "deletion_auc, mask=mean",
                     "deletion_auc, mask=zero"):
            self.assertEqual(1, term.splitlines().count(line))
        self.assertRegex(term, r"\n  mask=mean\n  method .*\n  occlusion .*\n\n  mask=zero\n")

    def measure_errors(self, methods, *more):
        self.expect(DONE, run("eval", "-m", MODEL, "--suite", self.suite, "--db", self.db, "-q",
                              "--metrics", "faithfulness-error", "--methods", methods, *more))

    def test_a_fit_says_what_it_takes(self):
        fit = ["calibrate", self.db, "--format", "json", "--method"]
        self.measure_errors("heta+probes=2", "--subsets", 64)
        # The command it gives, followed; labels are another's, and the options decide.
        said = self.refuse(FAILED, *fit, "heta+probes=2", said=["parts of 'heta+probes=2'"]).err
        self.measure_errors(said.split("'")[3], "--subsets", 64)
        self.execute("UPDATE score SET label = replace(label, 'heta+probes=2+', 'heta+') ||"
                     " '+probes=2' WHERE label LIKE '%=2+%'")
        alone = self.expect(DONE, run(*fit, "heta+probes=2"))
        self.assertEqual(["", 3, 2], [alone.err, alone.json["questions"], alone.json["sources"]])
        methods = "heta+probes=2,heta+probes=2+gamma=0,heta+probes=2+beta=0"
        self.assertIn("attribute … --probes 2 --beta", self.expect(DONE, run(
            "calibrate", self.db, "--method", "heta+probes=2")).out)
        self.measure_errors(methods, "--limit", 1, "--mask", "mean", "--subsets", 2)
        both = self.expect(DONE, run(*fit, "heta+gate=flow+probes=2"), "most questions",
                           "'mask=zero draws=10 subsets=64 seed=0' (3)", "subsets=2 seed=0' (1)")
        self.assertEqual({**alone.json, "method": 0}, {**both.json, "method": 0})
        # Sources of which nothing is fitted have no part in the intervals.
        self.execute("UPDATE measure SET points = X'000000000000F03F' WHERE name ="
                     " 'faithfulness_product'")  # 1: there is a fit for each
        self.execute("UPDATE item SET suite = 'other' WHERE name = 'c'")
        only = self.expect(DONE, run(*fit, "heta+probes=2", "--suite", "other")).json
        for name in ("beta", "gamma", "r2"):  # one source
            self.assertIsInstance(only[name][0], float)
            self.assertEqual([None, None], only[name][1:])
        self.assertIn("–", self.expect(DONE, run(*fit[:2], *fit[4:], "heta+probes=2", "--suite",
                                                 "other")).out)
        self.execute("UPDATE item SET source = name, suite = 'mine' WHERE name = 'b'")
        two = self.expect(DONE, run(*fit, "heta+probes=2", "--suite", "mine")).json
        self.execute("DELETE FROM score WHERE item IN (SELECT id FROM item WHERE name = 'c')")
        self.assertEqual(two, self.expect(DONE, run(*fit, "heta+probes=2")).json)
        self.measure_errors(methods, "--seed", 7)
        self.refuse(USAGE, *fit, "heta+probes=2", said=["several seeds", "'heta+probes=2 seed 7'"])
        seven = self.expect(DONE, run(*fit, "heta+probes=2 seed 7")).json
        self.assertIn("seed=7", seven["settings"])
        for more, words in ((["occlusion"], ["only heta", "'occlusion'"]),
                            (["heta+beta=0"], ["leave beta out"]),
                            (["heta+config=product"], ["config is product"]),
                            (["heta+probes=2", "-y"], ["no -o"]),
                            (["heta+probes=2", "--suite", "nosuch"], ["'nosuch'", "'mine'"])):
            self.refuse(USAGE, *fit, *more, said=words)

    def test_a_fit_of_nothing_is_no_fit(self):
        methods = "heta+probes=2,heta+probes=2+gamma=0,heta+probes=2+beta=0"
        self.measure_errors(methods, "--subsets", 2)
        self.execute("UPDATE measure SET points = X'000000000000F0BF' WHERE name ="
                     " 'faithfulness_product'")  # -1: the more a part says, the less falls
        weights = self.path("weights.json")
        for more in ([], ["--format", "json"]):
            result = self.refuse(FAILED, "calibrate", self.db, "--method", "heta+probes=2", "-o",
                                 weights, *more, said=["nothing fits", "3 questions"])
            self.assertEqual(["", False], [result.out, weights.exists()])

    def test_suites_of_published_files(self):
        words = " ".join(["word"] * 24)
        (self.path("train.json")).write_text(json.dumps([
            {"question": "What is it?", "correct_answer": "Oxygen", "support": "It is oxygen, é.",
             "distractor1": "it", "distractor2": "an odd gas", "distractor3": "argon"},
            {"question": "And this?", "correct_answer": "helium", "support": "It is not."}]))
        (self.path("summaries.csv")).write_text(
            'document_id,set,summary,x\r\nd1,train,"He said ""no"".  ' + f"{words}. {words}."
            '\nIt ended.",\r\n')
        (self.path("counterfact.json")).write_text(json.dumps([
            {"case_id": 7, "requested_rewrite": {
                "prompt": "The town of {} is in", "subject": "Münster",
                "target_true": {"str": "Germany"}, "target_new": {"str": "Peru"}}}, {}]))
        made = self.path("made.jsonl")
        for name, count in (("curated", 1), ("counterfact", 1)):
            said = self.expect(DONE, run("data", "build", name, "--from", self.folder, "-o", made,
                                         "-y")).err
            self.assertIn("1 items; 1 records were left out", said)
            head, *items = map(json.loads, made.read_text().splitlines())
            self.assertEqual("heta.suite/1", head["schema"])
            self.assertEqual(count, len(items))
            parts = {span["role"]: items[0]["text"][span["start"]:span["end"]]
                     for span in items[0]["spans"]}
            if name == "curated":
                self.assertEqual("oxygen", parts["gold"])
                self.assertEqual("It is oxygen, é.", parts["support"])
                self.assertTrue(40 <= len(parts["distractor"].split()) <= 80)
                self.assertEqual(" Oxygen", items[0]["target"])
                # The first is in the text, the second has other words.
                self.assertEqual(" argon", items[0]["foil"])
            else:
                self.assertEqual({"gold": "Münster"}, parts)
                self.assertEqual("The town of Münster is in", items[0]["text"])
        self.assertIn("exists", self.expect(USAGE, run("data", "build", "curated", "--from",
                                                       self.folder, "-o", made)).err)
        self.path("train.json").write_text("[{]")
        self.refuse(FAILED, "data", "build", "curated", "--from", self.folder, "-o", made, "-y",
                    said=["train.json: line 1, column 3"])
        self.refuse(USAGE, "data", "build", "other", "--from", self.folder, "-o", made, "-y",
                    said=["curated, counterfact"])

    def test_metrics_are_listed(self):
        listed = self.expect(DONE, run("metrics")).out
        self.assertIn("deletion", listed)
        self.assertIn("Hellinger", self.expect(DONE, run("metrics", "soft")).out)
        self.assertTrue(self.expect(DONE, run("metrics", "--format", "json")).json)
        self.refuse(USAGE, "metrics", "deletoin", said=["deletoin"])


if __name__ == "__main__":
    main()
