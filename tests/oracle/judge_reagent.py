#!/usr/bin/env python3
"""Judges score vectors that ReAGent's authors published, with metrics written here once more:
judge_reagent.py FILE.jsonl [--fixture OUT.json]

FILE.jsonl has one LongRA question a line: tokens, the positions of the antecedent (gold), those of
the distractor, and the scores of eight methods. Prints each method's mean hit rates, average
precision and DSA, with 95 % intervals of resampled templates and what a random order gives. No
model is needed. With --fixture writes the first question of each of eight templates, with all
values, for tests/unit/test_metric_published.c.
"""
import argparse
import itertools
import json
import math
import random

METRICS = ("hit_at_1", "hit_at_5", "average_precision", "dsa", "dsa_excess")


def groups(scores, gold):
    """[(size, gold ones)] of equal scores, the strongest first."""
    order = sorted(range(len(scores)), key=lambda i: -scores[i])
    for _, same in itertools.groupby(order, key=lambda i: scores[i]):
        same = list(same)
        yield len(same), sum(i in gold for i in same)


def hit(scores, gold, k):
    """Probability that a gold token is among the first k; equal scores in a random order."""
    before = 0
    for size, marked in groups(scores, gold):
        if before >= k:
            return 0.0
        taken = min(size, k - before)
        if marked:
            return 1 - math.comb(size - marked, taken) / math.comb(size, taken)
        before += size
    return 0.0


def average_precision(scores, gold):
    """Expected average precision; equal scores in a random order."""
    total, before, found = 0.0, 0, 0
    for size, marked in groups(scores, gold):
        for k in range(1, size + 1):
            others = (k - 1) * (marked - 1) / (size - 1) if size > 1 else 0
            total += marked / size * (found + 1 + others) / (before + k) if marked else 0
        before += size
        found += marked
    return total / len(gold)


def judge(scores, gold, bait):
    mass, other = sum(scores[i] for i in gold), sum(scores[i] for i in bait)
    uniform = (len(gold) - len(bait)) / (len(gold) + len(bait))
    dsa = (mass - other) / (mass + other) if mass + other > 0 else uniform
    return {"hit_at_1": hit(scores, gold, 1), "hit_at_5": hit(scores, gold, 5),
            "average_precision": average_precision(scores, gold), "dsa": dsa,
            "dsa_excess": dsa - uniform}


def interval(values, templates):
    """95 % of 2000 means over resampled templates."""
    dice = random.Random(1)
    by = {}
    for value, template in zip(values, templates):
        by.setdefault(template, []).append(value)
    names = sorted(by)
    means = []
    for _ in range(2000):
        drawn = [value for _ in names for value in by[dice.choice(names)]]
        means.append(sum(drawn) / len(drawn))
    means.sort()
    return means[50], means[1949]


def read(path):
    with open(path, encoding="utf-8") as file:
        for line in file:
            item = json.loads(line)
            bait = set(range(item["distractor_start"], item["distractor_end"]))
            yield item, set(item["antecedent_pos"]), bait - set(item["antecedent_pos"])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file")
    parser.add_argument("--fixture")
    arguments = parser.parse_args()
    results, templates, kept = {}, [], {}
    for item, gold, bait in read(arguments.file):
        templates.append(item["category"])
        n = len(item["tokens"])
        vectors = {**item["importance"], "(equal scores)": [1.0] * n}
        judged = {name: judge(scores, gold, bait) for name, scores in vectors.items()}
        for name, values in judged.items():
            results.setdefault(name, []).append(values)
        if item["category"] not in kept and len(kept) < 8:
            kept[item["category"]] = {"gold": sorted(gold), "bait": sorted(bait),
                                      "scores": vectors, "expected": judged}
    if arguments.fixture:
        with open(arguments.fixture, "w", encoding="utf-8") as file:
            json.dump(list(kept.values()), file)
            file.write("\n")
    print(f"{len(templates)} questions from {len(set(templates))} templates")
    print("| method | " + " | ".join(METRICS) + " |\n|---|" + "---:|" * len(METRICS))
    for name, rows in results.items():
        cells = []
        for metric in METRICS:
            values = [row[metric] for row in rows]
            low, high = interval(values, templates)
            cells.append(f"{sum(values) / len(values):.3f} [{low:.3f}, {high:.3f}]")
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
