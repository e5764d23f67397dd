#!/usr/bin/env python3
"""select_known.py: chooses 50 factual prompts of known_1000 by a rule that looks at text alone.

    python tests/oracle/select_known.py known_1000.json > tests/data/known_50/prompts.jsonl

A prompt qualifies when its subject stands in it exactly once, verbatim, and not at its beginning:
the first token of a text draws attention whatever it says, so evidence is looked for in the others.
Of those that qualify, the 50 whose prompts have the smallest SHA-256 are taken, in that order.
"""
import hashlib
import json
import sys

COUNT = 50


def main(path):
    with open(path, encoding='utf-8') as file:
        facts = json.load(file)
    chosen = [fact for fact in facts
              if fact['prompt'].count(fact['subject']) == 1
              and not fact['prompt'].startswith(fact['subject'])]
    chosen.sort(key=lambda fact: hashlib.sha256(fact['prompt'].encode('utf-8')).digest())
    print(f'{len(chosen)} of {len(facts)} prompts qualify', file=sys.stderr)
    for fact in chosen[:COUNT]:
        print(json.dumps({key: fact[key] for key in ('known_id', 'prompt', 'subject', 'attribute')},
                         ensure_ascii=False))


if __name__ == '__main__':
    sys.exit(main(sys.argv[1]) if len(sys.argv) == 2 else __doc__)
