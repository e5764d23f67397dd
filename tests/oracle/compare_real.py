#!/usr/bin/env python3
"""compare_real.py: a real model in heta and in transformers, on ten texts.

    python tests/oracle/compare_real.py MODEL.gguf [--heta build/release/heta] [--float32]

heta forces the second part of each text and writes, for each of its tokens, log-probability,
entropy and the five likeliest candidates. transformers reads and dequantises the same file and runs
the same token ids in float64 (--float32: half the memory). Prints the largest differences, in nats.
What is written here is no test: the models are not part of the source.
"""
import argparse
import json
import pathlib
import subprocess

import torch
from transformers import AutoModelForCausalLM

from double import Double

TEXTS = [
    ('The capital of France is', ' Paris, and the capital of Italy is Rome.'),
    ('Water boils at one hundred degrees', ' Celsius at sea level, but lower on a mountain.'),
    ('def area(radius):\n    return', ' 3.14159 * radius ** 2\n\nprint(area(2.5))'),
    ('Die Zusammenfassung des Berichts', ' wurde gestern Abend veröffentlicht.'),
    ('1, 1, 2, 3, 5, 8,', ' 13, 21, 34, 55, 89'),
    ('She opened the letter, read it twice and', ' put it back without a word. "Not today," '
     'she said.'),
    ('Dear Sir or Madam,\n\nI am writing to', ' complain about the noise from the building site.'),
    ('{"name": "Ada", "born": 1815,', ' "field": "mathematics", "languages": ["en", "fr"]}'),
    ('Il pleut depuis ce matin, donc', ' nous restons à la maison et nous jouons aux cartes.'),
    ('Whales are mammals: they breathe', ' air, give birth to live young and nurse them with '
     'milk. 🐋'),
]


def by_heta(program, model, prompt, target):
    """The token ids of both parts, and the targets of the result."""
    out = subprocess.run(
        [program, 'attribute', '-m', model, '-p', prompt, '--target', target, '-a', 'uniform',
         '--format', 'json'], capture_output=True, check=True)
    result = json.loads(out.stdout)
    return [token['id'] for token in result['input']['tokens']], result['targets']


def load(path, kind):
    loaded = AutoModelForCausalLM.from_pretrained(
        path.parent, gguf_file=path.name, dtype=torch.float32, attn_implementation='eager')
    if kind is torch.float32:
        return loaded.eval()
    with Double():  # built anew, so that the rotary frequencies are float64 too
        model = AutoModelForCausalLM.from_config(
            loaded.config, attn_implementation='eager', dtype=kind).eval()
    weights = loaded.state_dict()
    del loaded
    for name, value in model.state_dict().items():
        value.copy_(weights[name])
    return model


def differences(logits, targets):
    """(log-probability, of the candidates, entropy): the largest of each."""
    most = [0.0, 0.0, 0.0]
    for target in targets:
        logprobs = torch.log_softmax(logits[target['position'] - 1].double(), -1)
        entropy = -(logprobs.exp() * logprobs).sum().item()
        top = [abs(one['logprob'] - logprobs[one['id']].item()) for one in target['top']]
        found = (abs(target['logprob'] - logprobs[target['id']].item()), max(top),
                 abs(target['entropy'] - entropy))
        most = [max(pair) for pair in zip(most, found)]
    return most


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('model', type=pathlib.Path, metavar='MODEL.gguf')
    parser.add_argument('--heta', default='build/release/heta', metavar='PROGRAM')
    parser.add_argument('--float32', action='store_true', help='run transformers in float32')
    arguments = parser.parse_args()
    kind = torch.float32 if arguments.float32 else torch.float64
    model = load(arguments.model, kind)
    every = []
    for prompt, target in TEXTS:
        ids, targets = by_heta(arguments.heta, arguments.model, prompt, target)
        with torch.no_grad():
            if kind is torch.float64:
                with Double():
                    logits = model(input_ids=torch.tensor([ids]), use_cache=False).logits[0]
            else:
                logits = model(input_ids=torch.tensor([ids]), use_cache=False).logits[0]
        every.append(differences(logits, targets))
        print(f'{len(ids)} tokens, {len(targets)} of them explained: '
              + ', '.join(f'{one:.1e}' for one in every[-1]), flush=True)
    names = ('log-probability', 'the five likeliest', 'entropy')
    print('largest: ' + ', '.join(f'{name} {max(column):.1e}'
                                  for name, column in zip(names, zip(*every))))


if __name__ == '__main__':
    main()
