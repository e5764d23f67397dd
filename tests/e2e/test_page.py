#!/usr/bin/env python3
"""test_page.py: the HTML page in a browser: it draws, answers every control, and reports no error,
from 5 to 5,000 tokens. Skipped where there is no Chromium, but for the size of the page.

test_page.py make TOKENS TARGETS FILE.json    writes a made-up result, to look at its page by hand
"""
import json
import math
import random
import re
import shutil
import subprocess
import sys

from harness import DONE, MODEL, ROOT, SANITIZED, Case, main, run

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
WORDS = (" the river rose slowly while engineers measured every gate of old dam , and nobody in "
         "valley knew that hydro logical report had been wrong since March . When rain fell again "
         "council met 東京 は 日本 の 首都 です 。 مرحبا بالعالم नमस्ते दुनिया Zoë 👩‍👧 ที่").split(" ")
COMPONENTS = {"gate": ("fraction", None), "curvature": ("nat per embedding unit squared", "block"),
              "information": ("nat", None), "logprob_change": ("nat", None),
              "envelope": ("gate × (curvature + nat)", "block"),
              "gradient": ("nat per embedding unit", None)}


def made(count, explained, seed=1):
    """A result with `count` tokens before the first of `explained` targets."""
    dice = random.Random(seed)
    pieces = [("" if i == 0 else " ") + dice.choice(WORDS[1:]) for i in range(count + explained)]
    for i in range(40, count, 40):
        pieces[i] = "\n"
    text, tokens, at = "".join(pieces), [], 0
    prompt_end = len("".join(pieces[:count]).encode())
    for i, piece in enumerate(pieces):
        size = len(piece.encode())
        tokens.append({"index": i, "id": i, "text": piece, "start": at, "end": at + size,
                       "kind": "text" if i < count else "generated",
                       "segment": "prompt" if i < count else "target"})
        at += size
    targets, rows = [], []
    for t in range(explained):
        length = count + t
        chance = -0.1 - dice.random()
        targets.append({"index": t, "position": length, "id": length, "text": pieces[length],
                        "origin": "generated", "logprob": chance, "rank": 1, "entropy": 1.5,
                        "top": [{"id": length, "text": pieces[length], "logprob": chance}],
                        "foil": None})
        gate = [dice.random() ** 4 + (30 if i == 0 else 0.001) for i in range(length)]
        whole = sum(gate)
        gate = [x / whole for x in gate]
        curvature = [50 * dice.random() ** 3 for _ in range(length)]
        error = [0.1 * x for x in curvature]
        information = [dice.random() ** 6 for _ in range(length)]
        score = [g * (0.5 * s + 0.5 * k) for g, s, k in zip(gate, curvature, information)]
        score_se = [0.5 * g * e for g, e in zip(gate, error)]
        parts = {"gate": gate, "curvature": curvature, "information": information,
                 "logprob_change": information, "envelope": score, "gradient": curvature}
        rows.append({"target": t, "status": "complete", "score": score, "score_se": score_se,
                     "signed_score": None, "components": parts,
                     "se": {"curvature": error, "envelope": score_se},
                     "probes": [10] * length, "tied_with_next": [False] * length})
    return {
        "schema": "heta.attribution/1", "heta_version": "0.1.0", "command": ["heta"],
        "model": {"file": "made.gguf", "format": "gguf", "bytes": 1,
                  "fingerprint": {"kind": "sha256", "value": "0" * 64}, "architecture": "llama",
                  "name": "Made up", "parameters": 1, "layers": 1, "heads": 1, "kv_heads": 1,
                  "width": 1, "vocabulary": 1, "context": 1, "weight_types": {},
                  "tokenizer": {"model": None, "pre": None, "fingerprint": None},
                  "chat_template": None},
        "input": {"text": text, "prompt_end": prompt_end, "segments": [
            {"id": "prompt", "start": 0, "end": prompt_end, "role": "prompt", "message": None,
             "name": None},
            {"id": "target", "start": prompt_end, "end": at, "role": "target", "message": None,
             "name": None}], "tokens": tokens},
        "targets": targets,
        "attributions": [{
            "method": "heta", "options": {"beta": 0.5, "gamma": 0.5, "scale": "none"}, "seed": 0,
            "objective": "logprob", "signed": False,
            "components": {name: {"unit": unit, "exact": not estimator,
                                  **({"estimator": estimator} if estimator else {})}
                           for name, (unit, estimator) in COMPONENTS.items()},
            "rows": rows, "rollups": [], "windows": None,
            "cost": {"forwards": 1, "reverses": 1, "hvps": 1, "flop": 1}, "checks": {}}],
        "status": "complete", "stopped_by": None, "timing": {"seconds": 1, "phases": {}},
        "environment": {"peak_bytes": 1, "threads": 1, "backend": "cpu", "precision": "f32",
                        "cpu": "made up"}}


# Uses every control and says what it saw. Numbers are read from what a reader sees.
SCRIPT = """<script>
const failures = [];
addEventListener("error", event => failures.push(event.message));
addEventListener("load", () => {
  const id = name => document.getElementById(name), seen = { ready: performance.now() };
  const press = (key, more) => dispatchEvent(new KeyboardEvent("keydown", { key, ...more }));
  const buttons = box => Array.from(id(box).querySelectorAll("button"));
  const labels = box => buttons(box).map(button => button.textContent);
  const click = (box, label) => buttons(box).find(b => b.textContent === label).click();
  const over = element => element.dispatchEvent(new PointerEvent("pointerover", { bubbles: true }));
  try {
    seen.text = Array.from(document.querySelectorAll("#text .u"), u => u.textContent).join("");
    seen.first = id("best").rows[0].cells[3].textContent;
    for (const level of labels("levels")) {
      click("levels", level);
      const units = Array.from(document.querySelectorAll("#text .u"));
      over(units[Math.floor(units.length / 2)]);
      seen[level] = [id("tip").textContent.length, document.querySelectorAll("#text .lit").length];
    }
    id("levels").querySelector("button").click();
    for (const lens of labels("lenses")) click("lenses", lens);
    id("lenses").querySelector("button").click();
    id("beta").value = 0;
    id("beta").dispatchEvent(new Event("input"));
    seen.moved = id("best").rows[0].cells[3].textContent;
    id("reset").click();
    seen.back = id("best").rows[0].cells[3].textContent;
    id("query").value = "the";
    id("query").dispatchEvent(new Event("input"));
    seen.matches = id("matches").textContent;
    seen.found = document.querySelectorAll("#text .found").length;
    id("theme").click();
    seen.theme = document.documentElement.dataset.theme;
    seen.before = document.querySelector("#target .why").textContent;
    document.querySelector("#text .u.explained:last-child").click();
    seen.after = document.querySelector("#target .why").textContent;
    for (const key of ["ArrowLeft", "ArrowRight", "a", "g", "g", "a", "c", "Escape"]) press(key);
    press("ArrowRight", { shiftKey: true });
    seen.pinned = id("tip").textContent.length;
    if (!id("all").hidden) id("all").click();
  } catch (error) {
    failures.push(String(error.stack));
  }
  seen.failures = failures;
  document.body.replaceChildren(Object.assign(document.createElement("pre"),
    { id: "seen", textContent: JSON.stringify(seen) }));
});
</script></body>"""


# What linear red, green and blue become for people who lack one kind of cone: Machado, Oliveira &
# Fernandes, IEEE Transactions on Visualization and Computer Graphics 2009, at full severity.
VISIONS = {
    "usual": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": ((.152286, 1.052583, -.204868), (.114503, .786281, .099216),
                   (-.003882, -.048116, 1.051998)),
    "deuteranopia": ((.367322, .860646, -.227968), (.280085, .672501, .047413),
                     (-.011820, .042940, .968881)),
    "tritanopia": ((1.255528, -.076749, -.178779), (-.078411, .930809, .147602),
                   (.004733, .691367, .303900))}


def seen_as(colour, matrix):
    """An sRGB colour, 0 to 255, as a place in CIELAB, where 2.3 is a difference just noticed."""
    linear = [x / 12.92 if x <= .04045 else ((x + .055) / 1.055) ** 2.4
              for x in (c / 255 for c in colour)]
    seen = [min(1, max(0, sum(m * x for m, x in zip(row, linear)))) for row in matrix]
    xyz = [sum(m * x for m, x in zip(row, seen)) for row in (
        (.4339, .3762, .1899), (.2126, .7152, .0722), (.0177, .1095, .8728))]
    f = [x ** (1 / 3) if x > .008856 else 7.787 * x + 16 / 116 for x in xyz]
    return 116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])


class Page(Case):
    def page(self, count, explained):
        stored, page = self.path("made.json"), self.path("made.html")
        stored.write_text(json.dumps(made(count, explained)))
        self.expect(DONE, run("report", stored, "-o", page, "--format", "none", "-y"))
        return page

    def visit(self, page, script=SCRIPT):
        """What the script saw, and a look at standard error for the browser's console."""
        text = page.read_text()
        copy = self.path("visited.html")
        copy.write_text(text.replace("</body>", script))
        done = subprocess.run(
            [CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr",
             f"--user-data-dir={self.path('browser')}", "--virtual-time-budget=5000", "--dump-dom",
             f"file://{copy}"], capture_output=True, text=True, timeout=120)
        self.assertNotIn("CONSOLE", done.stderr, done.stderr[-3000:])
        match = re.search(r'<pre id="seen">(.*?)</pre>', done.stdout, re.S)
        self.assertTrue(match, done.stdout[:2000] + done.stderr[-2000:])
        seen = json.loads(match.group(1).replace("&lt;", "<").replace("&gt;", ">")
                          .replace("&amp;", "&"))
        self.assertEqual([], seen["failures"])
        return seen

    def expect_answers(self, count, explained):
        whole = made(count, explained)
        seen = self.visit(self.page(count, explained))
        self.assertEqual(whole["input"]["text"], seen["text"].replace("↵", ""))
        row = whole["attributions"][0]["rows"][0]
        best = max(row["score"][1:]) / sum(row["score"])
        self.assertAlmostEqual(100 * best, float(seen["first"].split()[0]), delta=0.06)
        informed = [g * k for g, k in zip(row["components"]["gate"],
                                          row["components"]["information"])]
        self.assertAlmostEqual(100 * max(informed[1:]) / sum(informed),
                               float(seen["moved"].split()[0]), delta=0.06)
        self.assertEqual(seen["first"], seen["back"])
        for level in ("tokens", "words", "sentences", "lines", "messages", "documents"):
            self.assertGreater(seen[level][0], 20, level)
            self.assertGreater(seen[level][1], 0, level)
        self.assertEqual("dark", seen["theme"])
        self.assertGreater(seen["pinned"], 10)
        if explained > 1:
            self.assertNotEqual(seen["before"], seen["after"])
        return seen

    def test_five_tokens(self):
        self.browser()
        self.expect_answers(5, 1)

    def test_two_hundred_tokens(self):
        self.browser()
        seen = self.expect_answers(200, 6)
        self.assertRegex(seen["matches"], r"^\d+ matches, \d+\.\d+ % of the sum$")
        self.assertGreater(seen["found"], 1)

    def test_five_thousand_tokens(self):
        self.browser()
        self.expect_answers(5000, 2)

    def browser(self):
        if not CHROMIUM or SANITIZED:
            self.skipTest("no Chromium, or another build looks at the page")

    def test_documents_have_names(self):
        page = self.path("chat.html")
        self.expect(DONE, run("attribute", "-m", MODEL, "-a", "uniform", "--user", "the hen?",
                              "--document-text", "a=hen", "--document-text", "<b>=in",
                              "--chat-template", "mistral", "--bos", "no", "--level", "document",
                              "-o", page, "--format", "none"))
        levels = json.loads(re.search(r'<script[^>]*id="data"[^>]*>(.*?)</script>',
                                      page.read_text(), re.S).group(1))["view"]["levels"]
        self.assertEqual(["document a", "document <b>", "user 1"],
                         [name for name in levels["document"]["names"] if name][:3])
        self.assertEqual(["user 1"], [name for name in levels["message"]["names"] if name][:1])
        self.assertNotIn("names", levels["sentence"])
        self.browser()
        shown = self.visit(page, """<script>
addEventListener("load", () => {
  const cells = Array.from(document.querySelectorAll("#best td.name"), cell => cell.textContent);
  document.querySelector("#best tr").click();
  const seen = { failures: [], cells: cells.sort(),
    tip: document.getElementById("tip").textContent };
  document.body.replaceChildren(Object.assign(document.createElement("pre"),
    { id: "seen", textContent: JSON.stringify(seen) }));
});
</script></body>""")
        self.assertEqual(["document <b> “in”", "document a “hen”", "user 1 “the hen?”"],
                         shown["cells"])
        self.assertTrue(any(shown["tip"].startswith(cell) for cell in shown["cells"]), shown)

    def test_ties_are_those_of_the_result(self):
        """Neighbours in the page's ranking, which leaves out the first token, that are so in
        the result's too, have the same mark; with three probes some would not by 1.96."""
        stored, page = self.path("few.json"), self.path("few.html")
        self.expect(DONE, run("attribute", "-m", MODEL, "-p", "the quick brown fox jumps over the",
                              "--probes", 3, "-o", stored, "-o", page, "--format", "none"))
        row = json.loads(stored.read_text())["attributions"][0]["rows"][0]
        order = sorted(range(len(row["score"])), key=lambda i: -row["score"][i])
        self.assertEqual({2}, set(row["score_df"]))
        by_normal = [a for a, b in zip(order, order[1:]) if row["score"][a] - row["score"][b] <
                     1.96 * (row["score_se"][a] ** 2 + row["score_se"][b] ** 2) ** .5]
        marked = [i for i in order if row["tied_with_next"][i]]
        self.assertLess(set(by_normal), set(marked))
        self.browser()
        seen = self.visit(page, """<script>
addEventListener("load", () => {
  const all = document.getElementById("all");
  if (!all.hidden) all.click();
  const rows = Array.from(document.getElementById("best").rows,
    row => [Number(row.cells[0].textContent), row.cells[5].textContent === "≈"]);
  document.body.replaceChildren(Object.assign(document.createElement("pre"),
    { id: "seen", textContent: JSON.stringify({ failures: [], rows }) }));
});
</script></body>""")["rows"]
        self.assertEqual([i for i in order if i], [token for token, _ in seen])
        compared = [i for i, after in zip(order, order[1:]) if i and after]
        self.assertEqual([i for i in compared if i in marked],
                         [token for token, mark in seen if mark and token in compared])

    def test_colours_differ_for_every_colour_vision(self):
        """For and against, mixed over the paper at a fifth of full strength."""
        css = (ROOT / "src/report/page.css").read_text()
        themes = re.findall(r"--paper: #(\w{6});.*?--for: ([\d ]+); --against: ([\d ]+);",
                            css, re.S)
        self.assertEqual(3, len(themes))  # light, dark, print
        for paper, *inks in themes:
            ground = [int(paper[i:i + 2], 16) for i in (0, 2, 4)]
            mixed = [[g + 0.2 * (int(c) - g) for g, c in zip(ground, ink.split())] for ink in inks]
            for name, matrix in VISIONS.items():
                apart = math.dist(*(seen_as(colour, matrix) for colour in mixed))
                self.assertGreater(apart, 15, f"{name}, on #{paper}")

    def test_size(self):
        """5,000 tokens and 50 targets must stay below 20 MB: so two targets take at most 0.8 MB,
        and what does not grow with targets 2 MB."""
        none, two = (self.page(5000, n).stat().st_size for n in (1, 3))
        self.assertLess(none, 2.5e6)
        self.assertLess(two - none, 0.8e6)


if __name__ == "__main__":
    if sys.argv[1:2] == ["make"]:
        with open(sys.argv[4], "w", encoding="utf-8") as file:
            json.dump(made(int(sys.argv[2]), int(sys.argv[3])), file)
    else:
        main()
