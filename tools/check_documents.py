#!/usr/bin/env python3
"""Fails when a document names a file or function that does not exist: check_documents.py [ROOT]

Checked in every .md file outside tests/data: relative links and pictures; `path/file.c` and the
like, from the root, from src/ or include/, or as a bare name found anywhere; `heta_…` functions and
types, `HETA_…` names; the fences of code blocks; and that a block which opens with a file's name
behind its language (```c src/model/model.c) stands in that file word for word.
"""
import pathlib
import re
import sys

NAMED = re.compile(r"`([A-Za-z0-9_./-]+\.(?:c|h|py|sh|json|html|txt|md|cmake))`")
SYMBOL = re.compile(r"`(heta_[a-z0-9_]+|HETA_[A-Z0-9_]+)(?:\(\))?`")
QUOTED = re.compile(r"```\w+ ([\w./-]+/[\w.-]+)$")
SKIPPED = {"build", ".git"}
# Names of a reader's own files, in explanations.
EXAMPLES = {"demo.html", "capital.html"}


def documents(root):
    for path in sorted(root.rglob("*.md")):
        parts = path.relative_to(root).parts
        if parts[0] not in SKIPPED and parts[:2] != ("tests", "data"):
            yield path


def symbols(root):
    """Every identifier in the sources; X(name) stands for heta_i_name_f32 and _f64."""
    found = set()
    for path in [*root.glob("src/**/*.[ch]"), *root.glob("include/**/*.h")]:
        text = path.read_text(encoding="utf-8")
        found |= set(re.findall(r"\b(?:heta|HETA)_\w+", text))
        found |= {"heta_i_" + name for name in re.findall(r"\bX\((\w+)\)", text)}
    return found


def quotes(root, text):
    """(line number, what is wrong) of each block that quotes a file."""
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        quoted = QUOTED.match(line)
        if not quoted:
            continue
        block = "\n".join(lines[number:lines.index("```", number)]) + "\n"
        source = root / quoted.group(1)
        if not source.exists():
            yield number, f"there is no file {quoted.group(1)}"
        elif block not in source.read_text(encoding="utf-8"):
            yield number, f"this block does not stand in {quoted.group(1)}"


def check(root, path, names, known):
    """(line number, what is wrong)."""
    inside = 0
    text = path.read_text(encoding="utf-8")
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("```"):
            inside = 0 if inside else number
        if inside:
            continue
        for target in re.findall(r"\]\(([^)\s#]+)[^)]*\)", line):
            if "://" not in target and not (path.parent / target).exists():
                yield number, f"the link {target} leads nowhere"
        for name in NAMED.findall(line):
            there = any((root / base / name).exists() for base in ("", "src", "include"))
            if not there and not ("/" not in name and name in names) and name not in EXAMPLES:
                yield number, f"there is no file {name}"
        for name in SYMBOL.findall(line):
            if re.sub(r"_f(32|64)$", "", name) not in known and name not in known:
                yield number, f"there is no {name} in the sources"
    if inside:
        yield inside, "this code block has no end"
    else:
        yield from quotes(root, text)


def main(root):
    names = {path.name for path in root.rglob("*")
             if path.relative_to(root).parts[0] not in SKIPPED}
    known, files, problems = symbols(root), 0, []
    for path in documents(root):
        files += 1
        problems += [f"{path}:{number}: {what}" for number, what in check(root, path, names, known)]
    print("\n".join(problems + [f"{files} documents, {len(problems)} broken references"]))
    return 1 if problems or not files else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]).resolve() if len(sys.argv) > 1
                  else pathlib.Path(__file__).resolve().parents[1]))
