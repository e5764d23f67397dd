#!/usr/bin/env python3
"""What the first token's score does to a method's ranks: without_first.py DB.sqlite [METHOD …]

Attention gathers on the first token whatever it says, and a gate made of attention hands it the
score. For each method of an evaluation's database, prints the share of the score that the text's
first token has, the average precision of the gold tokens, and the same with the first token put
last. Tokens that are set apart, like BOS, are no part of this. The average precision is computed
here anew and must be the database's.
"""
import pathlib
import sqlite3
import struct
import sys

TABLE = """SELECT label, spans, apart, starts, ends, score.score,
IFNULL(signed_score, score.score), points
FROM score
JOIN item ON item.id = score.item JOIN tokens ON tokens.item = score.item
JOIN measure ON measure.score = score.id AND measure.name = 'average_precision'
WHERE score.score IS NOT NULL ORDER BY score.id"""


def numbers(kind, blob):
    return struct.unpack(f"{len(blob) // struct.calcsize(kind)}{kind}", blob)


def gold_tokens(spans, starts, ends):
    """Which tokens share a byte with a gold span; spans are 'START END ROLE;START END ROLE'."""
    gold = [span.split() for span in spans.split(";") if span.endswith(" gold")]
    return [any(start < int(last) and end > int(first) for first, last, _ in gold)
            for start, end in zip(starts, ends)]


def average_precision(scores, gold):
    """Expected, where tokens of one score stand in random order."""
    total = 0.0
    found = seen = 0
    for score in sorted(set(scores), reverse=True):
        group = [is_gold for own, is_gold in zip(scores, gold) if own == score]
        size, hits = len(group), sum(group)
        for place in range(size):
            before = place * (hits - 1) / max(size - 1, 1)  # gold ones of the group, if one is here
            total += hits / size * (found + before + 1) / (seen + place + 1)
        found, seen = found + hits, seen + size
    return total / found


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    rows = {}
    path = pathlib.Path(sys.argv[1]).resolve().as_uri()
    base = sqlite3.connect(path + "?mode=ro", uri=True)
    for label, spans, apart, *blobs, points in base.execute(TABLE):
        starts, ends, scores, ranked = [
            tuple(number for number, is_apart in zip(numbers(kind, blob), apart) if not is_apart)
            for kind, blob in zip("qqdd", blobs)]
        gold = gold_tokens(spans, starts, ends)
        known, = numbers("d", points)
        own = average_precision(ranked, gold)
        if abs(own - known) > 1e-9:
            sys.exit(f"{label}: the average precision is {own}, and the database says {known}")
        rows.setdefault(label, []).append(
            (scores[0] / (sum(scores) or 1), known,
             average_precision((min(ranked) - 1,) + ranked[1:], gold)))
    print("| method | n | first token's share | average precision | first token last |")
    print("|---|---:|---:|---:|---:|")
    for label in sys.argv[2:] or rows:
        if label not in rows:
            sys.exit(f"there are no scores by '{label}' with an average precision")
        means = [sum(column) / len(rows[label]) for column in zip(*rows[label])]
        print(f"| {label} | {len(rows[label])} |" + "".join(f" {mean:.3f} |" for mean in means))


if __name__ == "__main__":
    main()
