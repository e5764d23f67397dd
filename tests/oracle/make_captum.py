#!/usr/bin/env python3
"""make_captum.py: integrated gradients and input times gradient by Captum, on tiny models.

    python tests/oracle/make_captum.py          (torch 2.13.0, captum 0.9.0, transformers, gguf)

Writes tests/data/methods/captum.json; its README explains it.
"""
import torch
from captum.attr import InputXGradient, IntegratedGradients

import container
import fixture
import tiny
from families import FAMILIES
from make_families import build, subject_of
from make_methods import CHOSEN, FOLDER
from models import MODELS, resolved

RULES = {'midpoint': 'riemann_middle', 'left': 'riemann_left', 'right': 'riemann_right',
         'gauss-legendre': 'gausslegendre'}
STEPS = 6


def make(name):
    rng, vocabulary = tiny.generator(name), container.Vocabulary(MODELS[name]['merges'])
    spec = resolved(name, len(vocabulary.tokens))
    family = FAMILIES[spec['family']]
    model, _ = build(family, spec, vocabulary, rng)
    subject = subject_of(family, model, spec)
    ids = vocabulary.encode(spec['text'])
    y = int(rng.integers(len(vocabulary.tokens)))
    X = subject.embedding[torch.tensor(ids)]

    def logprob(batch):
        return torch.stack([torch.log_softmax(subject.run(rows)[-1], -1)[y] for rows in batch])
    cases = [{'method': 'input-x-gradient', 'options': None, 'foil': -1,
              'signed': InputXGradient(logprob).attribute(X[None])[0].sum(1).tolist()}]
    for ours, theirs in RULES.items():
        parts = IntegratedGradients(logprob).attribute(
            X[None], torch.zeros_like(X)[None], n_steps=STEPS, method=theirs)[0]
        cases.append({'method': 'ig', 'options': f'steps={STEPS} rule={ours}', 'foil': -1,
                      'signed': parts.sum(1).tolist()})
        cases.append({'method': 'ig', 'options': f'steps={STEPS} rule={ours} reduction=norm',
                      'foil': -1, 'score': parts.norm(dim=1).tolist()})
    return {'model': name, 'id': y, 'cases': cases}


if __name__ == '__main__':
    torch.set_num_threads(1)
    fixture.write(FOLDER / 'captum.json', {'models': [make(name) for name in CHOSEN[:3]]})
