#!/usr/bin/env python3
"""How far faithfulness moves with the way of decoding: the 54 settings of the HETA paper's Table 2.

decoding_grid.py -m MODEL [--heta PROGRAM] [--suite FILE.jsonl] [--limit N] [--seeds N]
                 [--methods LIST] [--draws N] [--threads N] --work FOLDER

Every setting (temperature 0.2, 0.5, 0.9; top-p 0.8, 0.9, 0.95; top-k 20, 50, 100; repetition
penalty 1, 1.2) and seed lets the model write the next token of every question. Each different token
is then attributed once, under the unmodified model, and judged: a given token's scores do not know
how it was chosen. Prints, for each method and measure, the largest change that a setting makes to
the mean over questions and seeds, as it is and in percent of that of the most probable token.
FOLDER keeps tokens, suite and database; the same command goes on where it was.
"""
import argparse
import itertools
import json
import pathlib
import sqlite3
import struct
import subprocess

GRID = list(itertools.product((0.2, 0.5, 0.9), (0.8, 0.9, 0.95), (20, 50, 100), (1, 1.2)))
MEASURES = ("soft_nc", "soft_ns", "dsa")


def written(args, items):
    """{(question, setting or None, seed): token text}; None is the most probable one."""
    lines, keys = [], []
    for item in items:
        base = {"text": item["text"], "method": "uniform", "predict": 1}
        drawn = itertools.product([item["id"]], GRID, range(args.seeds))
        for key in [(item["id"], None, 0), *drawn]:
            line = dict(base, id=len(keys))
            if key[1]:
                heat, top_p, top_k, penalty = key[1]
                line |= {"temperature": heat, "top-p": top_p, "top-k": top_k, "seed": key[2],
                         "repeat-penalty": penalty}
            lines.append(json.dumps(line) + "\n")
            keys.append(key)
    asked, answers = args.work / "ask.jsonl", args.work / "written.jsonl"
    asked.write_text("".join(lines), encoding="utf-8")
    subprocess.run([args.heta, "attribute", "-m", args.model, "--batch", asked, "-o", answers,
                    "-q", "--threads", str(args.threads)], check=True)
    with open(answers, encoding="utf-8") as file:
        return {keys[line["example"]["id"]]: line["targets"][0]["text"]
                for line in map(json.loads, file)}


def judged(args, items, tokens):
    """{(question, token): {method: {measure: value}}} by heta eval."""
    asked = {(item["id"], token): n for item in items
             for n, token in enumerate(dict.fromkeys(
                 token for (name, _, _), token in tokens.items() if name == item["id"]))}
    suite, base = args.work / "grid.jsonl", args.work / "grid.sqlite"
    by_name = {item["id"]: item for item in items}
    with open(suite, "w", encoding="utf-8") as file:
        for (name, token), n in asked.items():
            item = {key: by_name[name][key] for key in ("text", "spans") if key in by_name[name]}
            file.write(json.dumps({"id": f"{name}|{n}", "source": name, "target": token, **item})
                       + "\n")
    subprocess.run([args.heta, "eval", "-m", args.model, "--suite", suite, "--db", base,
                    "--methods", args.methods, "--metrics", "soft,dsa", "--draws",
                    str(args.draws), "--threads", str(args.threads)], check=True)
    names = {f"{name}|{n}": (name, token) for (name, token), n in asked.items()}
    found = {}
    for item, label, measure, points in sqlite3.connect(base).execute(
            "SELECT item.name, label, measure.name, points FROM measure JOIN score ON score.id ="
            " measure.score JOIN item ON item.id = score.item WHERE measure.name IN (?, ?, ?)",
            MEASURES):
        found.setdefault(names[item], {}).setdefault(label, {})[measure] = struct.unpack(
            "d", points)[0]
    return found


def mean(values):
    return sum(values) / len(values) if values else float("nan")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-m", "--model", required=True)
    parser.add_argument("--heta", default="build/release/heta")
    parser.add_argument("--suite", type=pathlib.Path, default="src/cli/eval/builtin.jsonl")
    parser.add_argument("--limit", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--methods", default="heta+curvature=row,occlusion,gradient-norm,random")
    parser.add_argument("--draws", type=int, default=10, help="of soft masks")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--work", type=pathlib.Path, required=True)
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    lines = pathlib.Path(args.suite).read_text(encoding="utf-8").splitlines()
    items = [item for item in map(json.loads, lines) if "text" in item][:args.limit]
    tokens = written(args, items)
    found = judged(args, items, tokens)
    drawn = [key for key in tokens if key[1]]
    same = sum(tokens[key] == tokens[key[0], None, 0] for key in drawn)
    lost = sum((key[0], tokens[key]) not in found for key in drawn)
    print(f"{len(items)} questions, {len(GRID)} settings, {args.seeds} seeds: {len(drawn)} tokens, "
          f"{len(set((key[0], tokens[key]) for key in tokens))} different ones; "
          f"{100 * same / len(drawn):.1f} % are the most probable; {lost} cannot be given as a "
          "text and are left out\n")
    print("| method | measure | most probable | largest change | % | temperature, top-p, top-k, "
          "penalty |")
    print("|---|---|---:|---:|---:|---|")
    for method in args.methods.split(","):
        for measure in MEASURES:
            def value(key):
                return found.get((key[0], tokens[key]), {}).get(method, {}).get(measure)
            def over(keys):
                return mean([v for v in map(value, keys) if v is not None and v == v])
            plain = over([key for key in tokens if not key[1]])
            changes = [(abs(over([key for key in drawn if key[1] == setting]) - plain), setting)
                       for setting in GRID]
            most, where = max(changes)
            percent = f"{100 * most / abs(plain):.1f}" if plain else "not defined"
            print(f"| {method} | {measure} | {plain:.4f} | {most:.4f} | {percent} | "
                  f"{', '.join(map(str, where))} |")


if __name__ == "__main__":
    main()
