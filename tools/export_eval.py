#!/usr/bin/env python3
"""Writes an evaluation's database as compressed JSON lines:
export_eval.py [--no-text] DB.sqlite OUT.jsonl.gz

The first line says what it is of; then one line a score vector: item, method, options, seed,
engine, scores, costs, and every measure of it; then those that metrics compared with, whose
`change` says after what, or is "" for other options alone. The same database gives the same bytes.
--no-text leaves texts and targets out, for sets whose licence binds them: items have their names.
"""
import gzip
import json
import sqlite3
import struct
import sys


def numbers(blob):
    return None if blob is None else list(struct.unpack(f"{len(blob) // 8}d", blob))


def finite(values):
    return [value if value == value else None for value in values]


def main(path, out, texts=True):
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    head = {"schema": "heta.eval-export/1", **dict(db.execute("SELECT key, value FROM meta"))}
    head.pop("model_file", None)  # a path of one machine
    with gzip.GzipFile(out, "wb", mtime=0) as file:
        def put(record):
            file.write((json.dumps(record, ensure_ascii=False) + "\n").encode())
        put(head)
        for row in db.execute(
                "SELECT score.id, suite, name, source, text, target, label, method, options, seed,"
                " engine, score, signed_score, score_se, logprob, rank, seconds, forwards,"
                " reverses, hvps, flop, problem FROM score JOIN item ON item.id = score.item"
                " ORDER BY suite, item.id, label"):
            keys = ("suite item source text target label method options seed engine score"
                    " signed_score score_se logprob rank seconds forwards reverses hvps flop"
                    " problem").split()
            record = dict(zip(keys, row[1:]))
            if not texts:
                del record["text"], record["target"]
            for key in ("score", "signed_score", "score_se"):
                record[key] = numbers(record[key])
            record["measures"] = {
                f"{name} ({settings})" if settings else name: finite(numbers(points))
                for name, settings, points in db.execute(
                    "SELECT name, settings, points FROM measure WHERE score = ?"
                    " ORDER BY metric, settings, name", (row[0],))}
            put(record)
        tables = db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'again'").fetchone()
        for row in db.execute(
                "SELECT suite, name, method, change, options, seed, engine, score, signed_score,"
                " logprob, rank, seconds, again.problem, again.target FROM again JOIN item ON"
                " item.id = again.item ORDER BY suite, item.id, method, options, change"
        ) if tables[0] else ():
            keys = ("suite item method change options seed engine score signed_score logprob rank"
                    " seconds problem target").split()
            record = dict(zip(keys, row))
            for key in ("score", "signed_score"):
                record[key] = numbers(record[key])
            put(record)


if __name__ == "__main__":
    given = [word for word in sys.argv[1:] if word != "--no-text"]
    if len(given) != 2:
        sys.exit(__doc__)
    main(*given, "--no-text" not in sys.argv)
