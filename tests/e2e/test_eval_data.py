#!/usr/bin/env python3
"""test_eval_data.py: `heta data build` makes suites of files as their publishers give them."""
import json
import os
import pathlib
import resource
import sqlite3
import unittest

from harness import DONE, FAILED, MODEL, USAGE, Case, main, run

SHARED = os.environ.get("HETA_TEST_DATA")
TEMPLATES = '''def create(all_analogies):
  """Templates with "[A]" and "[B]"."""
  all_analogies['capital']['template'] = (
    "My flight landed in [B]. (I dreamt, but "
    "that's another story). I stayed in the capital, [A]")
  all_analogies["plural"]["template"] = (
    'I wanted the [A]. (It\\'s late). I asked if they had any [B]')
  return all_analogies
'''
PAIRS = (": capital\nOslo Norway Rome Italy\nOslo Norway Lima Peru\n: plural\r\n"
         "cat cats dog dogs\n: unknown\na b c d\n")
STORY = ("Mia had  a cat. It ran away! She\ncried.", "Why did it run?", "it was afraid. | no idea.",
         "caters_narrative_3_sentence_1_question_2")


def parts(item):
    return {span["role"]: item["text"][span["start"]:span["end"]] for span in item.get("spans", [])}


class Data(Case):
    def build(self, name, *more):
        made = self.path("made.jsonl")
        result = self.expect(DONE, run("data", "build", name, "--from", self.folder, "-o", made,
                                       "-y", *more))
        head, *items = map(json.loads, made.read_text().splitlines())
        self.assertEqual("heta.suite/1", head["schema"])
        return result.err, items


class Build(Data):
    def test_longra(self):
        self.path("questions-words.txt").write_bytes(PAIRS.encode())
        self.path("data_utils.py").write_text(TEMPLATES)
        said, items = self.build("longra")
        self.assertIn("5 items; 2 records were left out", said)  # a pair counts once
        self.assertEqual(["Oslo-Norway", "cat-cats", "Rome-Italy", "dog-dogs", "Lima-Peru"],
                         [item["id"].split("-", 2)[2] for item in items])  # sections take turns
        self.assertEqual("My flight landed in Norway. (I dreamt, but that's another story). "
                         "I stayed in the capital,", items[0]["text"])
        self.assertEqual((" Oslo", "capital"), (items[0]["target"], items[0]["source"]))
        self.assertEqual({"gold": "Norway", "distractor": "(I dreamt, but that's another story)."},
                         parts(items[0]))
        self.assertEqual(("I wanted the cat. (It's late). I asked if they had any", " cats"),
                         (items[1]["text"], items[1]["target"]))
        self.assertEqual(2, len(self.build("longra", "--limit", 2)[1]))
        ask = ["data", "build", "longra", "--from", self.folder, "-o", self.path("x.jsonl")]
        for line in ("Oslo Norway Rome", "Oslo Norway Rome Italy Lima"):
            self.path("questions-words.txt").write_text(f": capital\n\n\n{line}\n")
            self.refuse(FAILED, *ask, said=["questions-words.txt: line 4"])
        self.path("questions-words.txt").write_text(": other\na b c d\n")
        self.refuse(FAILED, *ask, said=["no template for any section"])
        self.path("data_utils.py").unlink()
        self.refuse(FAILED, *ask, said=["data_utils.py"])
        self.assertFalse(self.path("x.jsonl").exists())

    def test_tellmewhy(self):
        name = "knowwhy_hidden_test_set_ontology.csv"
        columns = "narrative,question,Ontology,all_gold_answers,is_ques_answerable,question_meta\n"
        self.path(name).write_text(columns + '"{0}",{1},Goal,{2},Answerable,{3}\n,,,,,\n'.format(
            *STORY))
        said, items = self.build("tellmewhy")
        self.assertIn("1 items; 1 records", said)
        self.assertEqual("Mia had a cat. It ran away! She cried.\n\nQuestion: Why did it run?\n"
                         "Answer:", items[0]["text"])
        self.assertEqual((" it was afraid.", "caters_narrative_3", STORY[3]),
                         (items[0]["target"], items[0]["source"], items[0]["id"]))
        self.assertEqual({"asked": "It ran away!"}, parts(items[0]))
        self.path(name).write_text(columns.replace("question_meta", "meta") + "a,b,c,d,e,f\n")
        self.refuse(FAILED, "data", "build", "tellmewhy", "--from", self.folder, "-o",
                    self.path("x.jsonl"), said=["no column question_meta"])

    def test_wikibio(self):
        record = {"wiki_bio_test_idx": 9, "gpt3_text": "Zoë is a poet. She was born in Łódź.\n\n"
                  "She wrote “Rain” (1990).", "gpt3_sentences": [
                      "Zoë is a poet.", "She was born in Łódź.", "She wrote “Rain” (1990).", "?"],
                  "annotation": ["accurate", "minor_inaccurate", "accurate", "accurate"]}
        for text in (json.dumps([record]), json.dumps(record) + "\n"):
            self.path("dataset.json").write_text(text)
            said, items = self.build("wikibio")
            self.assertIn("2 items; 2 records", said)  # the first has nothing before it
            self.assertEqual(["Zoë is a poet. She was born in", " Łódź"],
                             [items[0]["text"], items[0]["target"]])
            self.assertEqual({"minor_inaccurate": "She was born in"}, parts(items[0]))
            self.assertEqual(" (1990", items[1]["target"])
            self.assertEqual({"wikibio-9"}, {item["source"] for item in items})
        self.path("dataset.json").write_text('{"gpt3_text": "a"}\n{]\n')
        self.refuse(FAILED, "data", "build", "wikibio", "--from", self.folder, "-o",
                    self.path("x.jsonl"), said=["dataset.json: line 2, column 2"])
        self.path("dataset.json").write_text("[]")
        self.refuse(FAILED, "data", "build", "wikibio", "--from", self.folder, "-o",
                    self.path("x.jsonl"), said=["no item could be made"])
        self.assertFalse(self.path("x.jsonl").exists())

    def test_active_passive(self):
        pairs = [("decl: ", "the newt saw our yak .", "the newt saw our yak ."),
                 ("passiv: ", "the newt saw our yaks by her mill .",
                  "our yaks by her mill were seen by the newt ."),
                 ("passiv: ", "the newt slept .", "the newt slept ."),
                 ("passiv: ", "the newt saw our yaks .",  # longer than any, and not cut short
                  f"our {'very ' * 50}yaks were seen by the newt .")]
        self.path("passiv_en_nps.test.json").write_text("".join(json.dumps({"translation": {
            "src": src, "prefix": prefix, "tgt": tgt}}) + "\n" for prefix, src, tgt in pairs))
        said, items = self.build("active-passive")
        self.assertIn("1 items; 2 records", said)
        asked = "\nQuestion: Who were seen by the newt?\nAnswer: our"
        self.assertEqual("The newt saw our yaks by her mill." + asked, items[0]["text"])
        self.assertEqual("Our yaks by her mill were seen by the newt." + asked,
                         items[0]["paraphrase"])
        self.assertEqual((" yaks", {"gold": "yaks"}), (items[0]["target"], parts(items[0])))

    def write_curated(self, document=lambda k: f"d{k}"):
        """Six supports and five summaries, each of sentences of twenty words."""
        words = "and so it went on all day long with the old man and his dog by the sea".split()
        self.path("summaries.csv").write_text("document_id,set,summary\n" + "".join(
            f'"{document(k)}",test,"' + " ".join(f"In {k}.{s} " + " ".join(words) + "."
                                                 for s in range(6)) + '"\n' for k in range(5)))
        self.path("train.json").write_text(json.dumps([
            {"question": "Which?", "distractor1": "b", "distractor2": "c", "distractor3": "d",
             "correct_answer": "cat", "support": f"It was a cat, said {k}."} for k in range(6)]))

    def accepted(self, *more):
        """What is built is what eval reads."""
        items = self.build("curated", *more)[1]
        self.assertEqual(len(items), len({item["id"] for item in items}))
        self.assertEqual(len(items), len({item["text"] for item in items}))
        self.expect(DONE, run("eval", "-m", MODEL, "--suite", self.path("made.jsonl"), "--db",
                              self.path("p.sqlite"), "--methods", "random", "--metrics", "span",
                              "--plan", "-q"))
        return items

    def test_curated(self):
        self.write_curated()
        for seed in range(6):
            items = self.accepted("--per-support", 5, "--seed", seed)
            self.assertEqual({f"sciq-{i}-d{k}" for i in range(6) for k in range(5)},
                             {item["id"] for item in items})  # no summary twice
        self.assertIn("It was a cat, said 0.\n\nQuestion: Which?\nAnswer:", items[0]["text"])
        self.assertEqual((" cat", "sciq-0", "cat"),
                         (items[0]["target"], items[0]["source"], parts(items[0])["gold"]))
        one = self.accepted("--seed", 5)
        self.assertEqual(6, len(one))
        self.assertEqual(items[0]["id"], one[0]["id"])
        # More narratives than summaries, and documents that cannot be told apart.
        self.assertGreater(len(self.accepted("--per-support", 9)), 30)
        self.write_curated(lambda k: "é" * 30 + str(k))
        self.assertEqual(30, len(self.accepted("--per-support", 5)))
        for path in ("summaries.csv", "train.json"):  # with the mark that some editors put there
            self.path(path).write_bytes(b"\xef\xbb\xbf" + self.path(path).read_bytes())
        self.assertEqual(30, len(self.accepted("--per-support", 5)))

    def test_files_of_another_kind(self):
        self.write_curated()
        files = {name: self.path(name).read_bytes() for name in ("summaries.csv", "train.json")}
        table = files["summaries.csv"]
        for name, content, *said in (
                ("train.json", b"", "train.json is empty"), ("train.json", b" \n", "is empty"),
                ("train.json", b"[1", "train.json: line 1, column"),
                ("train.json", "[]".encode("utf-16"), "train.json is UTF-16"),
                ("train.json", b"[]\n\0\0", "train.json: line 2, column 1: a NUL byte"),
                ("summaries.csv", table.replace(b",", b";"), "summaries.csv: line 1", "commas"),
                ("summaries.csv", table.replace(b",test,", b","), "summaries.csv: line 2 has"),
                ("summaries.csv", table + b'"', f"{self.folder}/summaries.csv: line 7"),
                ("summaries.csv", table.replace(b"old", b"\xff"), "train.json: record 1 has a text "
                 "that is not UTF-8"),
                ("summaries.csv", table.splitlines()[0], "no summary")):
            self.path(name).write_bytes(content)
            self.refuse(FAILED, "data", "build", "curated", "--from", self.folder, "-o",
                        self.path("x.jsonl"), said=said)
            self.path(name).write_bytes(files[name])
        self.nothing_left("summaries.csv", "train.json")

    def test_read_as_eval_reads(self):
        """What eval would refuse is not put in place, and the message says where it comes from."""
        def record(case, other):
            return {"case_id": case, "requested_rewrite": {
                "prompt": "{} is in", "subject": "Rome", "target_true": {"str": "Italy"},
                "target_new": {"str": "Peru"}}, "paraphrase_prompts": [other]}
        self.path("counterfact.json").write_text(json.dumps(
            [record(7, "x"), {"case_id": 8}, record(9, "y"), record(7, "z")]))
        ask = ["--from", self.folder, "-o", self.path("x.jsonl")]
        self.refuse(FAILED, "data", "build", "counterfact", *ask, said=[
            "counterfact.json: line 4: the id “counterfact-7” is that of line 2 too",
            "record 4 of", "the other “counterfact-7” was made of record 1"])
        self.path("counterfact.json").write_text(json.dumps([record(1, "x"), record(2, "")]))
        self.refuse(FAILED, "data", "build", "counterfact", *ask,
                    said=['"paraphrase" is empty', "“counterfact-2” was made of record 2"])
        name = "knowwhy_hidden_test_set_ontology.csv"
        self.path(name).write_text("narrative,question,all_gold_answers,question_meta\n"
                                   f"a b.,why?,so,{'m' * 201}\n")
        self.refuse(FAILED, "data", "build", "tellmewhy", *ask,
                    said=["longer than 200 bytes", f"record 1 of {self.folder}/{name}"])
        self.path("dataset.json").write_text(json.dumps([{
            "wiki_bio_test_idx": 9, "gpt3_text": "A b. C d e.",
            "gpt3_sentences": ["A b.", "C d e."], "annotation": ["accurate", "gold"]}]))
        self.refuse(FAILED, "data", "build", "wikibio", *ask,
                    said=["dataset.json: record 1: the annotation “gold”"])
        self.nothing_left("counterfact.json", "dataset.json", name)

    def test_full_disk(self):
        """A file that may not grow: the reason is said, and no temporary file stays."""
        self.write_curated()
        self.refuse(FAILED, "data", "build", "curated", "--from", self.folder, "-o",
                    self.path("x.jsonl"), "--per-support", 5, said=["File too large"],
                    before=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000)))
        self.nothing_left("summaries.csv", "train.json")

    def test_quick(self):
        """Five questions of each of four sets, which lie in one folder."""
        names = ("longra", "tellmewhy", "wikibio", "curated")
        ask = ["eval", "-m", MODEL, "--suite", "quick", "--data", self.folder, "--db",
               self.path("q.sqlite"), "--methods", "random,position", "--metrics", "soft,aopc"]
        for name in names:
            self.refuse(USAGE, *ask, said=[f"--suite {name}", f"heta data build {name}"])
            self.path(f"{name}.jsonl").write_text("".join(json.dumps(
                {"id": str(i), "text": f"a {name[:3]} in the hat", "target": " hat"}) + "\n"
                for i in range(7)))
        self.assertIn("20 items, 2 methods", self.expect(DONE, run(*ask, "--plan")).err)
        self.expect(DONE, run(*ask, "--limit", 1, "--no-progress"))
        connection = sqlite3.connect(self.path("q.sqlite"))
        found = connection.execute("SELECT DISTINCT suite, settings FROM metric JOIN score ON"
                                   " score.id = metric.score JOIN item ON item.id = score.item"
                                   ).fetchall()
        connection.close()
        self.assertEqual({(name, "mask=zero draws=2 subsets=16 seed=0") for name in names},
                         set(found))
        plain = self.path("p.sqlite")
        every = self.expect(DONE, run("eval", "-m", MODEL, "--suite", "quick", "--data",
                                      self.folder, "--db", plain, "--limit", 1, "--plan"))
        self.assertIn("4 items, ", every.err)
        self.expect(DONE, run("eval", "-m", MODEL, "--suite", "longra", "--data", self.folder,
                              "--db", self.path("l.sqlite"), "--methods", "random", "--plan"))

    def test_refusals(self):
        self.refuse(USAGE, "data", "build", "longra", said=["--from FOLDER"])
        self.path("made.jsonl").write_text("mine")
        self.refuse(USAGE, "data", "build", "longra", "--from", self.folder, "-o",
                    self.path("made.jsonl"), said=["exists"])
        for option in ("--per-support", "--seed"):
            self.refuse(USAGE, "data", "build", "longra", "--from", self.folder, "-o",
                        self.path("x.jsonl"), option, 1, said=[f"{option} changes nothing"])
        self.refuse(USAGE, "data", "build", "longra", "--from", self.folder, "-o", "-",
                    said=["standard output"])
        self.assertEqual("mine", self.path("made.jsonl").read_text())


@unittest.skipUnless(SHARED, "HETA_TEST_DATA is not set: no published files to build suites of")
class Published(Data):
    """The published files themselves, as far as they are at hand."""
    def copy(self, source, name):
        self.path(name).write_bytes((pathlib.Path(SHARED) / source).read_bytes())

    def test_published(self):
        self.copy("longra/questions-words.txt", "questions-words.txt")
        templates = json.loads((pathlib.Path(SHARED) / "longra/templates.json").read_text())
        self.path("data_utils.py").write_text("".join(
            f"x['{name}']['template'] = (\n  {json.dumps(text[:50])}\n  {json.dumps(text[50:])})\n"
            for name, text in templates["templates"].items()))
        mine = {(item["text"], item["target"]): item for item in self.build("longra")[1]}
        pairs = (pathlib.Path(SHARED) / "longra/longra_all_pairs.jsonl").read_text().splitlines()
        self.assertEqual(len(pairs), len(mine))
        for pair in map(json.loads, pairs):
            spans = {span["role"]: [span["start"], span["end"]]
                     for span in mine[pair["prompt"], pair["target"]]["spans"]}
            self.assertEqual(pair["distractor_char_span"], spans["distractor"])
            start, end = pair["antecedent_char_span"]
            if pair["prompt"][start - 1].isalnum():  # these took the “new” of “knew”
                start, end = spans["gold"]
                self.assertEqual(pair["antecedent"], pair["prompt"][start:end])
            self.assertEqual([start, end], spans["gold"])
        name = "knowwhy_hidden_test_set_ontology.csv"
        self.copy(f"tellmewhy/{name}", name)
        items = self.build("tellmewhy")[1]
        self.assertEqual((464, 190), (len(items), len({item["source"] for item in items})))
        self.assertTrue(all("asked" in parts(item) for item in items))
        self.copy("wikibio/wikibio_gpt3_hallucination_238.jsonl", "dataset.json")
        items = self.build("wikibio")[1]
        self.assertEqual(238, len({item["source"] for item in items}))
        self.assertGreater(len(items), 1600)


if __name__ == "__main__":
    main()
