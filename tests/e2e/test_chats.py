#!/usr/bin/env python3
"""test_chats.py: conversations and documents: the prompt they become, its parts in the result, sums
over them, and results that are completed and verified without the files they came from."""
import json
import shutil

from harness import DONE, FAILED, MODEL, TINY, UNREADABLE, USAGE, Case, main, read, run

CHEAP = ["attribute", "-m", MODEL, "-a", "uniform", "--format", "none", "--bos", "no"]


class Chats(Case):
    def write(self, name, text):
        path = self.path(name)
        path.write_text(text, encoding="utf-8")
        return path

    def documents(self):
        return ["--user", "the hen?", "--document", f"a={self.write('a.txt', 'hen' + chr(10))}",
                "--document", f"b={self.write('b.txt', 'in')}", "--chat-template", "mistral"]

    def messages(self, *pairs):
        said = [{"role": role, "content": text} for role, text in pairs]
        return self.write("chat.json", json.dumps(said))

    def test_documents_are_parts_of_the_question(self):
        out = self.path("out.json")
        shown = self.expect(DONE, run(*CHEAP, *self.documents(), "--verbose-prompt", "-o", out,
                                      "--level", "document", "--assert", "share(document:a) > 0",
                                      "--assert", "share(document:b) < 0.2"))
        self.assertIn("prompt, chat template mistral:\n[INST] Document a:\nhen\n\nDocument b:\nin\n"
                      "\nthe hen? [/INST]\n", shown.err)
        result = read(out)
        text, segments = result["input"]["text"], result["input"]["segments"]
        parts = {s["id"]: text.encode()[s["start"]:s["end"]].decode() for s in segments}
        self.assertEqual(["hen", "in", "the hen?"],
                         [parts[key] for key in ("document-a", "document-b", "user-1")])
        self.assertEqual(["a", "b"], [s["name"] for s in segments if s["role"] == "document"])
        self.assertEqual({0}, {s["message"] for s in segments if s["role"] != "target"})
        kinds = {t["kind"] for t in result["input"]["tokens"]
                 if t["segment"].startswith("template")}
        self.assertEqual({"template"}, kinds)
        units = result["attributions"][0]["rollups"][0]["units"]
        self.assertIn("document-b", [u["segment"] for u in units])

    def test_messages_from_a_file_or_the_command_line(self):
        chat = self.messages(("user", "hen?"), ("assistant", "in"), ("user", "the?"))
        whole = self.expect(DONE, run(*CHEAP, "--messages", chat, "--chat-template", "mistral",
                                      "--verbose-prompt"))
        self.assertIn("[INST] hen? [/INST]in<|end|>[INST] the? [/INST]", whole.err)
        log = self.messages(("user", "hen?"), ("assistant", "in"))
        added = self.expect(DONE, run(*CHEAP, "--messages", log, "--user", "the?", "-sys", "he",
                                      "--raw", "--verbose-prompt"))
        self.assertIn("he\n\nhen?\n\nin\n\nthe?\n", added.err)

    def test_the_answer_in_a_log_is_explained(self):
        out = self.path("out.json")
        log = self.messages(("user", "the hen?"), ("assistant", "in the"))
        options = [*CHEAP, "--messages", log, "--chat-template", "mistral"]
        self.expect(DONE, run(*options, "-o", out))
        result = read(out)
        answer = result["input"]["text"].encode()[result["input"]["prompt_end"]:].decode()
        self.assertEqual("in the", answer)
        self.assertEqual({"forced"}, {t["origin"] for t in result["targets"]})
        self.refuse(USAGE, *options, "--predict", "1", said=["ends with an answer"])

    def test_parts_and_verification_need_no_file(self):
        log = self.messages(("user", "hen?"), ("assistant", "in"))
        options = ["attribute", "-m", MODEL, "--messages", log, "--document",
                   f"a={self.write('a.txt', 'he in')}", "--chat-template", "mistral", "--probes",
                   "2", "--format", "none", "--bos", "no"]
        whole, one, two = self.path("whole.json"), self.path("1.json"), self.path("2.json")
        self.expect(DONE, run(*options, "-o", whole))
        self.expect(DONE, run(*options, "--part", "1/2", "-o", one))
        self.expect(DONE, run(*options, "--part", "2/2", "-o", two))
        log.unlink()
        self.path("a.txt").unlink()
        merged = self.path("merged.json")
        self.expect(DONE, run("merge", one, two, "-o", merged, "--format", "none"))
        for key in ("input", "targets", "attributions"):
            self.assertEqual(read(whole)[key], read(merged)[key])
        self.expect(DONE, run("verify", merged, "--fraction", "1"))

    def test_everything_on_the_command_line(self):
        """The same conversation, in files and not."""
        log = self.messages(("user", "hen?"), ("assistant", "in"))
        said = []
        document = self.write("a.txt", "he=in\n")
        for given in (("--messages", log, "--document", f"a={document}"),
                      ("--messages", log.read_text(encoding="utf-8"),
                       "--document-text", "a=he=in")):
            out = self.path(f"{len(said)}.json")
            self.expect(DONE, run(*CHEAP, *given, "--chat-template", "mistral", "-o", out))
            said.append(read(out))
        self.assertEqual(said[0]["input"], said[1]["input"])
        self.assertEqual(said[0]["targets"], said[1]["targets"])

    def test_documents_before_a_text(self):
        document = self.write("a.txt", "hen")
        shown = self.expect(DONE, run(*CHEAP, "-p", "the", "--document", f"a={document}",
                                      "--verbose-prompt"))
        self.assertIn("Document a:\nhen\n\nthe\n", shown.err)

    def test_plan(self):
        self.expect(DONE, run("plan", "-m", MODEL, *self.documents()))

    def test_list_of_templates(self):
        listed = self.expect(DONE, run("attribute", "--chat-template", "list"))
        self.assertIn("gemma3", listed.out)


class BadChats(Case):
    def bad(self, code, *options, said):
        self.refuse(code, "attribute", "-m", MODEL, *options, said=said)

    def write(self, text):
        path = self.path("bad.json")
        path.write_text(text, encoding="utf-8")
        return path

    def test_options_that_do_not_fit(self):
        self.bad(USAGE, "-p", "x", "--user", "y", said=["--prompt gives a text as it is", "--user"])
        self.bad(USAGE, "--system", "x", said=["--system needs a question"])
        self.bad(USAGE, "--user", "x", "--raw", "--chat-template", "gemma", said=["exclude"])
        self.bad(USAGE, "-p", "x", "--chat-template", "gemma", said=["is for chats"])
        self.bad(USAGE, "--user", "x", "--document", "faq", said=["NAME=FILE"])
        self.bad(USAGE, "--user", "x", "--document-text", "faq=", said=["NAME=TEXT"])
        self.bad(USAGE, "--messages", "[]", said=["--messages: the list of messages is empty"])
        self.bad(USAGE, "--messages", "a", "-p", "b", said=["exclude each other"])
        self.bad(USAGE, "--user", "x", "--chat-template", "gemm", said=["no chat template 'gemm'"])

    def test_a_model_without_a_template(self):
        self.bad(UNREADABLE, "--user", "x",
                 said=["no chat template", "--raw", "--chat-template NAME"])

    def test_a_model_with_a_strange_template(self):
        folder = self.path("strange")
        shutil.copytree(TINY / "llama-gqa", folder)
        about = folder / "tokenizer_config.json"
        about.write_text(json.dumps({**json.loads(about.read_text()), "chat_template":
                                     "{% for m in messages %}~{{ m.content }}{% endfor %}"}))
        self.refuse(UNREADABLE, "attribute", "-m", folder, "--user", "x",
                    said=["does not know the model's chat template", "fingerprint", "--raw"])
        said = json.dumps([{"role": "user", "content": "the hen"},
                           {"role": "assistant", "content": "in"}])
        found = self.expect(DONE, run("attribute", "-q", "-m", folder, "-a", "uniform", "--raw",
                                      "--messages", said, "--format", "json")).json
        self.assertEqual("the hen\n\nin", found["input"]["text"])
        self.assertEqual(len("the hen\n\n"), found["input"]["prompt_end"])

    def test_files(self):
        self.bad(FAILED, "--messages", "nowhere.json", said=["nowhere.json"])
        self.bad(FAILED, "--user", "x", "--raw", "--document", "a=nowhere.txt",
                 said=["nowhere.txt"])
        empty = self.write("\n")
        self.bad(USAGE, "--user", "x", "--raw", "--document", f"a={empty}",
                 said=["document 'a' is empty"])

    def test_messages(self):
        path = self.write('[{"role": "user",\n "content": 1}]')
        self.bad(USAGE, "--messages", path,
                 said=["bad.json", "messages[0].content (line 1) is"])
        path = self.write('[{"role": "user", "content": "x"}')
        self.bad(USAGE, "--messages", path, said=["line 1", "not JSON"])
        path = self.write('[{"role": "bot", "content": "x"}]')
        self.bad(USAGE, "--messages", path,
                 said=['messages[0].role is "bot"', "system, user, assistant"])
        path = self.write('[{"role": "system", "content": "x"}, {"role": "user", "content": "x"}]')
        self.bad(USAGE, "--messages", path, "-sys", "y", "--raw", said=["has a system message"])
        self.bad(USAGE, "--messages", path, "--user", "y", "--raw", said=["ends with a user"])
        self.bad(USAGE, "--messages", path, "--chat-template", "gemma",
                 said=["message 1", "system", "gemma"])

    def test_too_long(self):
        path = self.write("hid " * 20)
        self.bad(USAGE, "--user", "z" * 30, "--raw", "--document", f"long={path}",
                 said=["shorten it by", "leaving out document 'long' saves"])


if __name__ == "__main__":
    main()
