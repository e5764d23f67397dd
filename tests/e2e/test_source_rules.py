#!/usr/bin/env python3
"""test_source_rules.py: the three tools that hold the source rules see each kind of broken rule."""
import subprocess
import sys

from harness import ROOT, Case, main

FINE = "/* fine.c: nothing. */\n"


class SourceRules(Case):
    def setUp(self):
        super().setUp()
        self.write("CMakeLists.txt", "# nothing\n")
        self.write("include/heta/heta.h", "/* heta.h: the public header. */\n")
        for room in ("base", "format", "engine", "report", "cli"):
            self.write(f"src/{room}/{room}.h", f"/* {room}.h: the room. */\n")

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def check(self, tool, fine, *said):
        done = subprocess.run([sys.executable, ROOT / "tools" / tool, self.folder],
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(0 if fine else 1, done.returncode, done.stdout + done.stderr)
        for words in said:
            self.assertIn(words, done.stdout)

    def includes(self, room, header, fine):
        self.write(f"src/{room}/x.c", f"/* x.c: a test. */\n#include {header}\n")
        self.check("check_layers.py", fine, *([] if fine else ["x.c:2"]))
        (self.folder / f"src/{room}/x.c").unlink()

    def test_layers(self):
        self.includes("format", '"base/base.h"', True)
        self.includes("format", '"format/format.h"', True)
        self.includes("engine", '"format/format.h"', True)
        self.includes("base", '"format/format.h"', False)
        self.includes("format", '"engine/engine.h"', False)
        self.includes("report", '"base/base.h"', True)
        self.includes("report", '"engine/engine.h"', False)
        self.includes("cli", "<heta/heta.h>", True)
        self.includes("cli", '"cli/cli.h"', True)
        self.includes("cli", '"base/base.h"', False)
        self.includes("engine", '"engine/none.h"', False)
        self.write("src/cellar/x.c", FINE)
        self.check("check_layers.py", False, "cellar")

    def test_examples_use_the_public_header(self):
        self.write("examples/x.c", FINE + "#include <heta/heta.h>\n#include <stdio.h>\n")
        self.check("check_layers.py", True)
        self.write("examples/x.c", FINE + '#include "base/base.h"\n')
        self.check("check_layers.py", False, "x.c:2")

    def rule(self, name, text, fine, *said):
        self.write(name, text)
        self.check("check_source.py", fine, *said)
        (self.folder / name).unlink()

    def test_functions(self):
        call = FINE + "void f(void) { %s(a); }\n"
        for name in ("strcpy", "sprintf", "atoi", "strtok", "rand"):
            self.rule("src/cli/x.c", call % name, False, f"x.c:2: {name}()")
        for name in ("exit", "printf", "abort", "malloc", "free", "getenv"):
            self.rule("src/base/x.c", call % name, False, f"x.c:2: {name}()")
            self.rule("src/cli/x.c", call % name, True)
        self.rule("src/base/memory.c", call % "malloc", True)
        self.rule("src/base/memory.c", call % "printf", False)
        self.rule("src/base/x.c", FINE + "/* printf(1) */ char *s = \"exit(1)\";\n", True)
        self.rule("src/base/x.c", FINE + "void f(void) { my_free(a); t->free(a); }\n", True)

    def test_form(self):
        self.rule("src/base/x.c", FINE, True)
        self.rule("src/base/x.c", "int x;\n", False, "x.c:1", "what the file is for")
        self.rule("src/base/x.c", FINE + "/*" + "x" * 99 + "*/\n", False, "x.c:2: 103 columns")
        self.rule("src/base/x.c", FINE + "int x; \n", False, "x.c:2: white space")
        self.rule("src/base/x.c", FINE + "\tint x;\n", False, "x.c:2: a tab")
        self.rule("src/base/x.c", FINE + "/* TO" + "DO: later */\n", False, "x.c:2: a note")
        self.rule("src/base/x.c", FINE + "int x;", False, "no line break")
        self.rule("src/base/x.c", FINE + "int x;\n" * 800, False, "801 lines")
        self.rule("src/base/x.c", FINE + "int x;\n" * 799, True)

    def document(self, text, *said):
        self.write("docs/x.md", text)
        self.check("check_documents.py", not said, *said)

    def test_documents(self):
        self.document("[here](x.md), `base/base.h`, `base.h`, `include/heta/heta.h`\n")
        self.document("[there](y.md)\n", "x.md:1: the link y.md")
        self.document("\n![a picture](y.png)\n", "x.md:2: the link y.png")
        self.document("`base/none.h`\n", "x.md:1: there is no file base/none.h")
        self.document("`none.h`\n", "none.h")
        self.document("`heta_none`\n", "there is no heta_none")
        self.write("src/base/x.c", FINE + "void X(some)(void);\nvoid heta_one(void);\n")
        self.document("`heta_one()`, `heta_i_some`, `heta_i_some_f32`\n")
        self.document("```\n`none.h`\n```\n")
        self.document("```\n", "x.md:1: this code block has no end")

    def test_quotations(self):
        self.write("src/base/x.c", FINE + "int HETA_ONE;\nint b;\nint c;\n")
        self.document("`HETA_ONE`\n```c src/base/x.c\nint b;\nint c;\n```\n")
        self.document("```c src/base/x.c\nint b;\nint d;\n```\n",
                      "x.md:1: this block does not stand in src/base/x.c")
        self.document("\n```c src/base/y.c\nint b;\n```\n", "x.md:2: there is no file src/base/y.c")
        self.document("`HETA_NONE`\n", "there is no HETA_NONE")


if __name__ == "__main__":
    main()
