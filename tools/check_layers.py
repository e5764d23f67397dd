#!/usr/bin/env python3
"""Fails when a room under src/ includes what it must not know: check_layers.py [ROOT]

The rooms stand in one row, and each knows only those to its left (docs/architecture.md). Some know
less: result/ and report/ see results through the public header alone, store/ knows models but no
passes, and cli/ is a client like any other, with pull/ as its hands.
"""
import pathlib
import re
import sys

ROW = ["base", "result", "format", "text", "model", "chat", "backend", "engine", "method", "metric",
       "job", "report", "store", "pull", "cli"]
LESS = {"result": {"base"}, "chat": {"base"}, "report": {"base", "result"},
        "store": {"base", "format", "text", "model"}, "pull": {"base", "format"}, "cli": {"pull"}}
# The name mangling that lets engine and reference kernels be compiled once per precision.
MORE = {"backend": {"engine/real.h"}}
PUBLIC = "heta/heta.h"


def allowed(room, header):
    """Whether a file of this room may include this header of the project."""
    if header == PUBLIC or header in MORE.get(room, ()):
        return True
    other = header.split("/")[0]
    return other == room or other in LESS.get(room, ROW[: ROW.index(room)])


def includes(path):
    """(line number, header) of each include of a project header."""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        match = re.match(r'\s*#\s*include\s*(?:"([^"]*)"|<(heta/[^>]*)>)', line)
        if match:
            yield number, match.group(1) or match.group(2)


def main(root):
    problems = []
    files = 0
    for path in sorted((root / "src").rglob("*.[ch]")):
        room = path.relative_to(root / "src").parts[0]
        files += 1
        if room not in ROW:
            problems.append(f"{path}: the room '{room}' has no place in the row of check_layers.py")
            continue
        for number, header in includes(path):
            if header != PUBLIC and not (root / "src" / header).exists():
                problems.append(f"{path}:{number}: src/{header} does not exist; "
                                "includes are written from src/ on")
            elif not allowed(room, header):
                problems.append(f"{path}:{number}: {room}/ must not know {header}")
    for path in sorted((root / "examples").glob("*.c")):
        files += 1
        for number, header in includes(path):
            if header != PUBLIC:
                problems.append(f"{path}:{number}: an example includes only <{PUBLIC}>")
    print("\n".join(problems + [f"{files} files, {len(problems)} forbidden includes"]))
    return 1 if problems or not files else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]).resolve() if len(sys.argv) > 1
                  else pathlib.Path(__file__).resolve().parents[1]))
