#!/usr/bin/env python3
"""test_batch.py: heta attribute --batch: a line for a line, whatever happens in between."""
import fcntl
import json
import random
import signal
import subprocess
import time

from harness import DONE, FAILED, INTERRUPTED, MODEL, SANITIZED, USAGE, Case, main, run, shown, \
    sound, start, timeless

USER, BOT = {"role": "user", "content": "hen?"}, {"role": "assistant", "content": "in"}
ASK = ("attribute", "-m", MODEL, "-t", 1, "--batch")


class Batch(Case):
    def setUp(self):
        super().setUp()
        self.input, self.output = self.path("in.jsonl"), self.path("out.jsonl")

    def put(self, *examples):
        lines = [one if isinstance(one, str) else json.dumps(one) for one in examples]
        self.input.write_text("".join(line + "\n" for line in lines), encoding="utf-8")

    def ask(self, *more, **how):
        return run(*ASK, self.input, "-o", self.output, *more, **how)

    def lines(self):
        """The objects of the output; each result follows the schema."""
        data = self.output.read_bytes()
        self.assertTrue(data.endswith(b"\n"))
        said = [json.loads(line) for line in data.splitlines()]
        for line, one in zip(data.splitlines(), said):
            if one["schema"] == "heta.attribution/1":
                sound(line + b"\n")
            else:
                self.assertEqual(["schema", "heta_version", "command", "error", "example"],
                                 list(one))
        return said

    def test_each_line_is_what_the_command_gives(self):
        self.put({"id": "a", "text": "the cat sat", "target": " on"}, "",
                 {"text": "in the cat", "predict": 2, "probes": 3, "beta": 0.1, "seed": 5},
                 {"id": 7, "text": "the cat", "method": "occlusion", "last": True},
                 {"id": "s", "text": "the cat", "target": " on the mat", "span": [1, 3]},
                 {"id": "f", "text": "the cat", "target": "a", "foil": "b", "last": False},
                 {"text": "the cat", "method": "uniform", "predict": 2, "temperature": 1.25,
                  "top_k": 30})
        self.expect(DONE, self.ask("--probes", 2, "--level", "word", "--top-p", 0.9),
                    "6 of 6: line 7")
        common = ("attribute", "-m", MODEL, "--format", "json", "--level", "word")
        wanted = [("-p", "the cat sat", "--target", " on", "--probes", 2),
                  ("-p", "in the cat", "-n", 2, "--probes", 3, "--beta", 0.1, "--seed", 5,
                   "--top-p", 0.9),
                  ("-p", "the cat", "-a", "occlusion", "--last"),
                  ("-p", "the cat", "--target", " on the mat", "--span", "1:3", "--probes", 2),
                  ("-p", "the cat", "--target", "a", "--foil", "b", "--probes", 2),
                  ("-p", "the cat", "-a", "uniform", "-n", 2, "--top-p", 0.9, "--temp", 1.25,
                   "--top-k", 30)]
        lines = self.lines()
        self.assertEqual([{"line": n, "id": name} for n, name in
                          ((1, "a"), (3, None), (4, 7), (5, "s"), (6, "f"), (7, None))],
                         [line.pop("example") for line in lines])
        for line, arguments in zip(lines, wanted, strict=True):
            alone = self.expect(DONE, run(*common, *arguments)).json
            self.assertEqual(timeless(alone), timeless(line))
            again = self.expect(DONE, run(*line["command"][1:], "--format", "json")).json
            self.assertEqual(timeless(line), timeless(again))
        self.path("one.json").write_text(json.dumps(lines[3]), encoding="utf-8")
        self.expect(DONE, run("verify", self.path("one.json"), "--fraction", 1))

    def test_a_batch_survives_being_killed(self):
        """Killed at any moment, again and again, it ends as if nothing had happened."""
        seed = random.randrange(1 << 32)
        chance = random.Random(seed)
        count = 40 if SANITIZED else 200
        self.put(*({"id": f"n{i}", "text": "the cat sat on"[:2 + i % 12], "predict": 1 + i % 3}
                   for i in range(count)))
        more = ("-a", "gradient-norm", "-q")
        self.expect(DONE, run(*ASK, self.input, "-o", self.path("whole.jsonl"), *more))
        with shown(seed=seed):
            for _ in range(3 if SANITIZED else 6):
                process = start(*ASK, self.input, "-o", self.output, *more,
                                stdout=subprocess.DEVNULL)
                before = self.output.stat().st_size if self.output.exists() else 0
                until = time.monotonic() + 60
                while time.monotonic() < until and process.poll() is None and not (
                        self.output.exists() and self.output.stat().st_size > before):
                    time.sleep(0.002)
                time.sleep(chance.random() * 0.05)
                process.kill()
                process.communicate()
                if chance.random() < 0.5:  # as if it had died within a line
                    data = self.output.read_bytes()
                    self.output.write_bytes(data[:len(data) - chance.randrange(1, 3000)])
            self.expect(DONE, self.ask(*more))
            lines = self.lines()
            self.assertEqual([f"n{i}" for i in range(count)],
                             [line["example"]["id"] for line in lines])
            whole = [json.loads(line) for line in self.path("whole.jsonl").read_text(
                encoding="utf-8").splitlines()]
            self.assertEqual([timeless(line) for line in whole],
                             [timeless(line) for line in lines])
        before = self.output.read_bytes()
        self.expect(DONE, self.ask(*more))
        self.assertEqual(before, self.output.read_bytes())

    def test_interrupted(self):
        self.put(*({"text": "the cat sat on the mat" * 2, "id": i} for i in range(200)))
        process = start(*ASK, self.input, "-o", self.output, "--probes", 40)
        until = time.monotonic() + 60
        while time.monotonic() < until and not (
                self.output.exists() and self.output.read_bytes().count(b"\n") > 1):
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
        self.assertEqual(INTERRUPTED, process.returncode, said.decode())
        done = len(self.lines())
        self.assertIn(f"interrupted; {done} of 200 examples are done, and the same command goes on",
                      said.decode())

    def test_conversations(self):
        hen, two = {"name": "a", "text": "hen\n"}, {"name": "b", "text": "in"}
        self.put({"text": "the cat"}, {"messages": [USER], "documents": [hen, two], "seed": 3},
                 {"messages": [{"role": "system", "content": "he"}, USER, BOT], "user": "a"},
                 {"messages": [USER, BOT], "chat_template": "mistral-v3"},
                 {"user": "in", "raw": True, "predict": 2})
        self.expect(DONE, self.ask("-a", "gradient-norm", "--chat-template", "mistral-v1", "-sys",
                                   "on", "--document-text", "c=cat", "--target", "t", "--level",
                                   "document"))
        said = json.dumps([USER])
        a, c = ("--document-text", "a=hen\n"), ("--document-text", "c=cat")
        older = json.dumps([{"role": "system", "content": "he"}, USER, BOT])
        wanted = [("-p", "the cat", *c, "--target", "t"),
                  ("--messages", said, *a, "--document-text", "b=in", "-sys", "on", "--seed", 3,
                   "--chat-template", "mistral-v1", "--target", "t"),
                  ("--messages", older, *c, "--user", "a", "--chat-template", "mistral-v1",
                   "--target", "t"),
                  ("--messages", json.dumps([USER, BOT]), *c, "-sys", "on", "--chat-template",
                   "mistral-v3"),
                  ("--user", "in", "--raw", *c, "-sys", "on", "-n", 2)]
        lines = self.lines()
        for number, (line, more) in enumerate(zip(lines, wanted, strict=True), 1):
            self.assertEqual(number, line.pop("example")["line"])
            alone = self.expect(DONE, run("attribute", "-m", MODEL, "--format", "json", "--level",
                                          "document", "-a", "gradient-norm", *more)).json
            self.assertEqual(timeless(alone), timeless(line))
            again = self.expect(DONE, run(*line["command"][1:], "--format", "json")).json
            self.assertEqual(timeless(line), timeless(again))
        names = [s["name"] for s in lines[1]["input"]["segments"] if s["role"] == "document"]
        self.assertEqual(["a", "b"], names)
        self.assertEqual("forced", lines[3]["targets"][0]["origin"])
        one = self.path("one.json")
        for line in lines:
            one.write_text(json.dumps(line), encoding="utf-8")
            self.expect(DONE, run("verify", one, "--fraction", 1))
            self.expect(DONE, run("report", one))

    def test_another_conversation_is_not_continued(self):
        first = {"messages": [USER, BOT], "documents": [{"name": "a", "text": "in"}],
                 "chat-template": "mistral", "method": "uniform"}
        self.put(first)
        self.expect(DONE, self.ask())
        before = self.output.read_bytes()
        self.expect(DONE, self.ask())
        self.assertEqual(before, self.output.read_bytes())
        for change in ({"messages": [USER, {**BOT, "content": "on"}]},
                       {"documents": [{"name": "a", "text": "on"}]}, {"documents": []},
                       {"system": "he"}, {"user": "he"}, {"chat-template": "mistral-v1"}):
            self.put({**first, **change})
            self.refuse(USAGE, *ASK, self.input, "-o", self.output,
                        said=["line 1 is no answer to line 1 of"])
        self.assertEqual(before, self.output.read_bytes())

    def test_bad_lines(self):
        bad = [('{"text": "the cat"', None, "not JSON"), ('["the cat"]', None, "not an object"),
               ('{"text": "a\\u0000b"}', None, "not JSON"),
               ({"target": " on"}, "text", "missing"), ({"text": ""}, "text", "not empty"),
               ({"text": 5}, "text", "a string"), ({"text": "a", "id": ""}, "id", "not empty"),
               ({"text": "a", "traget": "x"}, "traget", 'did you mean "target"?'),
               ({"text": "a", "output": "x"}, "output", "an example has no"),
               ({"messages": []}, "messages", "list of messages is empty"),
               ({"messages": "hen"}, "messages", "a list of objects"),
               ({"messages": [USER, {"role": "bot", "content": "x"}]}, "messages",
                'messages[1].role is "bot"'),
               ({"messages": [{"role": "user"}]}, "messages", "messages[0].content is missing"),
               ({"messages": [USER], "text": "a"}, "messages", "belongs to a conversation"),
               ({"text": "a", "sys": "b"}, "sys", '"system" belongs to a conversation'),
               ({"messages": [USER], "user": "a"}, "user", "a user message already"),
               ({"messages": [{**USER, "role": "system"}, USER], "system": "a"}, "system",
                "a system message already"),
               ({"messages": [USER, BOT], "predict": 1}, "predict", "ends with an answer"),
               ({"user": "a", "raw": True, "chat_template": "gemma"}, "raw", "exclude each other"),
               ({"user": "a", "documents": {"a": "b"}}, "documents", "a list of objects"),
               ({"user": "a", "documents": [{"name": "a=", "text": "b"}]}, "documents",
                "documents[0].name"),
               ({"user": "a", "documents": [{"name": "a", "text": "b"}, {"name": "c"}]},
                "documents", "documents[1].text"),
               ({"text": "a", "predict": 0}, "predict", "from 1 to 1000000"),
               ({"text": "a", "predict": [1]}, "predict", "a string or a number"),
               ({"text": "a", "last": 1}, "last", "true or false"),
               ({"text": "a", "span": [3, 1], "target": "b"}, "span", "not a span"),
               ({"text": "a", "predict": 1, "target": "b"}, "predict", "exclude each other"),
               ({"text": "a", "predict": 1, "max-new-tokens": 2}, "predict", "exclude each other"),
               ({"text": "a", "method": "hetta"}, "method", "did you mean heta?"),
               ({"text": "a", "method": "occlusion", "probes": 3}, None, "no option of the method"),
               ({"text": "a", "span": "1:2"}, None, "a part of an answer")]
        late = [({"text": "the cat", "target": "x", "span_text": "dog"}, "does not occur"),
                ({"text": "the cat", "probes": 0}, "probes"),
                ({"messages": [USER]}, "has no chat template"),
                ({"user": "a", "chat-template": "gemm"}, "no chat template 'gemm'"),
                ({"user": "a", "raw": True, "documents": [{"name": "a", "text": " "}]},
                 "document 'a' is empty"),
                ({"text": "the cat " * 50}, "context")]
        good = {"text": "the cat", "method": "uniform"}
        self.put(*(line for line, _, _ in bad), *(line for line, _ in late), good)
        result = self.expect(FAILED, self.ask("-a", "heta"), f"{len(bad) + len(late)} of "
                             f"{len(bad) + len(late) + 1} examples could not be explained",
                             "in.jsonl: line 1, column ", 'in.jsonl: line 4, "text": ')
        lines = self.lines()
        self.assertEqual("complete", lines.pop()["status"])
        for number, (line, wanted) in enumerate(zip(lines, [*bad, *((a, None, b) for a, b in late)],
                                                    strict=True), 1):
            self.assertEqual(number, line["error"]["line"])
            self.assertEqual(wanted[1], line["error"]["field"], str(line))
            self.assertIn(wanted[2], line["error"]["message"])
            self.assertEqual(number <= 2 or number == 3, line["error"]["column"] is not None)
            self.assertIn(line["error"]["message"][:60], result.err)
        before = self.output.read_bytes()
        self.expect(FAILED, self.ask("-a", "heta"))
        self.assertEqual(before, self.output.read_bytes())

    def test_another_question_is_not_continued(self):
        first = {"id": 1, "text": "the cat", "method": "uniform"}
        self.put(first, {"id": 2, "text": "in the", "method": "uniform"})
        self.expect(DONE, self.ask())
        before = self.output.read_bytes()
        for change in ({"id": 3}, {"text": "the mat"}, {"seed": 1}, {"method": "random"}):
            self.put({**first, **change})
            self.refuse(USAGE, *ASK, self.input, "-o", self.output,
                        said=["line 1 is no answer to line 1 of", "add -y to begin anew"])
        self.put(first)
        self.refuse(USAGE, *ASK, self.input, "-o", self.output, said=["more lines than"])
        self.put(first, {"text": "in", "id": "x"})
        self.assertEqual(before, self.output.read_bytes())
        self.expect(DONE, self.ask("-y"))
        self.assertEqual([1, "x"], [line["example"]["id"] for line in self.lines()])
        self.output.write_text("so\nwhat\n", encoding="utf-8")
        self.refuse(FAILED, *ASK, self.input, "-o", self.output, said=["line 1 is not JSON"])

    def test_refused(self):
        self.put({"text": "the cat"})
        for more, said in ((("-o", "x.json"), "a .jsonl"), ((), "needs one -o FILE.jsonl"),
                           (("-o", "a.jsonl", "-o", "b.jsonl"), "needs one -o FILE.jsonl"),
                           (("-o", self.output, "-p", "x"), "a text of its own"),
                           (("-o", self.output, "--part", "1/2"), "--part"),
                           (("-o", self.output, "--messages", "x.json"), '"messages" of its own'),
                           (("-o", self.output, "--document", "a=x"), "--document-text"),
                           (("-o", self.output, "--document-text", "a"), "NAME=TEXT"),
                           (("-o", self.output, "--chat-template", "list"), "list"),
                           (("-o", self.output, "--max-time", "9s"), "--max-time"),
                           (("-o", self.output, "--format", "json"), "--format"),
                           (("-o", self.output, "--tolerance", "1", "-a", "uniform"), "tolerance")):
            self.refuse(USAGE, *ASK, self.input, *more, said=[said])
        self.put("", " ")
        self.refuse(USAGE, *ASK, self.input, "-o", self.output, said=["has no examples"])
        self.put({"id": "x", "text": "a"}, {"id": "x", "text": "b"})
        self.refuse(USAGE, *ASK, self.input, "-o", self.output,
                    said=["line 2, \"id\": line 1 has the id \"x\" already"])
        self.refuse(FAILED, *ASK, self.path("none"), "-o", self.output, said=["not be opened"])
        self.nothing_left("in.jsonl")
        self.put({"text": "the cat"}, {"text": "the hen"})
        self.output.mkdir()
        self.refuse(USAGE, *ASK, self.input, "-o", self.output, said=["is not a plain file"])
        self.output.rmdir()
        self.expect(DONE, self.ask("-a", "uniform"))
        whole = self.lines()
        with open(self.output, "r+b") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            self.expect(FAILED, self.ask("-a", "uniform"), "is being written by another heta")
        self.output.write_bytes(self.output.read_bytes()[:-9])
        self.expect(DONE, self.ask("-a", "uniform"), "its last line was written in part")
        self.assertEqual([timeless(line) for line in whole],
                         [timeless(line) for line in self.lines()])


if __name__ == "__main__":
    main()
