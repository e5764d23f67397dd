#!/usr/bin/env python3
"""test_bench.py: `heta bench` counts the work it times, in three forms; comparisons."""
import json
import pathlib
import sys
import tempfile

from harness import DONE, FAILED, MODEL, USAGE, Case, main, run

SHORT = ["bench", "-m", MODEL, "--tokens", 12, "--repeats", 1, "--threads", 1]

# Stands in for bench/compare.py: what it is called with, and findings that are easy to recognise.
SCRIPT = """
import json, sys
words = sys.argv[1:]
text = open(words[words.index("--text") + 1], encoding="utf-8").read()
parts = dict(gate=1, information=2, curvature=4, total=8)
columns = [{"name": name, "seconds": {part: times * value for part, value in parts.items()}}
           for name, times in (("heta", 1), ("PyTorch", 5), ("batched", 3))]
json.dump({"columns": columns, "note": "words: " + " ".join(words), "text": text},
          open(words[words.index("--json") + 1], "w"))
"""


# The same for bench/against_peers.py.
PEERS = """
import json, sys
words = sys.argv[1:]
row = {"method": "ig", "package": "captum", "heta_seconds": 2, "peer_seconds": 9, "ratio": 4.5,
       "difference": 2e-5}
json.dump({"note": "words: " + " ".join(words), "rows": [row]},
          open(words[words.index("--json") + 1], "w"))
"""


class Bench(Case):
    def parts(self, *options):
        found = self.expect(DONE, run(*SHORT, "--format", "json", *options)).json
        return found, {part["name"]: part for part in found["parts"]}

    def test_operations_are_those_of_the_job(self):
        found, parts = self.parts("--probes", 3)
        self.assertEqual((found["context_tokens"], found["probes_run"]), (12, 3))
        self.assertGreater(found["gemm_forward"], 0)
        self.assertGreater(found["gemm_reverse"], 0)
        self.assertGreater(parts["HVP sweep"]["gemm_share"], 0)
        self.assertIsNone(parts["load"]["gemm_share"])
        done = self.expect(DONE, run("attribute", "-m", MODEL, "-p", "the cat in t", "--bos", "no",
                                     "--probes", 3, "--format", "json")).json
        cost = done["attributions"][0]["cost"]["flop"]
        whole = parts["whole, without load"]["flop"]
        self.assertEqual(sum(p["flop"] for p in found["parts"]) - whole, whole)
        if len(done["input"]["tokens"]) == 13:
            self.assertAlmostEqual(whole / cost, 1, places=9)

    def test_a_sample_is_counted_as_the_whole(self):
        _, whole = self.parts("--probes", 4)
        found, part = self.parts("--probes", 4, "--sample", 2)
        self.assertEqual(found["probes_run"], 1)
        for name in whole:
            self.assertAlmostEqual(part[name]["flop"], whole[name]["flop"], delta=1e-9 *
                                   whole[name]["flop"], msg=name)

    def test_tables(self):
        shown = self.expect(DONE, run(*SHORT, "--probes", 2))
        self.assertIn("HVP sweep", shown.out)
        self.assertIn("peak memory", shown.out)
        table = self.expect(DONE, run(*SHORT, "--probes", 2, "--format", "md")).out
        rows = [line for line in table.splitlines() if line.startswith("|")]
        self.assertEqual({line.count("|") for line in rows}, {6})

    def test_comparison(self):
        with tempfile.TemporaryDirectory() as folder:
            script = pathlib.Path(folder) / "compare.py"
            script.write_text(SCRIPT, encoding="utf-8")
            ask = [*SHORT, "--probes", 2, "--sample", 3, "--against", "pytorch",
                   "--python", sys.executable, "--script", script]
            found = self.expect(DONE, run(*ask, "--format", "json")).json["against"]
            self.assertRegex(found["note"], r"--probes 2 .*--sample 3")
            self.assertRegex(found["text"], "^The old l[a-z]+\n$")
            shown = self.expect(DONE, run(*ask)).out
            self.assertRegex(shown, r"total +8\.00 +40\.00 +5\.0 +24\.00 +3\.0")
            script.write_text("import sys; sys.exit('no torch here')", encoding="utf-8")
            self.assertIn("no torch here", self.refuse(FAILED, *ask).err)

    def test_peers(self):
        with tempfile.TemporaryDirectory() as folder:
            script = pathlib.Path(folder) / "against_peers.py"
            script.write_text(PEERS, encoding="utf-8")
            ask = [*SHORT, "--against", "peers", "--python", sys.executable, "--script", script]
            found = self.expect(DONE, run(*ask, "--format", "json")).json
            self.assertRegex(found["note"], r"--repeats 1 --threads 1$")
            self.assertEqual(found["rows"][0]["ratio"], 4.5)
            self.assertRegex(self.expect(DONE, run(*ask)).out, r"ig +captum +2\.00 +9\.00 +4\.5")
            table = self.expect(DONE, run(*ask, "--format", "md")).out
            self.assertIn("|---:|", table)
            self.assertIn("--sample", self.refuse(USAGE, *ask, "--sample", 2).err)
            script.write_text("import sys; sys.exit('they disagree')", encoding="utf-8")
            self.assertIn("they disagree", self.refuse(FAILED, *ask).err)
        self.assertIn("--python", self.refuse(USAGE, *SHORT, "--against", "peers").err)

    def test_refusals(self):
        ask = [*SHORT, "--against", "pytorch"]
        self.assertIn("--python", self.refuse(USAGE, *ask).err)
        missing = self.refuse(USAGE, *ask, "--python", sys.executable, "--script", "/none.py")
        self.assertIn("--script", missing.err)
        self.refuse(USAGE, *SHORT, "-p", "both")


if __name__ == "__main__":
    main()
