#!/usr/bin/env python3
"""test_eval_data.py: `heta data build` makes suites of files as their publishers give them."""
import json
import os
import pathlib
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
        self.path("questions-words.txt").write_text(": capital\nOslo Norway Rome\n")
        self.refuse(FAILED, *ask, said=["questions-words.txt: line 2"])
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
                 ("passiv: ", "the newt slept .", "the newt slept .")]
        self.path("passiv_en_nps.test.json").write_text("".join(json.dumps({"translation": {
            "src": src, "prefix": prefix, "tgt": tgt}}) + "\n" for prefix, src, tgt in pairs))
        said, items = self.build("active-passive")
        self.assertIn("1 items; 1 records", said)
        asked = "\nQuestion: Who were seen by the newt?\nAnswer: our"
        self.assertEqual("The newt saw our yaks by her mill." + asked, items[0]["text"])
        self.assertEqual("Our yaks by her mill were seen by the newt." + asked,
                         items[0]["paraphrase"])
        self.assertEqual((" yaks", {"gold": "yaks"}), (items[0]["target"], parts(items[0])))

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
