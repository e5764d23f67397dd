#!/usr/bin/env python3
"""test_inseq.py: results for Inseq: every field against the result file, and by Inseq itself where
HETA_INSEQ_PYTHON names a Python that has it."""
import base64
import json
import math
import os
import struct
import subprocess
import sys

from harness import DONE, MODEL, Case, main, read, run

CLASSES = "inseq.data.attribution"

# What Inseq makes of a file: load, show, save and load again.
LOAD = """
import json, sys
from inseq.data.attribution import FeatureAttributionOutput
out = FeatureAttributionOutput.load(sys.argv[1])
out.show(display=False)
out.save(sys.argv[2])
again = FeatureAttributionOutput.load(sys.argv[2])
one, two = out.sequence_attributions[0], again.sequence_attributions[0]
assert one.target_attributions.nan_to_num(-1).equal(two.target_attributions.nan_to_num(-1))
print(json.dumps({"kind": type(one).__name__, "target": [[t.token, t.id] for t in one.target],
                  "source": len(one.source), "shape": list(one.target_attributions.shape),
                  "first": one.target_attributions[0, 0].item(),
                  "minimum": one.minimum, "maximum": one.maximum,
                  "scores": sorted(one.sequence_scores), "method": out.info["attribution_method"]}))
"""


def instance(value, module, name):
    """The attributes of an object that is made into this class."""
    assert value["__instance_type__"] == [module, name], value["__instance_type__"]
    return value["attributes"]


def tensor(text):
    """(shape, values) of a safetensors file in base64."""
    data = base64.b64decode(text, validate=True)
    (length,) = struct.unpack_from("<Q", data)
    assert length % 8 == 0
    header = json.loads(data[8:8 + length])
    about = header.pop("attribution")
    assert not header and about["dtype"] == "F32"
    begin, end = about["data_offsets"]
    values = struct.unpack(f"<{(end - begin) // 4}f", data[8 + length:])
    assert begin == 0 and len(values) == math.prod(about["shape"])
    return about["shape"], values


class Inseq(Case):
    def export(self, *options):
        """The result file's object, and what Inseq gets."""
        result, export = self.path("out.json"), self.path("out.inseq.json")
        self.expect(DONE, run("attribute", "-q", "-m", MODEL, "-p", "the cat in the", "--format",
                              "none", "-o", result, *options))
        self.expect(DONE, run("report", result, "--format", "none", "-o", export))
        # The same on standard output.
        self.assertEqual(export.read_text(), run("report", result, "--format", "inseq").out)
        return read(result), json.loads(export.read_text())

    def close(self, wanted, value):
        if wanted is None:
            self.assertTrue(math.isnan(value))
        else:
            self.assertAlmostEqual(wanted, value, delta=1e-6 * max(1, abs(wanted)))

    def same_matrix(self, text, rows, tokens):
        """tokens × targets; NaN from each target on."""
        shape, values = tensor(text)
        self.assertEqual([tokens, len(rows)], shape)
        for r, row in enumerate(rows):
            for i in range(tokens):
                self.close(row[i] if i < len(row) else None, values[i * len(rows) + r])

    def check(self, result, export):
        top = instance(export, CLASSES, "FeatureAttributionOutput")
        self.assertIsNone(top["step_attributions"])
        (one,) = top["sequence_attributions"]
        one = instance(one, CLASSES, "CoarseFeatureAttributionSequenceOutput")
        first, count = result["targets"][0]["position"], len(result["targets"])
        tokens = [instance(t, "inseq.utils.typing", "TokenWithId") for t in one["target"]]
        self.assertEqual([(t["text"], t["id"]) for t in result["input"]["tokens"]],
                         [(t["token"], t["id"]) for t in tokens])
        self.assertEqual(one["target"][:first], one["source"])
        self.assertEqual((first, first + count), (one["attr_pos_start"], one["attr_pos_end"]))
        self.assertIsNone(one["source_attributions"])
        attribution = result["attributions"][0]
        rows = attribution["rows"]
        value = "signed_score" if attribution["signed"] else "score"
        self.same_matrix(one["target_attributions"], [r[value] for r in rows], len(tokens))
        scores = one["sequence_scores"]
        for name in attribution["components"]:
            self.same_matrix(scores.pop(name), [r["components"][name] for r in rows], len(tokens))
            if name in rows[0]["se"]:
                self.same_matrix(scores.pop(name + "_se"), [r["se"][name] for r in rows],
                                 len(tokens))
        if rows[0]["score_se"]:
            self.same_matrix(scores.pop("score_se"), [r["score_se"] for r in rows], len(tokens))
        self.assertEqual({}, scores)
        for name, shown in one["step_scores"].items():
            shape, values = tensor(shown)
            self.assertEqual([count], shape)
            for target, number in zip(result["targets"], values):
                self.close(math.exp(target["logprob"]) if name == "probability" else target[name],
                           number)
        info = top["info"]
        self.assertEqual(attribution["method"], info["attribution_method"])
        self.assertEqual([result["input"]["text"]], info["generated_texts"])
        self.assertEqual(result["model"]["fingerprint"]["value"], info["model_fingerprint"])

    def test_generated_tokens(self):
        self.check(*self.export("-n", "3"))

    def test_one_target_and_a_foil(self):
        self.check(*self.export("--target", "t", "--foil", "h"))

    def test_a_signed_method_of_many_tokens(self):
        text = "the cat in the hat " * 3  # rows of several base64 groups
        self.check(*self.export("-a", "input-x-gradient", "--target", text[:40]))

    def test_inseq_loads_it(self):
        python = os.environ.get("HETA_INSEQ_PYTHON")
        if not python:
            print("SKIPPED: HETA_INSEQ_PYTHON names no Python with Inseq (pip install inseq); its "
                  "own reader is not tried.", file=sys.stderr)
            return
        result, _ = self.export("-n", "2")
        done = subprocess.run([python, "-c", LOAD, self.path("out.inseq.json"),
                               self.path("again.json")], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=300)
        self.assertEqual(0, done.returncode, done.stderr.decode())
        found = json.loads(done.stdout.decode().splitlines()[-1])
        self.assertEqual("CoarseFeatureAttributionSequenceOutput", found["kind"])
        self.assertEqual([[t["text"], t["id"]] for t in result["input"]["tokens"]],
                         found["target"])
        scores = [r["score"] for r in result["attributions"][0]["rows"]]
        self.assertEqual([len(found["target"]), 2], found["shape"])
        self.close(scores[0][0], found["first"])
        self.close(max(max(s) for s in scores), found["maximum"])
        self.assertIn("curvature_se", found["scores"])


if __name__ == "__main__":
    main()
