#!/usr/bin/env python3
"""test_repeat.py: the same question gives the same bytes, however the work is cut."""
import itertools

from harness import DONE, FAILED, MODEL, USAGE, Case, main, read, run, timeless

TEXT = ["-m", MODEL, "-p", "the cat in the", "--target", "hat", "--probes", "6"]
BASE = ["attribute", *TEXT, "--format", "json"]


class Repeat(Case):
    def result(self, *arguments):
        return timeless(self.expect(DONE, run(*BASE, *arguments)).json)

    def test_same_command_same_result(self):
        self.assertEqual(self.result(), self.result())

    def test_same_command_same_bytes(self):
        """Byte for byte, but for the two objects that tell about the run."""
        def text():
            whole = self.expect(DONE, run(*BASE)).out
            self.assertEqual(1, whole.count('"timing"'))
            return whole.split('"timing"')[0]
        self.assertEqual(text(), text())
        for name in ("a", "b"):
            self.expect(DONE, run(*BASE, "-o", self.path(name + ".html"), "--title", "t"))
        self.assertEqual(*(self.path(name + ".html").read_text().replace(name + ".html", "")
                           .split("timing")[0] for name in "ab"))

    def test_threads_do_not_matter(self):
        one = self.result("--threads", 1)
        for threads in (2, 3):
            self.assertEqual(one["attributions"], self.result("--threads", threads)["attributions"])
        text = ["attribute", "-m", MODEL, "--curvature", "gradsq", "--format", "json",
                "-p", "the cat in the hat, the dog in the wood, and so it is"]
        one, two, three = (timeless(self.expect(DONE, run(*text, "--threads", n)).json)
                           for n in (1, 2, 3))
        self.assertEqual(one, two)
        self.assertEqual(one, three)

    def test_the_seed_matters_to_estimates_only(self):
        one, two = (self.result("--seed", seed)["attributions"][0]["rows"][0] for seed in (1, 2))
        self.assertNotEqual(one["components"]["curvature"], two["components"]["curvature"])
        for exact in ("gate", "information"):
            self.assertEqual(one["components"][exact], two["components"][exact])

    def test_two_backends_agree(self):
        rows = [self.result("--backend", backend)["attributions"][0]["rows"]
                for backend in ("cpu", "reference")]
        for one, two in zip(*rows):
            for name in one["components"]:
                largest = max(abs(value) for value in one["components"][name])
                for a, b in zip(one["components"][name], two["components"][name]):
                    self.assertLessEqual(abs(a - b), 2e-3 * largest, name)

    def parts(self, count):
        files = []
        for part in range(1, count + 1):
            path = self.path(f"{part}of{count}.json")
            self.expect(DONE, run("attribute", *TEXT, "--part", f"{part}/{count}",
                                  "--format", "none", "-o", path))
            self.assertEqual("partial", read(path)["status"])
            files.append(path)
        return files

    def test_parts_merged_are_the_whole(self):
        whole = self.result()
        for count in (2, 3):
            files = self.parts(count)
            for order in itertools.permutations(files):
                merged = self.expect(DONE, run("merge", *order, "-m", MODEL, "--format", "json"))
                self.assertEqual(whole, timeless(merged.json))

    def test_one_part_continued_is_the_whole(self):
        whole, (first, _) = self.result(), self.parts(2)
        self.assertEqual(whole, self.result("--continue", first))

    def test_a_missing_part_leaves_the_result_partial(self):
        result = run("merge", self.parts(3)[0], "-m", MODEL, "--format", "json")
        self.expect(result.code, result)
        self.assertEqual("partial", result.json["status"])

    def test_only_the_same_question_is_continued(self):
        first = self.parts(2)[0]
        for change in (["--seed", 9], ["--beta", 0.25]):
            self.refuse(USAGE, *BASE, *change, "--continue", first, said=[str(first)])
        other = [word.replace("hat", "bat") if word == "hat" else word for word in BASE]
        self.refuse(USAGE, *other, "--continue", first, said=[str(first)])

    def test_what_is_no_partial_result(self):
        for name, content in (("empty", ""), ("text", "hello"), ("cut", "{\"schema\": \"heta.at"),
                              ("other", "{\"schema\": \"something/1\"}"), ("list", "[]"),
                              ("deep", "[" * 100000)):
            path = self.path(name + ".json")
            path.write_text(content)
            result = run(*BASE, "--continue", path)
            self.assertIn(result.code, (FAILED, USAGE), str(result))
            self.expect(result.code, result, name + ".json")
        self.expect(FAILED, run(*BASE, "--continue", self.path("none.json")), "none.json")


if __name__ == "__main__":
    main()
