#!/usr/bin/env python3
"""Fails when a source file breaks a rule that a program can check: check_source.py [ROOT]

The rules: no function that cannot be used safely; in the library none that prints, ends the
process, allocates past base/memory.c or, but for one file, reads the environment; at most 100
columns and 800 lines (the public header: 1200); a first line that says what the file is for; no
tabs, no trailing spaces, no notes to finish something later.
"""
import pathlib
import re
import sys

COLUMNS, LINES = 100, 800
PUBLIC = {"include/heta/heta.h": 1200}  # one public header, and most of it is documentation

UNSAFE = """strcpy strcat strncpy strncat stpcpy sprintf vsprintf gets atoi atol atoll atof strtok
    rand srand tmpnam mktemp alloca setjmp longjmp""".split()
LIBRARY = """exit _exit _Exit quick_exit abort printf vprintf fprintf vfprintf puts fputs putchar
    putc fputc perror scanf sscanf fscanf signal sigaction setlocale getenv setenv""".split()
ALLOCATION = "malloc calloc realloc free aligned_alloc posix_memalign strdup strndup".split()
ALLOCATOR = "src/base/memory.c"
ENVIRONMENT = "src/store/places.c"

SOURCES = ["*.c", "*.h", "*.py", "*.sh", "*.cmake", "CMakeLists.txt"]
FOLDERS = ["src", "include", "examples", "tests", "tools", "scripts", "cmake"]


def code_only(text):
    """C source with comments, strings and character constants blanked, line breaks kept."""
    def blank(match):
        return re.sub(r"[^\n]", " ", match.group())
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text,
                  flags=re.S)


def banned(path):
    """The functions that this file, named from the root, may not call."""
    functions = list(UNSAFE)
    if path.startswith("src/") and not path.startswith("src/cli/"):
        functions += [name for name in LIBRARY if name != "getenv" or path != ENVIRONMENT]
        if path != ALLOCATOR:
            functions += ALLOCATION
    return functions


def says_its_purpose(path, lines):
    """Whether the file opens with a comment, after the interpreter line if it has one."""
    first = lines[1:2] if lines and lines[0].startswith("#!") else lines[:1]
    opening = {".c": "/*", ".h": "/*", ".py": ('"""', 'r"""', "#")}.get(path.suffix, "#")
    return bool(first) and first[0].startswith(opening) and len(first[0].strip('/*#" ')) > 0


def check(root, path):
    """(line number, what is wrong) for each broken rule."""
    name = path.relative_to(root).as_posix()
    text = path.read_text(encoding="utf-8")
    lines = text.split("\n")
    if lines[-1] != "":
        yield len(lines), "the last line has no line break"
    most = PUBLIC.get(name, LINES)
    if len(lines) - 1 > most:
        yield most + 1, f"{len(lines) - 1} lines; split the file, {most} is the most"
    if not says_its_purpose(path, lines):
        yield 1, "the first line must be a comment that says what the file is for"
    for number, line in enumerate(lines, 1):
        if len(line) > COLUMNS:
            yield number, f"{len(line)} columns; {COLUMNS} is the most"
        if line != line.rstrip():
            yield number, "white space at the end of the line"
        if "\t" in line and path.suffix in (".c", ".h", ".py"):
            yield number, "a tab; indent with spaces"
        if re.search(r"\b(TODO|FIXME|XXX)\b", line) and path.name != "check_source.py":
            yield number, "a note to finish something later; finish it, or write an issue"
    if path.suffix in (".c", ".h"):
        pattern = re.compile(r"(?<![\w.>])(" + "|".join(banned(name)) + r")\s*\(")
        for number, line in enumerate(code_only(text).split("\n"), 1):
            for match in pattern.finditer(line):
                yield number, f"{match.group(1)}() is not used here; see tools/check_source.py"


def main(root):
    files = sorted({path for folder in FOLDERS for kind in SOURCES
                    for path in (root / folder).rglob(kind)} | {root / "CMakeLists.txt"})
    problems = [f"{path}:{number}: {what}" for path in files for number, what in check(root, path)]
    print("\n".join(problems + [f"{len(files)} files, {len(problems)} broken rules"]))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]).resolve() if len(sys.argv) > 1
                  else pathlib.Path(__file__).resolve().parents[1]))
