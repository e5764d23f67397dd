#!/usr/bin/env python3
"""test_real_model.py: the demo model as a person would use it: right words, equal results, budgets,
and Ctrl-C in the middle of real work. Needs HETA_TEST_MODEL."""
import functools
import json
import pathlib
import random
import re
import signal
import sys
import tempfile
import time

from harness import (BUDGET, DONE, INTERRUPTED, ROOT, Case, main, read, real_model, run, shown,
                     sound, start, timeless)

MODEL = real_model()
SEED = 11
QUESTION = ROOT / "examples/demo-prompt.txt"
DEMO = ["attribute", "-m", MODEL, "-f", QUESTION, "--special", "--target", " Costa",
        "--probes", "1", "--format", "json"]
SHORT = ["attribute", "-m", MODEL, "-p",
         "Alice has a red car and Bob has a blue one. Alice's car is",
         "--target", " red", "--probes", "2", "--format", "json"]


@functools.cache
def whole():
    """The result of SHORT with two threads, and how long it took."""
    began = time.monotonic()
    done = run(*SHORT, "--threads", 2)
    assert done.code == DONE, str(done)
    return done.json, time.monotonic() - began


class Real(Case):
    def test_model_info(self):
        told = self.expect(DONE, run("model", "info", MODEL)).out
        for words in ("llama", "Q4_1", "134.5 million", "49152"):
            self.assertIn(words, told)

    def test_speed_is_measured_once(self):
        """Plans count with what is on file; on a busy machine it is measured again, and rises."""
        with tempfile.TemporaryDirectory() as cache:
            ask = ["plan", "-m", MODEL, "-p", "The capital of France is", "--format", "json"]
            file = pathlib.Path(cache) / "heta" / "speed.json"
            seconds = []

            def asked():
                return self.expect(DONE, run(*ask, XDG_CACHE_HOME=cache)).json[0]["seconds"]

            for _ in range(2):
                seconds.append(asked())
                kept = read(file)
                self.assertEqual("heta.speed/1", kept["schema"])
                (entry,) = kept["speeds"].values()
                self.assertTrue(all(entry[k] > 1e8 for k in ("forward", "reverse", "attention")))
            self.assertLessEqual(seconds[1], seconds[0] * 1.001)
            # Slower by a thousand on file: so are plans, and what is no such file is replaced.
            for key in ("forward", "reverse", "attention"):
                entry[key] /= 1000
            entry["load"] = 0
            file.write_text(json.dumps(kept))
            slow = asked()
            self.assertGreater(slow, 20 * seconds[1])
            file.write_text("[1, 2")
            self.assertLess(asked(), slow / 5)

    def test_what_the_model_would_write(self):
        for text, word in (("The capital of France is", " Paris"), ("One, two, three,", " four")):
            told = self.expect(DONE, run("attribute", "-m", MODEL, "-p", text, "-a", "random",
                                         "--format", "json")).json
            self.assertEqual(word, told["targets"][0]["text"])

    def test_the_demo(self):
        """The question, its forced answer, and what holds for every result of the method."""
        done = self.expect(DONE, run(*DEMO), "plan:")
        result = done.json
        planned = re.search(r"about ([\d.]+) (MiB|GiB)", done.err)
        self.assertTrue(planned, done.err)
        planned = float(planned[1]) * {"MiB": 2**20, "GiB": 2**30}[planned[2]]
        self.assertLess(result["environment"]["peak_bytes"], 1.1 * planned)
        (target,) = result["targets"]
        self.assertEqual((" Costa", "forced", 60), (target["text"], target["origin"],
                                                    target["position"]))
        (row,) = result["attributions"][0]["rows"]
        self.assertEqual("complete", row["status"])
        self.assertEqual([60], list({len(row["score"]), *map(len, row["components"].values())}))
        self.assertTrue(all(score >= 0 for score in row["score"]))
        gate = row["components"]["gate"]
        self.assertAlmostEqual(1, sum(gate), places=5)
        self.assertTrue(all(kl >= -1e-6 for kl in row["components"]["information"]))
        special = [t["text"] for t in result["input"]["tokens"] if t["kind"] == "special"]
        self.assertEqual(["<|im_start|>", "<|im_end|>", "<|im_start|>"], special)

    def test_same_bytes_again_with_one_thread_and_two(self):
        one = self.expect(DONE, run(*SHORT, "--threads", 1)).json
        self.assertEqual(timeless(one)["attributions"], timeless(whole()[0])["attributions"])

    def test_parts_merged_are_the_whole(self):
        files = [self.path("1.json"), self.path("2.json")]
        for part, path in enumerate(files, 1):
            self.expect(DONE, run(*SHORT, "--part", f"{part}/2", "-o", path))
        merged = self.expect(DONE, run("merge", *files, "-m", MODEL, "--format", "json")).json
        self.assertEqual(timeless(whole()[0]), timeless(merged))

    def test_memory_budget(self):
        refused = self.refuse(BUDGET, *SHORT, "--max-memory", "10M")
        self.assertRegex(refused.err, r"\d")

    def test_interrupted_work_goes_on(self):
        result, seconds = whole()
        choice = random.Random(SEED)
        path = self.path("a.json")
        stopped = 0
        for _ in range(3):
            after = choice.uniform(0.2, 0.9) * seconds
            with shown(seed=SEED, after=after):
                process = start(*SHORT, "-o", path, "-y")
                time.sleep(after)
                process.send_signal(signal.SIGINT)
                sent = time.monotonic()
                out, err = process.communicate(timeout=60)
                self.assertIn(process.returncode, (DONE, INTERRUPTED, -signal.SIGINT), err.decode())
                self.assertLess(time.monotonic() - sent, 10, "Ctrl-C took too long")
                if process.returncode == INTERRUPTED:
                    stopped += 1
                    partial = read(path)
                    self.assertEqual(timeless(partial), timeless(sound(out)))
                    self.assertEqual("partial", partial["status"])
                    last = self.expect(DONE, run(*SHORT, "--continue", path)).json
                    self.assertEqual(timeless(result), timeless(last))
        self.assertGreater(stopped, 0)


if __name__ == "__main__":
    sys.exit(77) if MODEL is None else main()
