#!/usr/bin/env python3
"""Checks result files, JSON or JSONL, against the schema and what a schema cannot say.

validate.py FILE…    exit code 0: all sound, 1: not, 77: python3-jsonschema is missing
Other tests import `problems(bytes)`, which returns a list of sentences, empty when all is well.
"""
import json
import pathlib
import sys

SCHEMA = pathlib.Path(__file__).resolve().parents[2] / "schema/heta.attribution-1.schema.json"
# The order in which keys are promised, per kind of object; others may follow.
TOP = ["schema", "heta_version", "command", "model", "input", "targets", "attributions", "status",
       "stopped_by", "work", "timing", "environment"]
ATTRIBUTION = ["method", "options", "seed", "objective", "signed", "components", "rows", "rollups",
               "windows", "cost", "checks"]
ROW = ["target", "status", "score", "score_se", "score_df", "signed_score", "components", "se",
       "probes", "tied_with_next"]


def strict(text):
    """Parses JSON as the standard has it: no NaN, no Infinity, no key twice."""
    def refuse(word):
        raise ValueError(f"{word} is not JSON")

    def unique(pairs):
        keys = [key for key, _ in pairs]
        if len(set(keys)) != len(keys):
            raise ValueError(f"a key stands twice in {keys}")
        return dict(pairs)
    return json.loads(text, parse_constant=refuse, object_pairs_hook=unique)


def joined(lines):
    """The object that the lines of a JSONL result were cut from."""
    types = [line.get("type") for line in lines]
    known = [t for t in types if t not in ("progress", "rollup")]
    if known[:1] != ["meta"] or known[-1:] != ["summary"] or set(known[1:-1]) - {"row"}:
        raise ValueError(f"the lines are of the types {types}, not meta, row…, summary")
    if any(next(iter(line)) != "type" for line in lines):
        raise ValueError("a line does not begin with its type")
    meta, summary = lines[0], lines[-1]
    attributions = []
    for index, (before, after) in enumerate(zip(meta["attributions"], summary["attributions"])):
        rows = [{key: value for key, value in line.items() if key not in ("type", "attribution")}
                for line in lines if line["type"] == "row" and line["attribution"] == index]
        rollups = [{key: value for key, value in line.items() if key not in ("type", "attribution")}
                   for line in lines if line["type"] == "rollup" and line["attribution"] == index]
        attributions.append({**before, "rows": rows, "rollups": rollups, **after})
    whole = {**meta, **summary, "attributions": attributions}
    del whole["type"]
    return whole


def parse(data):
    text = data.decode("utf-8")
    if not text.endswith("\n"):
        raise ValueError("the last line has no line break")
    if text.startswith('{"type":'):
        return joined([strict(line) for line in text.split("\n") if line])
    return strict(text)


def ordered(keys, wanted):
    return [key for key in keys if key in wanted] == [key for key in wanted if key in keys]


def check_input(given):
    text = given["text"].encode("utf-8")
    if given["prompt_end"] > len(text):
        yield "prompt_end lies behind the text"
    segments = {segment["id"]: segment for segment in given["segments"]}
    if len(segments) != len(given["segments"]):
        yield "two segments have the same id"
    at = 0
    for index, token in enumerate(given["tokens"]):
        where = f"token {index}"
        if token["index"] != index:
            yield f"{where} has index {token['index']}"
        if token["start"] != at or token["end"] < at:
            yield f"{where} covers bytes {token['start']} to {token['end']}, not from {at} on"
        at = token["end"]
        segment = segments.get(token["segment"])
        if segment is None:
            yield f"{where} is of an unknown segment {token['segment']!r}"
        elif not (segment["start"] <= token["end"] and token["start"] <= segment["end"]):
            yield f"{where} lies outside its segment"
        if "bytes" in token:
            try:
                bytes.fromhex(token["bytes"]).decode("utf-8")
                yield f"{where} has bytes, though they are whole characters"
            except UnicodeDecodeError:
                pass
        else:
            try:
                text[token["start"]:token["end"]].decode("utf-8")
            except UnicodeDecodeError:
                yield f"{where} splits a character and has no bytes"
    if at != len(text):
        yield f"the tokens cover {at} bytes of {len(text)}"


def check_row(row, attribution, targets, name):
    """Lengths, names and completeness of one row."""
    if not ordered(row, ROW):
        yield f"{name}: the keys are out of order: {list(row)}"
    if row["target"] != "all" and row["target"] >= len(targets):
        yield f"{name}: there is no target {row['target']}"
        return
    components = list(attribution["components"])
    if list(row["components"]) != components:
        yield f"{name}: the components are {list(row['components'])}, not {components}"
    if not set(row["se"]) <= set(components):
        yield f"{name}: se of unknown components: {list(row['se'])}"
    if attribution["signed"] and row["signed_score"] is None:
        yield f"{name}: a signed method without signed scores"
    length = (min(t["position"] for t in targets) if row["target"] == "all"
              else targets[row["target"]]["position"])
    arrays = {key: row[key] for key in ("score", "score_se", "score_df", "signed_score", "probes",
                                        "tied_with_next") if row.get(key) is not None}
    arrays.update(row["components"])
    arrays.update({f"se of {key}": value for key, value in row["se"].items()})
    for key, values in arrays.items():
        if len(values) != length:
            yield f"{name}: {key} has {len(values)} entries for {length} tokens"
    budget = attribution["options"].get("information", "all")
    whole = budget == "all" or str(budget).startswith("spans")
    left_out = 0 if whole else max(0, length - int(budget))
    missing = sum(value is None for value in row["score"]) - left_out
    if row["status"] == "complete" and missing > 0:
        yield f"{name}: complete, but {missing} scores are missing"
    if row["status"] == "pending" and missing != length:
        yield f"{name}: pending, but {length - missing} scores are there"


def check_whole(result):
    """What holds between the parts of a result that follows the schema."""
    if not ordered(result, TOP):
        yield f"the keys are out of order: {list(result)}"
    yield from check_input(result["input"])
    tokens, targets = result["input"]["tokens"], result["targets"]
    for index, target in enumerate(targets):
        if target["index"] != index or target["position"] > len(tokens):
            yield f"target {index} has index {target['index']}, position {target['position']}"
        elif target["position"] < len(tokens) and tokens[target["position"]]["id"] != target["id"]:
            yield f"target {index} is token {target['id']}, its position says otherwise"
        logprobs = [candidate["logprob"] for candidate in target["top"]]
        if None not in logprobs and logprobs != sorted(logprobs, reverse=True):
            yield f"target {index}: its candidates are not in order"
    states = set()
    for number, attribution in enumerate(result["attributions"]):
        if not ordered(attribution, ATTRIBUTION):
            yield f"attribution {number}: the keys are out of order: {list(attribution)}"
        for index, row in enumerate(attribution["rows"]):
            yield from check_row(row, attribution, targets, f"attribution {number}, row {index}")
            states.add(row["status"])
        if "headline" in attribution:
            yield from check_headline(attribution, targets)
        elif len(attribution["rows"]) > 1:
            yield f"attribution {number} has several rows and no headline"
        for rollup in attribution["rollups"]:
            yield from check_rollup(rollup, attribution, result["input"]["tokens"],
                                    f"attribution {number}, {rollup['level']} roll-up")
    if result["status"] == "complete" and states - {"complete"}:
        yield f"the result is complete, but some rows are {sorted(states)}"
    for series in result.get("work", []):
        if len(series["values"]) != series["targets"] * series["tokens"] * series["samples"]:
            yield f"the series {series['name']} has {len(series['values'])} values"


def check_rollup(rollup, attribution, tokens, name):
    """Units that tile the tokens, and sums that are those of the rows."""
    at = 0
    for index, unit in enumerate(rollup["units"]):
        if unit["first"] != at or unit["last"] <= at or unit["last"] > len(tokens):
            yield f"{name}: unit {index} covers tokens {unit['first']} to {unit['last']}"
            return
        at = unit["last"]
        if (unit["start"], unit["end"]) != (tokens[unit["first"]]["start"], tokens[at - 1]["end"]):
            yield f"{name}: unit {index} covers other bytes than its tokens"
    if at != len(tokens):
        yield f"{name}: the units cover {at} of {len(tokens)} tokens"
    for sums, row in zip(rollup["rows"], attribution["rows"], strict=True):
        for key in ("score", "signed_score"):
            values, wanted = sums[key], row[key]
            if (values is None) != (wanted is None):
                yield f"{name}: {key} is there for sums or for tokens only"
            elif values is not None and None not in wanted and abs(
                    sum(values) - sum(wanted)) > 1e-9 * sum(map(abs, wanted)):
                yield f"{name}: {key} of target {row['target']} sums to another number"
        before = sum(unit["first"] < len(row["score"]) for unit in rollup["units"])
        lists = [sums["score"], *sums["components"].values(), *sums["se"].values()]
        if any(len(values) != before for values in lists):
            yield f"{name}: {before} units begin before target {row['target']}, not as many sums"


def check_headline(attribution, targets):
    """The mean of the rows, each divided by its sum."""
    rows, length = attribution["rows"], min(target["position"] for target in targets)
    mean = attribution["headline"]["score"]
    if len(mean) != length:
        yield f"the headline has {len(mean)} entries for {length} tokens"
        return
    lists = [row["signed_score"] or row["score"] for row in rows]
    wholes = [sum(abs(x) for x in values if x is not None) for values in lists]
    for i, found in enumerate(mean):
        known = all(values[i] is not None or not whole for values, whole in zip(lists, wholes))
        if known and found is not None:
            wanted = sum(values[i] / whole for values, whole in zip(lists, wholes) if whole)
            if abs(found - wanted / len(rows)) > 1e-9:
                yield f"the headline of token {i} is {found}, not {wanted / len(rows)}"
        elif known and None not in sum(lists, []):
            yield f"the headline lacks token {i}, which every row has"


def problems(data):
    """What is wrong with a result file's bytes."""
    import jsonschema
    try:
        result = parse(data)
    except (ValueError, KeyError) as error:
        return [f"not a result: {error}"]
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    found = [f"{'/'.join(map(str, error.absolute_path))}: {error.message[:200]}"
             for error in jsonschema.Draft202012Validator(schema).iter_errors(result)]
    return found or list(check_whole(result))


def main(paths):
    try:
        import jsonschema  # noqa: F401
    except ImportError:
        print("validate.py: SKIPPED, python3-jsonschema is not installed", file=sys.stderr)
        return 77
    bad = 0
    for path in paths:
        found = problems(pathlib.Path(path).read_bytes())
        bad += bool(found)
        for problem in found[:20]:
            print(f"{path}: {problem}", file=sys.stderr)
    print(f"{len(paths)} files, {bad} not sound")
    return 1 if bad or not paths else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
