#!/usr/bin/env python3
"""test_exchange.py: files of Inseq and flashtrace, read: numbers against what the file says, texts
in every spelling, what is refused, the way there and back; and files that Inseq itself wrote where
HETA_INSEQ_PYTHON names a Python that has it. So with flashtrace and HETA_FLASHTRACE_PYTHON."""
import base64
import copy
import json
import math
import os
import struct
import subprocess
import sys

from harness import TINY, DONE, FAILED, MODEL, Case, main, read, run
from validate import problems

NAN = float("nan")

# A file as Inseq writes it, and what to expect: the norm over the embedding of each gradient.
WRITE = """
import json, sys
import inseq
from transformers import AutoModelForCausalLM, AutoTokenizer
model = AutoModelForCausalLM.from_pretrained(sys.argv[1])
tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
out = inseq.load_model(model, "saliency", tokenizer=tokenizer).attribute(
    "the cat in the", generation_args={"max_new_tokens": 3, "do_sample": False},
    step_scores=["probability"], show_progress=False)
out.save(sys.argv[2])
one = out.sequence_attributions[0]
print(json.dumps({"norms": one.target_attributions.norm(dim=2).nan_to_num(-1).tolist(),
                  "text": out.info["generated_texts"][0], "first": one.attr_pos_start,
                  "ids": [t.id for t in one.target],
                  "probability": one.step_scores["probability"].tolist()}))
"""


def instance(module, name, attributes):
    return {"__instance_type__": [module, name], "attributes": attributes}


def tensor(shape, values, kind="F32"):
    """A safetensors file in base64. F8: the values are bytes."""
    packed = {"F32": "f", "F16": "e", "F8_E4M3": "B"}[kind]
    data = struct.pack(f"<{len(values)}{packed}", *values)
    header = json.dumps({"attribution": {"dtype": kind, "shape": shape,
                                         "data_offsets": [0, len(data)]}}).encode()
    return base64.b64encode(struct.pack("<Q", len(header)) + header + data).decode()


def inseq_file(tokens, scores, kind="Coarse", info=None, **fields):
    """One sequence whose last two tokens are explained."""
    named = [instance("inseq.utils.typing", "TokenWithId", {"token": t, "id": i})
             for i, t in enumerate(tokens)]
    end = len(tokens)
    sequence = {"source": named[:end - 2], "target": named, "source_attributions": None,
                "target_attributions": scores, "step_scores": {}, "sequence_scores": {},
                "attr_pos_start": end - 2, "attr_pos_end": end, **fields}
    name = kind + "FeatureAttributionSequenceOutput"
    return instance("inseq.data.attribution", "FeatureAttributionOutput", {
        "sequence_attributions": [instance("inseq.data.attribution", name, sequence)],
        "step_attributions": None, "info": {"attribution_method": "saliency", **(info or {})}})


def flashtrace_file(**fields):
    return {"method": "flashtrace", "prompt_tokens": ["The", " cat", " sat"],
            "generation_tokens": [" on", " the", " mat", "."], "scores": [0.25, 0.5, 0.125],
            "generation_scores": [0.0625, 0, 0, 0], "per_hop_scores": [[0.5, 0, 0]],
            "per_hop_generation_scores": [[0.75, 0, 0, 0]], "output_span": [1, 2],
            "reasoning_span": None, "top_inputs": [], "metadata": {"model": "Qwen"}, **fields}


# What flashtrace's own result makes of heta's file. Its parts are loaded without the package's
# __init__.py, which imports PyTorch and much else that they have no use for.
FLASHTRACE = """
import dataclasses, importlib.util, json, sys, types
found = importlib.util.find_spec("flashtrace")
package = types.ModuleType("flashtrace")
package.__path__ = list(found.submodule_search_locations)
sys.modules["flashtrace"] = package
from flashtrace.result import TraceResult
given = json.load(open(sys.argv[1], encoding="utf-8"))
known = {field.name for field in dataclasses.fields(TraceResult)}
result = TraceResult(**{name: value for name, value in given.items() if name in known})
assert [dataclasses.asdict(x) for x in result.topk_inputs()] == given["top_inputs"]
result.to_html(sys.argv[2])
result.to_json(sys.argv[3])
print(json.dumps(sorted(known - set(given))))
"""


class Exchange(Case):
    def imported(self, document):
        """The result that a file becomes; every form is written on the way."""
        path = self.path("foreign.json")
        path.write_text(document if isinstance(document, str) else json.dumps(document))
        outputs = [f"x.{form}" for form in ("html", "csv", "svg", "npz", "txt", "jsonl", "json")]
        outputs += ["x.inseq.json", "x.flashtrace.json"]
        options = [word for name in outputs for word in ("-o", self.path(name))]
        joint = "prompt_tokens" in path.read_text()
        if joint:
            options = options[:-4] + options[-2:]  # Inseq has no place for a row of all targets
        self.expect(DONE, run("report", path, "-y", "--level", "word", "--format", "none",
                              *options))
        self.assertEqual([], problems(self.path("x.json").read_bytes()))
        again = run("report", self.path("x.json"), "--format", "json", "--level", "word")
        self.assertEqual(self.path("x.json").read_text(), again.out)
        return read(self.path("x.json"))

    def refused(self, document, words):
        path = self.path("foreign.json")
        path.write_text(document if isinstance(document, str) else json.dumps(document))
        done = self.expect(FAILED, run("report", path), words)
        self.assertEqual("", done.out)

    def test_there_and_back(self):
        result, foreign = self.path("a.json"), self.path("a.inseq.json")
        self.expect(DONE, run("attribute", "-q", "-m", MODEL, "-p", "the cat in the", "-n", "3",
                              "--curvature", "row", "--format", "none", "-o", result, "-o",
                              foreign))
        was, now = read(result), self.imported(foreign.read_text())
        self.assertEqual([(t["id"], t["start"], t["end"]) for t in was["input"]["tokens"]],
                         [(t["id"], t["start"], t["end"]) for t in now["input"]["tokens"]])
        self.assertEqual(was["model"]["fingerprint"]["value"],
                         now["model"]["fingerprint"]["value"])
        old, new = was["attributions"][0], now["attributions"][0]
        self.assertEqual(sorted(old["components"]), sorted(new["components"]))
        self.assertEqual("row", new["components"]["curvature"]["estimator"])
        for before, after in zip(old["rows"], new["rows"], strict=True):
            for key in ("score", "score_se"):
                self.close(before[key], after[key])
            for name in old["components"]:
                self.close(before["components"][name], after["components"][name])
                self.close(before["se"].get(name), after["se"].get(name))
        for before, after in zip(was["targets"], now["targets"], strict=True):
            self.close([before["logprob"], before["entropy"]],
                       [after["logprob"], after["entropy"]])
        done = self.expect(DONE, run("diff", result, foreign))
        self.assertIn("rank correlation over 8 tokens: 1.00", done.out)

    def close(self, wanted, found):
        if wanted is None:
            return self.assertIsNone(found)
        for a, b in zip(wanted, found, strict=True):
            self.assertAlmostEqual(a, b, delta=2e-6 * max(1, abs(a)))

    def test_spellings(self):
        scores = tensor([5, 2], [1, 2, 3, 4, 5, 6, NAN, 7, NAN, NAN])
        for tokens, text, words in (
                (["The", "ĠcafÃ©", "Ċ", "Ġis", "Ġhot"], "The café\n is hot", None),
                (["<s>", "▁The", "<0x0A>", "▁is", "▁hot"], "The\n is hot", ["<s>", " The"]),
                (["The", " Ġ", " in", " Ġgantija", "."], "The Ġ in Ġgantija.", None)):
            result = self.imported(inseq_file(tokens, scores, info={"generated_texts": [text]}))
            found = result["input"]["text"]
            self.assertTrue(found.endswith(text), (found, text))
            rows = result["attributions"][0]["rows"]
            self.assertEqual([1, 3, 5], rows[0]["score"])
            self.assertEqual([2, 4, 6, 7], rows[1]["score"])
            if words:
                self.assertEqual(words, [t["text"] for t in result["input"]["tokens"]][:2])
                self.assertEqual("special", result["input"]["tokens"][0]["kind"])
        # Without the text, letters decide.
        result = self.imported(inseq_file(["Ġa", "Ġb", "c", "d", "e"], scores))
        self.assertEqual(" a bcde", result["input"]["text"])

    def test_precisions_and_dimensions(self):
        tokens = list("abcd")
        half = tensor([4, 2], [0.5, -2, 65504, 2 ** -24, NAN, 1, NAN, NAN], "F16")
        rows = self.imported(inseq_file(tokens, half))["attributions"][0]["rows"]
        self.assertEqual([[0.5, 65504], [-2, 2 ** -24, 1]], [r["signed_score"] for r in rows])
        self.assertEqual([2, 2 ** -24, 1], rows[1]["score"])
        few = tensor([4, 2], [0x38, 0x01, 0x7E, 0xB8, 0x7F, 0x40, 0x7F, 0x7F], "F8_E4M3")
        rows = self.imported(inseq_file(tokens, few))["attributions"][0]["rows"]
        self.assertEqual([[1, 448], [2 ** -9, -1, 2]], [r["signed_score"] for r in rows])
        lists = {"__ndarray__": [[3, 0], [-4, 1], [NAN, 2], [NAN, NAN]], "dtype": "float32",
                 "shape": [4, 2], "Corder": True}
        rows = self.imported(inseq_file(tokens, lists))["attributions"][0]["rows"]
        self.assertEqual([[3, -4], [0, 1, 2]], [r["signed_score"] for r in rows])
        deep = tensor([4, 2, 2], [3, 4, 6, 8, 0, 0, 5, 12] + [8, 15] * 4)
        rows = self.imported(inseq_file(tokens, deep, "Granular"))["attributions"][0]["rows"]
        self.assertEqual([[5, 0], [10, 13, 17]], [r["score"] for r in rows])
        result = self.imported(inseq_file(tokens, deep, "MultiDimensional"))
        rows = result["attributions"][0]["rows"]
        self.assertEqual([[3.5, 0], [7, 8.5, 11.5]], [r["score"] for r in rows])

    def test_components_and_steps(self):
        scores = tensor([4, 2], [1, 2, 3, 4, NAN, 6, NAN, NAN])
        errors = tensor([4, 2], [0.5, 0.25, 1, 2, NAN, 3, NAN, NAN])
        result = self.imported(inseq_file(
            list("abcd"), scores,
            sequence_scores={"gate": scores, "gate_se": errors, "score_se": errors,
                             "other": tensor([3, 3], [0] * 9)},
            step_scores={"probability": tensor([2], [0.5, 0.25]),
                         "entropy": tensor([2], [1, 2])}))
        attribution = result["attributions"][0]
        self.assertEqual(["gate"], list(attribution["components"]))
        self.assertFalse(attribution["components"]["gate"]["exact"])
        self.assertEqual([0.5, 1], attribution["rows"][0]["se"]["gate"])
        self.assertEqual([0.25, 2, 3], attribution["rows"][1]["score_se"])
        self.assertEqual([math.log(0.5), math.log(0.25)],
                         [t["logprob"] for t in result["targets"]])
        self.assertEqual("partial", self.imported(inseq_file(
            list("abcd"), tensor([4, 2], [1, 2, NAN, 4, NAN, 6, NAN, NAN])))["status"])

    def test_flashtrace(self):
        result = self.imported(flashtrace_file())
        (row,) = result["attributions"][0]["rows"]
        self.assertEqual("all", row["target"])
        self.assertEqual([0.25, 0.5, 0.125, 0.0625], row["score"])
        self.assertEqual([0.5, 0, 0, 0.75], row["components"]["hop_1"])
        self.assertEqual([4, 5], [t["position"] for t in result["targets"]])
        self.assertEqual("The cat sat on the mat.", result["input"]["text"])
        self.assertEqual(11, result["input"]["prompt_end"])
        back = read(self.path("x.flashtrace.json"))
        for key in ("prompt_tokens", "generation_tokens", "scores", "generation_scores",
                    "output_span", "reasoning_span"):
            self.assertEqual(flashtrace_file()[key], back[key])
        self.assertEqual({"index": 1, "token": " cat", "score": 0.5}, back["top_inputs"][0])
        # NaN, which Python writes and JSON does not have; no span: all that was generated.
        text = json.dumps(flashtrace_file(scores=[1, NAN, 2], output_span=None))
        self.assertIn("NaN", text)
        result = self.imported(text)
        self.assertEqual([1, None, 2], result["attributions"][0]["rows"][0]["score"])
        self.assertEqual(4, len(result["targets"]))

    def test_flashtrace_itself(self):
        python = os.environ.get("HETA_FLASHTRACE_PYTHON")
        if not python:
            self.skipTest("HETA_FLASHTRACE_PYTHON names no Python that has flashtrace")
        ours, page, theirs = (self.path(n) for n in ("a.flashtrace.json", "a.html", "b.json"))
        self.expect(DONE, run("attribute", "-q", "-m", MODEL, "-p", "the cat in the", "--target",
                              " hat", "--joint", "-a", "occlusion", "--format", "none", "-o", ours))
        done = subprocess.run([python, "-c", FLASHTRACE, ours, page, theirs], capture_output=True,
                              text=True, timeout=120)
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertEqual([], json.loads(done.stdout))  # no field of its own is missing
        self.assertIn("Prompt Attribution", page.read_text())
        again = self.expect(DONE, run("report", theirs, "--format", "json")).json
        scores = [abs(x) for x in read(ours)["scores"]]  # where there are signs, the size
        self.assertEqual(scores, again["attributions"][0]["rows"][0]["score"][:len(scores)])

    def test_export_of_several_targets(self):
        self.expect(DONE, run("attribute", "-q", "-m", MODEL, "-p", "the cat in the", "-n", "2",
                              "-a", "occlusion", "--format", "none", "-o", self.path("a.json"),
                              "-o", self.path("a.flashtrace.json")))
        result, out = read(self.path("a.json")), read(self.path("a.flashtrace.json"))
        mean = result["attributions"][0]["headline"]["score"]
        self.assertEqual(len(mean), len(out["scores"]))
        self.close(mean, out["scores"])
        self.assertEqual([0, 1], out["output_span"])
        self.assertEqual(0, out["generation_scores"][1])

    def test_refused(self):
        scores = tensor([4, 2], [1] * 8)
        good = inseq_file(list("abcd"), scores)

        def changed(path, value):
            document = copy.deepcopy(good)
            at = document
            for key in path[:-1]:
                at = at[key]
            at[path[-1]] = value
            return document
        sequence = ["attributes", "sequence_attributions", 0, "attributes"]
        broken = base64.b64encode(b"\xff" * 20).decode()
        for document, words in (
                (changed(["attributes", "sequence_attributions"],
                         good["attributes"]["sequence_attributions"] * 2),
                 "has 2 sequences; a result explains one: save them with split_sequences=True"),
                (changed([*sequence, "source_attributions"], scores), "those of an encoder"),
                (changed([*sequence, "target_attributions"], "%%%"), "is no base64 text"),
                (changed([*sequence, "target_attributions"], broken), "no safetensors file"),
                (changed([*sequence, "target_attributions"], tensor([3, 2], [1] * 8)),
                 "attribution.data_offsets are bytes 0 to 32 of 32, for 6 numbers of 4"),
                (changed([*sequence, "target_attributions"], tensor([2, 4], [1] * 8)),
                 "has the shape 2 × 4 for 4 tokens and 2 steps"),
                (changed([*sequence, "target_attributions"], None), "must be a tensor"),
                (changed([*sequence, "target_attributions"], tensor([4, 2, 1], [1] * 8)),
                 "save what .aggregate() gives"),
                (changed([*sequence, "attr_pos_start"], 4), "is 4: no token of 4 is explained"),
                (changed([*sequence, "target", 0, "attributes", "id"], "x"),
                 "sequence_attributions[0].attributes.target[0].attributes.id is a string"),
                (changed(["__instance_type__", 1], "FeatureAttributionStepOutput"),
                 "holds a FeatureAttributionStepOutput of Inseq"),
                ({"sequence_attributions": [], "info": {}}, "use_primitives=True"),
                (flashtrace_file(scores=[1, 2]), "scores has 2 entries for 3 prompt tokens"),
                (flashtrace_file(output_span=[2, 4]), "is 2 to 4 of 4 generated tokens"),
                (flashtrace_file(output_span=[1]), "output_span has 1 entries, not 2"),
                (flashtrace_file(generation_tokens=[]), "there is nothing that is explained"),
                (flashtrace_file(prompt_tokens=[1, 2, 3]), "prompt_tokens[0] is a number"),
                ({"schema": "heta.attribution/1", "x": 1}, "heta_version is missing"),
                ('{"schema": NaN}', "is not JSON"),
                ("{}", "this is no result of heta")):
            self.refused(document, words)
        self.path("foreign.json").write_bytes(b"\x1f\x8b\x08\x00")
        self.expect(FAILED, run("report", self.path("foreign.json")), "gunzip")

    def test_inseq_wrote_it(self):
        python = os.environ.get("HETA_INSEQ_PYTHON")
        if not python:
            print("SKIPPED: HETA_INSEQ_PYTHON names no Python with Inseq (pip install inseq); "
                  "no file of its own is read.", file=sys.stderr)
            return
        for folder in ("gpt2", "llama-gqa"):
            written = self.path(f"{folder}.json")
            done = subprocess.run([python, "-c", WRITE, TINY / folder, written],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300)
            self.assertEqual(0, done.returncode, done.stderr.decode())
            wanted = json.loads(done.stdout.decode().splitlines()[-1])
            result = self.imported(written.read_text())
            self.assertEqual(wanted["ids"], [t["id"] for t in result["input"]["tokens"]])
            self.assertEqual(wanted["text"], result["input"]["text"])
            rows = result["attributions"][0]["rows"]
            for step, row in enumerate(rows):
                self.close([wanted["norms"][i][step] for i in range(wanted["first"] + step)],
                           row["score"])
            self.close([math.log(p) for p in wanted["probability"]],
                       [t["logprob"] for t in result["targets"]])


if __name__ == "__main__":
    main()
