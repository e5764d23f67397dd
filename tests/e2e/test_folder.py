#!/usr/bin/env python3
"""test_folder.py: models as Hugging Face folders: the same results as from GGUF, and what a folder
lacks said by name."""
import json
import shutil
import struct

from harness import DONE, FAILED, SANITIZED, TINY, UNREADABLE, Case, main, run

# Those whose two files hold the same numbers: llama-rope3-f16's folder has rounded norms, and the
# GGUF file of phi3-long a rounded attention factor.
MODELS = ["gptneox", "gemma3", "qwen3"] if SANITIZED else [
    "gemma", "gemma2", "gemma2-scale", "gemma3", "gpt2", "gptj", "gptneox", "gptneox-sequential",
    "llama-gqa", "mistral", "opt", "phi2", "phi3", "phi3-short", "qwen2", "qwen3", "smollm3"]


def parts(path):
    """Header and data of a safetensors file."""
    content = path.read_bytes()
    size = struct.unpack("<Q", content[:8])[0]
    return json.loads(content[8:8 + size]), content[8 + size:]


def write(path, header, data):
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


class Folder(Case):
    def attribute(self, model, *more):
        result = run("attribute", "-m", model, "-p", "the cat in the", "--format", "json", *more)
        return self.expect(DONE, result).json

    def copy(self, name):
        folder = self.path(name)
        shutil.copytree(TINY / name, folder)
        return folder

    def refused(self, folder, *said):
        return self.refuse(UNREADABLE, "model", "info", folder, said=said)

    def test_same_as_gguf(self):
        for name in MODELS:
            with self.subTest(name):
                folder = self.attribute(TINY / name)
                gguf = self.attribute(TINY / f"{name}.gguf")
                self.assertEqual(folder["model"]["format"], "safetensors")
                for key in ("input", "targets", "attributions"):
                    self.assertEqual(folder[key], gguf[key])

    def test_info(self):
        told = self.expect(DONE, run("model", "info", TINY / "qwen3")).out
        for words in ("format        safetensors", "qwen3", "tokenizer", "sha256"):
            self.assertIn(words, told)

    def test_fingerprint(self):
        """It changes with config.json, with a weight, and with nothing else."""
        folder = self.copy("llama-gqa")
        prints = []
        config, weights = folder / "config.json", folder / "model.safetensors"

        def note(path):
            result = self.attribute(path, "--method", "gradient-norm")
            prints.append(result["model"]["fingerprint"])
        note(folder)
        note(weights)
        config.write_text(config.read_text().replace('"vocab_size"', '\n"vocab_size"'))
        note(folder)
        header, data = parts(weights)
        write(weights, header, data[:-1] + bytes([data[-1] ^ 1]))
        note(folder)
        self.assertEqual(prints[0], prints[1])
        self.assertEqual(3, len(set(json.dumps(p) for p in prints)))

    def test_beside_a_vision_model(self):
        """Gemma 3 with text_config, other prefixes, and weights that texts do not need."""
        folder = self.copy("gemma3")
        config = json.loads((folder / "config.json").read_text())
        whole = {"model_type": "gemma3", "text_config": config, "vision_config": {}}
        (folder / "config.json").write_text(json.dumps(whole))
        expected = self.attribute(TINY / "gemma3")["attributions"]
        header, data = parts(folder / "model.safetensors")
        size = len(data)
        for prefix, other in (("language_model.model.", "vision_tower."),
                              ("model.language_model.", "model.vision_tower.")):
            renamed = {prefix + name[len("model."):] if name.startswith("model.") else name: entry
                       for name, entry in header.items()}
            renamed[other + "x"] = {"dtype": "F32", "shape": [1], "data_offsets": [size, size + 4]}
            write(folder / "model.safetensors", renamed, data + b"\0\0\0\0")
            self.assertEqual(expected, self.attribute(folder)["attributions"])

    def test_prefixes_and_masks(self):
        """GPT-2's published files have neither prefix nor a mask of truth values; others have."""
        folder = self.copy("gpt2")
        header, data = parts(folder / "model.safetensors")
        size = len(data)
        renamed = {name if name.startswith("__") else "transformer." + name: entry
                   for name, entry in header.items()}
        renamed["transformer.h.0.attn.masked_bias"] = {
            "dtype": "BOOL", "shape": [1, 1, 2, 2], "data_offsets": [size, size + 4]}
        write(folder / "model.safetensors", renamed, data + b"\1\0\1\1")
        self.assertEqual(self.attribute(TINY / "gpt2")["attributions"],
                         self.attribute(folder)["attributions"])

    def test_something_missing(self):
        for name, said in (("config.json", "config.json, which says what the weights"),
                           ("model.safetensors", "has no model.safetensors and no"),
                           ("tokenizer.json", "tokenizer.json")):
            with self.subTest(name):
                folder = self.copy("llama-gqa")
                (folder / name).unlink()
                self.refused(folder, str(folder), said)
                shutil.rmtree(folder)

    def test_a_shard_missing(self):
        folder = self.copy("qwen3")
        (folder / "model-00002-of-00003.safetensors").unlink()
        self.refused(folder, "part 2 of 3 of the model is missing")

    def test_a_checkpoint(self):
        folder = self.copy("llama-gqa")
        (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
        self.refused(folder, "pytorch_model.bin is a PyTorch checkpoint")

    def test_a_leftover(self):
        folder = self.copy("llama-gqa")
        header, data = parts(folder / "model.safetensors")
        header["score.weight"] = {"dtype": "F32", "shape": [1],
                                  "data_offsets": [len(data), len(data) + 4]}
        write(folder / "model.safetensors", header, data + b"\0\0\0\0")
        self.refused(folder, "tensor score.weight has no place in a model of the type 'llama'")

    def test_whole_numbers_as_weights(self):
        folder = self.copy("llama-gqa")
        header, data = parts(folder / "model.safetensors")
        header["model.norm.weight"]["dtype"] = "I32"
        write(folder / "model.safetensors", header, data)
        self.refused(folder, "cannot read tensor model.norm.weight, which is of dtype I32")

    def test_a_weight_that_is_no_number(self):
        """The message names row and column as the model is computed."""
        folder = self.copy("gptneox")
        path = folder / "model.safetensors"
        header, data = parts(path)
        name = "gpt_neox.layers.1.attention.query_key_value.weight"
        row, column = 13, 5  # of the first head: 6 rows of query, 6 of key, 6 of value
        columns = header[name]["shape"][1]
        at = header[name]["data_offsets"][0] + 2 * (row * columns + column)
        write(path, header, data[:at] + b"\x00\x7e" + data[at + 2:])
        result = run("attribute", "-m", folder, "-p", "the cat")
        self.expect(FAILED, result,
                    "blk.1.attn_v.weight, row 1, column 5 is not a finite number")


main()
