#!/usr/bin/env python3
"""page.py: how long the HTML page takes in headless Chromium, from its navigation to the first frame
that shows it, and each control from the event to the next frame; on an idle machine.

page.py [TOKENS [TARGETS [ROUNDS]]]     default: 5000 50 5; medians in milliseconds

HETA_PROGRAM names the program; the result shown is the made-up one of tests/e2e/test_page.py.
"""
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading

ROOT = pathlib.Path(__file__).resolve().parents[1]
PROGRAM = os.environ.get("HETA_PROGRAM") or str(ROOT / "build/release/heta")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

PROBE = """<script>
{
  const found = { script: performance.now() }, id = name => document.getElementById(name);
  const frame = then => requestAnimationFrame(() => setTimeout(then));
  const put = (name, value) => { id(name).value = value; id(name).dispatchEvent(new Event("input")); };
  const press = key => dispatchEvent(new KeyboardEvent("keydown", { key }));
  const steps = [["level", () => press("g")], ["lens", () => press("c")], ["back", () => press("c")],
    ["slider", () => put("beta", .1)], ["find", () => put("query", "the")],
    ["target", () => press("ArrowRight")], ["mean", () => press("a")]];
  const next = () => {
    const step = steps.shift();
    if (!step) return console.log("PAGE " + JSON.stringify(found));
    const begin = performance.now();
    step[1]();
    frame(() => { found[step[0]] = performance.now() - begin; next(); });
  };
  frame(() => { found.shown = performance.now(); next(); });
}
</script></body>"""


def measure(page, folder):
    """One visit: the numbers that the probe writes to the console."""
    visit = subprocess.Popen(
        [CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr",
         f"--user-data-dir={folder}/browser", "--window-size=1200,900", f"file://{page}"],
        stderr=subprocess.PIPE, text=True)
    late = threading.Timer(60, visit.kill)
    late.start()
    said = ""
    for line in visit.stderr:
        said += line
        if "CONSOLE" in line:
            break
    late.cancel()
    visit.terminate()
    visit.communicate()
    match = re.search(r"PAGE (\{.*?\})", said)
    if not match:
        sys.exit("page.py: the page did not say how long it took:\n" + said[-2000:])
    return json.loads(match.group(1))


def main():
    given = [int(word) for word in sys.argv[1:4]]
    count, targets, rounds = given + [5000, 50, 5][len(given):]
    if not CHROMIUM:
        sys.exit("page.py: there is no chromium")
    with tempfile.TemporaryDirectory() as folder:
        stored, page = f"{folder}/made.json", f"{folder}/made.html"
        subprocess.run([sys.executable, ROOT / "tests/e2e/test_page.py", "make", str(count),
                        str(targets), stored], check=True)
        subprocess.run([PROGRAM, "report", stored, "-o", page, "--format", "none"], check=True)
        size = pathlib.Path(page).stat().st_size
        text = pathlib.Path(page).read_text(encoding="utf-8")
        pathlib.Path(page).write_text(text.replace("</body>", PROBE), encoding="utf-8")
        measure(page, folder)  # a browser's first start makes its profile
        found = [measure(page, folder) for _ in range(rounds)]
    print(f"{count} tokens, {targets} targets: {size / 1e6:.1f} MB, {rounds} visits")
    for name in found[0]:
        values = [one[name] for one in found]
        print(f"{name:8} {statistics.median(values):7.0f} ms   ({min(values):.0f} … {max(values):.0f})")


if __name__ == "__main__":
    main()
