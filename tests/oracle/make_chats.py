#!/usr/bin/env python3
"""Writes tests/data/chats/chats.json: what real chat templates make of conversations.

    make_chats.py TEMPLATES.json [--rows]

TEMPLATES.json is a list of {"style", "flags", "text"}: the style in src/chat/styles.c that a
template belongs to, the letters of its flags in src/chat/known.c, and the template itself, as the
model's file has it. The templates are their authors' and not part of this project; what is kept of
them is a fingerprint and what they make of the conversations below. Each is rendered by jinja2 as
transformers does it (trim_blocks, lstrip_blocks), but for today's date, which the templates of
Llama 3.2 ask for: they get none, and write the date they have for that case.

--rows prints the rows of src/chat/known.c.
"""
import argparse
import hashlib
import json
import pathlib

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

OUT = pathlib.Path(__file__).resolve().parents[1] / "data" / "chats" / "chats.json"


def turns(*pairs):
    return [{"role": role, "content": content} for role, content in pairs]


CONVERSATIONS = [
    turns(("user", "Is water wet?")),
    turns(("system", "Answer briefly."), ("user", "Is water wet?")),
    turns(("user", "Is water wet?"), ("assistant", "Yes."), ("user", "Why?")),
    turns(("system", "  Answer\nbriefly. "), ("user", "\n Is water wet? \n"),
          ("assistant", "  Yes, it is.\n"), ("user", "\t Why\u00a0? ")),
    turns(("user", "Is water wet?"), ("user", "Tell me.")),
    turns(("user", "Is water wet?"), ("assistant", "Yes."), ("system", "Now in French."),
          ("user", "Why?")),
    turns(("user", "How warm is it?"), ("assistant", "I look."), ("tool", "21 degrees"),
          ("tool", "{\"wind\": 3}"), ("user", "Thanks. And now?")),
    turns(("user", "Is water wet?"), ("assistant", "<think>\nHm.\n</think>\n\nYes."),
          ("user", "Why?")),
]


def normalised(text):
    """What a fingerprint is taken of; src/chat/known.c does the same."""
    text = text.rstrip(" \t\r\n")
    out, inside, quote, i = [], "", "", 0
    while i < len(text):
        c, after = text[i], text[i + 1:i + 2]
        step = 1
        if c == "\r" and after == "\n":
            pass
        elif inside and not quote and c in " \t\r\n":
            pass
        elif not out and c in " \t\r\n":
            pass
        elif c == "\\" and after in ("n", "t"):
            out.append({"n": "\n", "t": "\t"}[after])
            step = 2
        elif not inside and c == "{" and after in ("{", "%", "#"):
            inside = {"{": "}"}.get(after, after)
            out.append(c + after)
            step = 2
        elif inside and quote and c == "\\" and after:
            out.append(c + after)
            step = 2
        elif inside and quote:
            quote = "" if c == quote else quote
            out.append(c)
        elif inside and inside != "#" and c in "'\"":
            quote = c
            out.append(c)
        elif inside and c == inside and after == "}":
            inside = ""
            out.append(c + after)
            step = 2
        else:
            out.append(c)
        i += step
    return "".join(out)


def fingerprint(text):
    return hashlib.sha256(normalised(text).encode()).hexdigest()


class Refused(Exception):
    pass


def refuse(message):
    raise Refused(message)


def renderer(text):
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    environment.filters["tojson"] = lambda x, **_: json.dumps(x, ensure_ascii=False)
    environment.globals["raise_exception"] = refuse
    template = environment.from_string(text)
    return lambda messages: template.render(messages=messages, add_generation_prompt=True,
                                            bos_token="<s>", eos_token="</s>")


def alternates(messages):
    roles = [m["role"] for m in messages]
    roles = roles[1:] if roles[0] == "system" else roles
    return all(role == ("user", "assistant")[i % 2] for i, role in enumerate(roles))


def wanted(entry, render, messages):
    """The rendering without BOS; None where heta refuses the conversation."""
    flags, roles = entry["flags"], [m["role"] for m in messages]
    if "tool" in roles and ("U" in flags or entry["style"] not in ("qwen2", "qwen2.5", "qwen3")):
        return None
    if "A" in flags and not alternates(messages):
        return None
    if "N" in flags and "system" in roles:
        return None
    text = render(messages)
    if "B" in flags:
        assert text.startswith("<s>"), (entry["style"], text)
        text = text[3:]
    assert not text.startswith("<s>"), (entry["style"], text)
    return text


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("templates")
    parser.add_argument("--rows", action="store_true")
    arguments = parser.parse_args()
    entries = json.loads(pathlib.Path(arguments.templates).read_text(encoding="utf-8"))
    templates, texts, seen = [], [], {}
    for entry in sorted(entries, key=lambda e: (e["style"], fingerprint(e["text"]))):
        key = fingerprint(entry["text"])
        assert seen.setdefault(key, (entry["style"], entry["flags"])) == (
            entry["style"], entry["flags"]), entry["style"]
        if any(t["fingerprint"] == key for t in templates):
            continue
        render, renderings = renderer(entry["text"]), []
        for messages in CONVERSATIONS:
            text = wanted(entry, render, messages)
            if text is not None and text not in texts:
                texts.append(text)
            renderings.append(None if text is None else texts.index(text))
        templates.append({"fingerprint": key, "style": entry["style"], "bos": "B" in entry["flags"],
                          "renderings": renderings})
    if arguments.rows:
        for template in templates:
            flags = " | ".join(sorted(seen[template["fingerprint"]][1])) or "0"
            print(f'    {{"{template["fingerprint"]}", "{template["style"]}",\n     {flags}}},')
        return
    OUT.parent.mkdir(parents=True, exist_ok=True)
    parts = [f'"jinja2": {json.dumps(jinja2.__version__)}']
    for name, rows in (("conversations", CONVERSATIONS), ("texts", texts),
                       ("templates", templates)):
        lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
        parts.append(f'"{name}": [\n{lines}\n]')
    OUT.write_text("{" + ",\n".join(parts) + "}\n", encoding="utf-8")
    print(f"{OUT}: {len(templates)} templates, {len(texts)} texts")


if __name__ == "__main__":
    main()
