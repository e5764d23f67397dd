#!/usr/bin/env python3
"""check_reference.py: the timed PyTorch reference against the float64 fixtures.

    python tests/oracle/check_reference.py [--model SmolLM2-135M-Instruct.Q4_1.gguf]

A benchmark that computes something else proves nothing: bench/reference_pytorch.py must give the
fixtures' gate, information and curvature to float32 accuracy, on tiny models without biases (which
transformers' GGUF reader does not load) and, with --model, on the real one. Exit status 1 if not.
"""
import argparse
import json
import pathlib
import sys

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / 'bench'))
import reference_pytorch as reference  # noqa: E402

TINY = ('llama-mha', 'llama-gqa', 'llama-q4_1')


def differences(path, target, ids, limit):
    """Prints the largest differences relative to the largest value; whether all are below limit."""
    model, good = reference.load(path), True
    zero = next(one for one in target['information'] if one['mask'] == 'zero')
    curvature = target['curvature']
    for definition in ('block', 'row'):
        got = reference.attribute(model, ids[:target['row'] + 1], target['id'], definition,
                                  curvature['probes'], curvature['seed'])
        pairs = {'M': (got['M'], target['gate']['headwise']), 'I': (got['I'], zero['kl']),
                 'delta': (got['delta'], zero['delta']),
                 'S': (got['S_samples'], curvature[definition])}
        errors = {name: np.abs(np.subtract(a, b)).max() / np.abs(b).max()
                  for name, (a, b) in pairs.items()}
        good &= all(error <= limit for error in errors.values())
        print(f'{path.stem}, row {target["row"]}, {definition}: '
              + ', '.join(f'{name} {error:.1e}' for name, error in errors.items()))
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--model', type=pathlib.Path, metavar='FILE.gguf')
    arguments = parser.parse_args()
    good, data = True, ROOT / 'tests' / 'data'
    for name in TINY:
        expected = json.loads((data / 'tiny' / f'{name}.json').read_text())
        for target in expected['targets']:
            good &= differences(data / 'tiny' / f'{name}.gguf', target, expected['ids'], 1e-4)
    if arguments.model:
        expected = json.loads((data / 'smollm2' / 'logits.json').read_text())['attribution']
        good &= differences(arguments.model, expected, expected['ids'], 1e-3)
    return 0 if good else 1


if __name__ == '__main__':
    sys.exit(main())
