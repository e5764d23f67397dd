#!/usr/bin/env python3
"""make_methods.py: what the methods must score on tiny models.

    python tests/oracle/make_methods.py [--out tests/data/methods] [NAME ...]

The models are those of make_families.py; methods.py has the definitions; the keys are explained in
tests/data/methods/README.md.
"""
import pathlib

import torch

import container
import fixture
import measure
import methods
import tiny
from families import FAMILIES
from make_families import build, subject_of
from models import MODELS, resolved

# Grouped queries; LayerNorm, learned positions, biases; attention beside the MLP; a window; capped
# scores and logits, norms behind attention and MLP, scaled embeddings; norms of query and key.
CHOSEN = ['llama-gqa', 'gpt2', 'gptj', 'mistral', 'gemma2', 'qwen3']
FOLDER = pathlib.Path(__file__).parent.parent / 'data' / 'methods'


def flows(family, subject, layers, X, y_row):
    """FlashTrace of the last token, of the last three tokens as a span, and of y read as input."""
    outs = [layer.get_submodule(family.out) for layer in layers]
    post = [layer.get_submodule('post_attention_layernorm') for layer in layers
            if family.block.get('post_attention_layernorm') == 'post_attention_norm']
    n = len(X)
    parts = methods.attention_parts(subject, X, layers, outs, post)
    yield None, 1, methods.flashtrace(*parts, n, [n - 1])
    rows = [n - 3, n - 2, n - 1]  # rows that predict the targets at n-2, n-1 and n
    for hops, answer in ((0, 0), (1, 0), (2, 0), (0, 1), (2, 1)):
        yield f'flow=span hops={hops} answer={answer}', 3, \
            methods.flashtrace(*parts, n - 2, rows, hops, answer)
    parts = methods.attention_parts(subject, torch.cat([X, y_row[None]]), layers, outs, post)
    yield 'sink=target', 1, methods.flashtrace(*parts, n, [n])[:n]
    yield 'flow=span sink=target hops=1', 3, \
        methods.flashtrace(*parts, n - 2, [n - 2, n - 1, n], 1)[:n]


def cases(subject, layers, ids, y, foil, eos):
    """(method, options, foil or None, which numbers, values)."""
    X = subject.embedding[torch.tensor(ids)]
    end = subject.embedding[eos].expand_as(X)
    mean = X.mean(0).expand_as(X)

    def ig(**options):
        return methods.integrated_gradients(subject, X, y, **options)
    yield 'ig', 'steps=7', None, 'signed', ig(foil=None, steps=7)
    yield 'ig', 'steps=6 rule=gauss-legendre objective=prob reduction=norm', None, 'score', \
        ig(foil=None, steps=6, rule='gauss-legendre', kind='prob', norm=True)
    yield 'ig', 'steps=5 rule=trapezoid baseline=eos', None, 'signed', \
        ig(foil=None, steps=5, rule='trapezoid', baseline=end)
    yield 'ig', 'steps=4 rule=grid baseline=mean objective=logit', foil, 'signed', \
        ig(foil=foil, steps=4, rule='grid', baseline=mean, kind='logit')
    yield 'ig', 'steps=3 rule=right objective=logit-prob', None, 'signed', \
        ig(foil=None, steps=3, rule='right', kind='logit-prob')
    yield 'ig', 'steps=3 rule=left baseline=mean', foil, 'signed', \
        ig(foil=foil, steps=3, rule='left', baseline=mean)
    for options, against, more in (
            ('steps=3 neighbours=12', None, dict(steps=3, near=12)),
            ('steps=4 neighbours=7 strategy=maxcount upscale=1 objective=logit', foil,
             dict(steps=4, near=7, count=True, upscale=1, kind='logit')),
            ('steps=6 neighbours=2', None, dict(steps=6, near=2))):
        yield 'dig', options + ' keep=none baseline=eos', against, 'signed', \
            methods.discretized_gradients(subject, ids, y, against, eos, **more)
    for layer in (0, 1):
        yield 'grad-cam', f'layer={layer}', None, 'signed', \
            methods.grad_cam(subject, layers, X, y, None, layer)
    yield 'grad-cam', 'layer=1 objective=logprob', foil, 'signed', \
        methods.grad_cam(subject, layers, X, y, foil, 1, 'logprob')
    parts, maps, _ = methods.sent(subject, X, layers)
    yield 'attention-last', None, None, 'score', methods.attention(maps, -1)
    yield 'attention-last', 'layer=0', None, 'score', methods.attention(maps, 0)
    yield 'value-norms', None, None, 'score', methods.value_norms(parts, False)
    yield 'value-norms', 'aggregate=rollout', None, 'score', methods.value_norms(parts, True)
    for options, more in (('threshold=none', {}), ('threshold=none query=predicting centre=mean',
                                                   dict(query='predicting', centre=True)),
                          ('threshold=none centre=mean window=1 anchors=2',
                           dict(centre=True, window=1, anchors=2))):
        like = methods.peering(subject, layers, X, subject.embedding[y], len(layers) // 2, **more)
        yield 'peering', options, None, 'score', like.clamp(min=0)
    like = methods.peering(subject, layers, X, subject.embedding[y], len(layers))
    yield 'peering', f'layer={len(layers)}', None, 'score', \
        (like - methods.median(like)).clamp(min=0)
    for against in (None, foil):
        forward = methods.tdd_forward(subject, X, y, against)
        backward = methods.tdd_backward(subject, X, y, against)
        yield 'tdd-forward', None, against, 'signed', forward
        yield 'tdd-backward', None, against, 'signed', backward
        yield 'tdd-both', None, against, 'signed', (forward + backward) / 2
    yield 'progressive-sp', None, None, 'signed', methods.tdd_forward(subject, X, y, None)
    yield 'tdd-backward', 'first=keep', None, 'signed', \
        methods.tdd_backward(subject, X, y, None, keep=True)


def make(name, target):
    rng, vocabulary = tiny.generator(name), container.Vocabulary(MODELS[name]['merges'])
    spec = resolved(name, len(vocabulary.tokens))
    family = FAMILIES[spec['family']]
    model, _ = build(family, spec, vocabulary, rng)
    subject = subject_of(family, model, spec)
    ids = vocabulary.encode(spec['text'])
    measure.check_as_called(subject, ids)
    y, foil = int(rng.integers(len(vocabulary.tokens))), int(rng.integers(len(vocabulary.tokens)))
    layers = model.get_submodule(family.blocks)
    made = []
    for method, options, against, which, values in cases(subject, layers, ids, y, foil,
                                                         vocabulary.end):
        made.append({'method': method, 'options': options,
                     'foil': -1 if against is None else against, which: values.tolist()})
    X = subject.embedding[torch.tensor(ids)]
    for options, targets, values in flows(family, subject, layers, X, subject.embedding[y]):
        made.append({'method': 'flashtrace', 'options': options, 'foil': -1, 'targets': targets,
                     'score': values.tolist()})
    fixture.write(target / f'{name}.json', {'model': name, 'id': y, 'cases': made})


if __name__ == '__main__':
    tiny.main(__doc__.splitlines()[0], CHOSEN, make, FOLDER)
