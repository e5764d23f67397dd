#!/usr/bin/env python3
"""coded.py: the error of --estimator coded on known blocks, for several numbers of probes.

    python bench/coded.py BLOCKS.npz --model FILE.gguf [--trials 8] [--device cuda] [--batch 48]
    python bench/coded.py BLOCKS.npz --heta RESULT.json …

BLOCKS.npz is what dense_blocks.py wrote of the same model. Each trial draws new signs and codes and
takes the products of the whole context in float32, as heta does. For each number of
probes: the products of the whole context, what they cost in products per token (one is half a
context's rows in the mean), the root of the mean squared relative error over the trials at the
median token and at the 90th percentile of tokens, the bias at the median token, and how often
Student's interval holds the truth. With --heta FILE … the numbers are those of results that heta
wrote of the same text (--estimator coded, one seed each) instead.
"""
import argparse
import json

import numpy as np
import torch

from dense_blocks import Llama, products

CODES, APART, LEAST_STEPS = 8, 3, 10  # as in src/method/coded.c and shares.c
PROBES = (2, 4, 8, 16, 20)
STUDENT = {2: 12.71, 4: 3.18, 8: 2.36, 16: 2.13, 20: 2.09}  # two-sided 95 %, by the number of probes


def truth_of(blocks, d, generator):
    """S of each block: the mean over 8,000 random sign vectors."""
    found = []
    for flat in blocks:
        H = torch.zeros(d, d)
        H[tuple(np.triu_indices(d))] = torch.tensor(flat)
        H = H + H.T - torch.diag(torch.diag(H))
        signs = torch.randint(0, 2, (d, 8000), generator=generator).float() * 2 - 1
        found.append(float((H @ signs).abs().sum(0).mean()))
    return np.array(found)


def hadamard(size):
    matrix = torch.ones(1, 1)
    while len(matrix) < size:
        matrix = torch.cat([torch.cat([matrix, matrix], 1), torch.cat([matrix, -matrix], 1)], 0)
    return matrix


class Context:
    """Products of the Hessian of log P(target) after a context."""

    def __init__(self, model, ids, target, batch):
        self.model, self.batch, self.target = model, batch, target
        self.x = model.w['token_embd.weight'][torch.tensor(ids, device=model.device)].detach()

    def __call__(self, directions):
        out = torch.empty_like(directions)
        n = len(self.x)
        for first, _, product in products(self.model, self.x, 0, None, [n - 1], [self.target],
                                          directions, self.batch):
            out[first:first + len(product)] = product.detach().cpu()
        return out


def deal(n, generator):
    """Codes of one probe: any but those of the last few tokens."""
    code = []
    for i in range(n):
        left = [c for c in range(CODES) if c not in code[max(0, i - APART):]]
        code.append(left[int(torch.randint(len(left), (1,), generator=generator))])
    return torch.tensor(code)


def probe(context, tokens, generator):
    """One probe: its codes, and the size of what came to each token by each code."""
    n, d = context.x.shape
    matrix, code = hadamard(CODES), deal(n, generator)
    signs = torch.randint(0, 2, (n, d), generator=generator).float() * 2 - 1
    found = context(matrix[code].T[:, :, None] * signs)[:, tokens]
    return code.numpy(), torch.einsum('cg,gtd->tcd', matrix, found).abs().sum(-1).numpy() / CODES


def estimate(code, sizes, token):
    """S of a token and its standard error from codes [probes, n] and sizes [probes, CODES]."""
    count, n = code.shape
    square, at = sizes ** 2, np.arange(count)
    own = square[at, code[:, token]]
    distance = np.abs(np.arange(n) - token)
    share = np.where(distance, 1 / np.maximum(distance, 1), 0)
    share *= (square.sum() - own.sum()) / count * CODES / (CODES - 1) / share.sum()
    share[token] = own.mean()

    def predicted():
        return np.maximum([np.bincount(c, weights=share, minlength=CODES) for c in code], 1e-300)

    for _ in range(max(LEAST_STEPS, count)):
        guess = predicted()
        share = share * np.sqrt((square / guess ** 2)[at[:, None], code].sum(0) /
                                (1 / guess)[at[:, None], code].sum(0))
    part = share[token] / predicted()[at, code[:, token]]
    values = np.sqrt(own * part)
    moved = (own * (1 - part)).mean() / (2 * values.mean())
    return values.mean(), np.sqrt((values.var(ddof=1) + moved ** 2) / count)


def row(count, n, found, error, truth):
    off = np.array(found) / truth - 1
    rms, bias = np.sqrt(np.mean(np.square(off), 0)), np.mean(off, 0)
    held = np.mean(np.abs(np.array(found) - truth) <= STUDENT[count] * np.array(error))
    print(f'| {count} | {CODES * count} | {2 * CODES * count / n:.2f} | {np.median(rms):.3f} | '
          f'{np.percentile(rms, 90):.3f} | {np.median(bias):+.3f} | {held:.2f} |', flush=True)


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument('blocks')
    p.add_argument('--model')
    p.add_argument('--heta', nargs='+', metavar='FILE')
    p.add_argument('--trials', type=int, default=8)
    p.add_argument('--device', default='cpu')
    p.add_argument('--batch', type=int, default=48)
    a = p.parse_args()
    torch.backends.cuda.matmul.allow_tf32 = False
    z = np.load(a.blocks)
    generator = torch.Generator().manual_seed(1)
    truth = truth_of(z['blocks'][0], z['sketch'].shape[-1], generator)
    n, tokens = len(z['ids']), z['tokens'].astype(int)
    print('| probes | products of the context | per token | median | 90th | bias | t |')
    print('|---|---|---|---|---|---|---|')
    if a.heta:
        rows = [json.load(open(name))['attributions'][0]['rows'][0] for name in a.heta]
        row(int(rows[0]['probes'][0]), n, [np.array(r['components']['curvature'])[tokens] for r in rows],
            [np.array(r['se']['curvature'])[tokens] for r in rows], truth)
        return
    model = Llama(a.model, a.device)
    context = Context(model, [int(i) for i in z['ids']], int(z['targets'][0]), a.batch)
    runs = [[probe(context, tokens, generator) for _ in range(max(PROBES))] for _ in range(a.trials)]
    for count in PROBES:
        pairs = [[estimate(np.array([c for c, _ in run[:count]]),
                           np.array([size[k] for _, size in run[:count]]), int(token))
                  for k, token in enumerate(tokens)] for run in runs]
        row(count, n, [[m for m, _ in p] for p in pairs], [[e for _, e in p] for p in pairs], truth)


if __name__ == '__main__':
    main()
