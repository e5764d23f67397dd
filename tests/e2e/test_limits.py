#!/usr/bin/env python3
"""test_limits.py: memory and time budgets: refused before the work, or stopped with a valid partial
result; exit code 5 in both cases."""
import re
import resource

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

    def test_little_address_space(self):
        """Just below what suffices, every refused block is said, whichever library asked for it:
        first of all oneDNN's kernels, which it writes to without a look."""
        def with_space(mib):
            return run("attribute", "-q", "-m", MODEL, "-p", "the cat", "-a", "random", "-t", 1,
                       "--format", "none", GOMP_SPINCOUNT="1000", before=lambda: resource.setrlimit(
                           resource.RLIMIT_AS, (int(mib * 2**20),) * 2))
        little, enough = 16, 1024
        self.assertEqual(DONE, with_space(enough).code)
        while enough - little > 1:
            middle = (little + enough) // 2
            if with_space(middle).code == DONE:
                enough = middle
            else:
                little = middle
        ended = 0
        for step in range(1, 25):
            result = with_space(enough - step)
            if result.code == 127:  # not even the program's libraries have room
                break
            self.assertIn(result.code, (DONE, 1), str(result))
            if result.code:
                self.assertRegex(result.err, r"^heta: .*memory")
                ended += 1
        self.assertGreater(ended, 5)

    def test_enough_of_both(self):
        result = self.expect(DONE, run(*BASE, "--probes", 2, "--max-time", "1h",
                                       "--max-memory", "4G"))
        self.assertEqual(("complete", None), (result.json["status"], result.json["stopped_by"]))


if __name__ == "__main__":
    main()
