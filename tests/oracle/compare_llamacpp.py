#!/usr/bin/env python3
"""compare_llamacpp.py: a real model in heta and in llama.cpp: the five likeliest next tokens.

    python tests/oracle/compare_llamacpp.py MODEL.gguf [--heta build/release/heta]

Needs the package xllamacpp (and torch for the texts of compare_real.py). Prints, in nats, the
largest and the mean difference of the log-probabilities of heta's five likeliest tokens after each
text, and how often the likeliest is another one. llama.cpp rounds activations to 8 bits before it
multiplies them with quantised weights, heta does not: the difference is that rounding.
"""
import argparse
import json
import os
import subprocess

import xllamacpp

from compare_real import TEXTS


def by_heta(program, model, text):
    """The token ids and the first target's candidates."""
    out = subprocess.run([program, 'attribute', '-m', model, '-p', text, '-a', 'uniform', '-q',
                          '--format', 'json'], check=True, stdout=subprocess.PIPE)
    result = json.loads(out.stdout)
    ids = [token['id'] for token in result['input']['tokens']]
    return ids[:result['targets'][0]['position']], result['targets'][0]['top']


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('model')
    parser.add_argument('--heta', default='build/release/heta')
    arguments = parser.parse_args()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # llama.cpp's log
    parameters = xllamacpp.CommonParams()
    parameters.model.path = arguments.model
    parameters.n_ctx, parameters.warmup = 512, False
    server = xllamacpp.Server(parameters)
    differences, other, silent = [], 0, 0
    texts = [text for prompt, rest in TEXTS for text in (prompt, prompt + rest)]
    for text in texts:
        ids, top = by_heta(arguments.heta, arguments.model, text)
        answer = server.handle_completions({'prompt': ids, 'n_predict': 1, 'n_probs': 100,
                                            'temperature': -1, 'cache_prompt': False})
        said = answer['choices'][0]['logprobs']
        if not said:  # it wrote half a character, and says nothing of its probability
            silent += 1
            continue
        found = {one['id']: one['logprob'] for one in said['content'][0]['top_logprobs']}
        other += max(found, key=found.get) != top[0]['id']
        differences += [abs(found[one['id']] - one['logprob']) for one in top if one['id'] in found]
    print(f'{len(texts) - silent} texts: largest {max(differences):.2g}, mean '
          f'{sum(differences) / len(differences):.2g} nats; another first choice {other} times')


if __name__ == '__main__':
    main()
