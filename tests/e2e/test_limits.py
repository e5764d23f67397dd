#!/usr/bin/env python3
"""test_limits.py: memory and time budgets: refused before the work, or stopped with a valid partial
result; exit code 5 in both cases."""
import re

from harness import BUDGET, DONE, MODEL, Case, main, read, run, timeless

BASE = ["attribute", "-m", MODEL, "-p", "the cat in the", "--target", "h", "--format", "json"]
UNITS = {"": 1, "K": 1e3, "M": 1e6, "G": 1e9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30,
         "KB": 1e3, "MB": 1e6, "GB": 1e9, "B": 1, "BYTES": 1}


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

    def test_too_little_time_leaves_a_partial_result_to_continue(self):
        long = [*BASE, "--probes", 512]
        path = self.path("a.json")
        result = self.expect(BUDGET, run(*long, "--max-time", "0.2", "-o", path), "partial")
        partial = read(path)
        self.assertEqual(("partial", "time"), (partial["status"], partial["stopped_by"]))
        self.assertEqual(timeless(partial), timeless(result.json))
        whole = self.expect(DONE, run(*long, "--continue", path)).json
        self.assertEqual(timeless(self.expect(DONE, run(*long)).json), timeless(whole))

    def test_enough_of_both(self):
        result = self.expect(DONE, run(*BASE, "--probes", 2, "--max-time", "1h",
                                       "--max-memory", "4G"))
        self.assertEqual(("complete", None), (result.json["status"], result.json["stopped_by"]))


if __name__ == "__main__":
    main()
