#!/usr/bin/env python3
"""coded.py: the error of --estimator coded on known blocks, for several codes and probes.

    python bench/coded.py BLOCKS.npz --model FILE.gguf [--trials 8] [--device cuda] [--batch 48]

BLOCKS.npz is what dense_blocks.py wrote of the same model. Each trial draws new signs and codes and
takes the products of the whole context in float32, as heta does. For each number of codes and
probes: the products of the whole context, what they cost in products per token (one is half a
context's rows in the mean), the root of the mean squared relative error over the trials at the
median token and at the 90th percentile of tokens, and the bias at the median token.
"""
import argparse

import numpy as np
import torch

from dense_blocks import Llama, products

CASES = [(2, 32), (4, 32), (8, 16), (16, 8)]  # codes, probes; also the first half, and a quarter


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


def probes(context, codes, count, tokens, generator):
    """Sums of absolute values of coded and of single products: [count, tokens] each."""
    n, d = context.x.shape
    matrix = hadamard(codes)
    coded, whole = np.zeros((count, len(tokens))), np.zeros((count, len(tokens)))
    for p in range(count):
        code = torch.empty(n, dtype=torch.long)
        code[torch.randperm(n, generator=generator)] = torch.arange(n) % codes
        signs = torch.randint(0, 2, (n, d), generator=generator).float() * 2 - 1
        weight = matrix[code].T[:, :, None]  # [codes, n, 1]
        found = context(weight * signs)
        coded[p] = (found * weight).mean(0)[tokens].abs().sum(-1).numpy()
        whole[p] = found[:, tokens].abs().sum(-1).mean(0).numpy()
    return coded, whole


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument('blocks')
    p.add_argument('--model', required=True)
    p.add_argument('--trials', type=int, default=8)
    p.add_argument('--device', default='cpu')
    p.add_argument('--batch', type=int, default=48)
    a = p.parse_args()
    torch.backends.cuda.matmul.allow_tf32 = False
    z = np.load(a.blocks)
    generator = torch.Generator().manual_seed(1)
    model = Llama(a.model, a.device)
    truth = truth_of(z['blocks'][0], model.d, generator)
    context = Context(model, [int(i) for i in z['ids']], int(z['targets'][0]), a.batch)
    n, tokens = len(z['ids']), z['tokens'].astype(int)
    print('| codes | probes | products of the context | per token | median | 90th | bias |')
    print('|---|---|---|---|---|---|---|')
    for codes, most in CASES:
        chance = (n / codes - 1) / (n - 1)
        runs = [probes(context, codes, most, tokens, generator) for _ in range(a.trials)]
        for count in (most // 4, most // 2, most):
            error = []
            for coded, whole in runs:
                square = coded[:count].mean(0) ** 2 - chance * whole[:count].mean(0) ** 2
                error.append(np.sqrt(np.maximum(square, 0) / (1 - chance)) / truth - 1)
            rms, bias = np.sqrt(np.mean(np.square(error), 0)), np.mean(error, 0)
            print(f'| {codes} | {count} | {codes * count} | {2 * codes * count / n:.2f} | '
                  f'{np.median(rms):.3f} | {np.percentile(rms, 90):.3f} | {np.median(bias):+.3f} |',
                  flush=True)


if __name__ == '__main__':
    main()
