#!/usr/bin/env python3
"""test_limits.py: memory and time budgets: refused before the work, or stopped with a valid partial
result; exit code 5 in both cases."""
import re

from harness import BUDGET, DONE, MODEL, Case, main, read, run, timeless

BASE = ["attribute", "-m", MODEL, "-p", "the cat in the", "--target", "h", "--format", "json"]
UNITS = {"": 1, "K": 1e3, "M": 1e6, "G": 1e9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30,
         "KB": 1e3, "MB": 1e6, "GB": 1e9, "B": 1, "BYTES": 1}


def asked_block(result):
    return result["attributions"][0]["options"]["curvature"] == "block"


class Limits(Case):
    def test_too_little_memory_names_what_suffices(self):
        refused = self.refuse(BUDGET, *BASE, "--probes", 4, "--max-memory", "1K")
        sizes = re.findall(r"(\d+(?:\.\d+)?) ?([KMG]?i?B|[KMG]|bytes)", refused.err)
        self.assertTrue(sizes, refused.err)
        smallest = max(float(number) * UNITS[unit.upper()] for number, unit in sizes)
        said = [n + u for n, u in sizes if float(n) * UNITS[u.upper()] == smallest][0]
        self.expect(DONE, run(*BASE, "--probes", 4, "--max-memory", said.replace("bytes", "B")))
        self.refuse(BUDGET, *BASE, "--probes", 4, "--max-memory", int(smallest * 0.9))

    def test_the_budget_does_not_change_the_result(self):
        free = self.expect(DONE, run(*BASE, "--probes", 4)).json
        held = self.expect(DONE, run(*BASE, "--probes", 4, "--max-memory", "2G")).json
        self.assertEqual(timeless(free)["attributions"][0]["rows"],
                         timeless(held)["attributions"][0]["rows"])

    def test_too_little_time_names_what_may_suffice(self):
        refused = self.refuse(BUDGET, *BASE, "--probes", 64, "--max-time", "0.001")
        self.assertRegex(refused.err, r"\d+ (s|min)")

    def test_little_time_means_fewer_probes_or_a_part_and_says_so(self):
        """How long the work takes is an estimate, so what happens is not known beforehand; but each
        outcome is whole in itself and well said."""
        path = self.path("a.json")
        for seconds in (0.3, 0.5, 0.8, 1.2, 2):
            path.unlink(missing_ok=True)
            result = run(*BASE, "--probes", 64, "--max-time", seconds, "-o", path)
            self.expect(result.code, result)
            self.assertIn(result.code, (DONE, BUDGET), str(result))
            if not path.exists():
                self.assertIn("smallest budget", result.err)
                continue
            written = read(path)
            probes = written["attributions"][0]["options"]["probes"]
            if probes != 64 and asked_block(written):
                self.assertIn(f"{probes} probes per token instead of 64", result.err)
            asked = ["--probes", probes, "--curvature",
                     written["attributions"][0]["options"]["curvature"]]
            whole = self.expect(DONE, run(*BASE, *asked)).json
            if result.code == BUDGET:
                self.assertEqual(("partial", "time"), (written["status"], written["stopped_by"]))
                self.assertEqual(timeless(written), timeless(result.json))
                written = self.expect(DONE, run(*BASE, *asked, "--continue", path)).json
            self.assertEqual(timeless(whole), timeless(written))

    def test_enough_of_both(self):
        result = self.expect(DONE, run(*BASE, "--probes", 2, "--max-time", "1h",
                                       "--max-memory", "4G"))
        self.assertEqual(("complete", None), (result.json["status"], result.json["stopped_by"]))


if __name__ == "__main__":
    main()
