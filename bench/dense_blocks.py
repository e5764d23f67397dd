#!/usr/bin/env python3
"""dense_blocks.py: whole blocks H_ii of a LLaMA model's Hessian, and a sketch: estimators' truth.

    python bench/dense_blocks.py --model FILE.gguf --ids IDS --out OUT.npz [--tokens 24]
        [--targets 1] [--sketch 48] [--device cuda] [--batch 48]

IDS are the context's tokens, separated by commas (heta tokenize --format json). For each of some
tokens spread over the context, the block of the second derivative of log P(the likeliest next
token) with respect to the token's own embedding, by one product per column, in float32. With
--targets T the context is continued greedily and each target has its blocks. The sketch is
the same tokens' rows of products with random signs on the whole context. Written are: tokens,
target ids, logprob, blocks [targets, tokens, d(d+1)/2] (upper triangles of the symmetric part),
asymmetry (largest difference from symmetry relative to the largest entry), sketch [targets,
columns, tokens, d] and the directions' own rows at these tokens.
"""
import argparse
import time

import gguf
import numpy as np
import torch
import torch.nn.functional as F


class Llama:
    """Forward pass over rows start... of a context whose earlier keys and values are given."""

    def __init__(self, path, device):
        reader = gguf.GGUFReader(path)
        field = {k: f.contents() for k, f in reader.fields.items() if k.startswith('llama.')}
        self.layers, self.d = field['llama.block_count'], field['llama.embedding_length']
        self.heads = field['llama.attention.head_count']
        self.kv = field.get('llama.attention.head_count_kv', self.heads)
        self.eps = field['llama.attention.layer_norm_rms_epsilon']
        self.base = field.get('llama.rope.freq_base', 10000.0)
        self.hw = self.d // self.heads
        self.w = {}
        for t in reader.tensors:
            values = gguf.quants.dequantize(t.data, t.tensor_type)
            shape = tuple(int(n) for n in reversed(t.shape))
            self.w[t.name] = torch.tensor(np.asarray(values, np.float32).reshape(shape),
                                          device=device)
        self.device = device

    def norm(self, x, name):
        scale = torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps)
        return x * scale * self.w[name]

    def rotate(self, x, position):
        """x [B, heads, rows, hw]; neighbours are a pair."""
        pairs = torch.arange(self.hw // 2, device=self.device, dtype=torch.float64)
        angle = position.double()[:, None] * self.base ** (-2 * pairs / self.hw)
        cos, sin = angle.cos().float(), angle.sin().float()
        a, b = x[..., 0::2], x[..., 1::2]
        return torch.stack([a * cos - b * sin, a * sin + b * cos], -1).flatten(-2)

    def __call__(self, x, start, cache=None):
        """x [B, rows, d] are embeddings of rows start...; cache [(k, v)] per layer of all rows.
        Returns the last residual and the cache of its own rows."""
        B, m, d = x.shape
        position = torch.arange(start, start + m, device=self.device)
        seen = torch.arange(start + m, device=self.device)[None] <= position[:, None]
        kept = []
        for layer in range(self.layers):
            name = f'blk.{layer}.'
            h = self.norm(x, name + 'attn_norm.weight')

            def split(which, heads):
                y = h @ self.w[name + which].T
                return y.view(B, m, heads, self.hw).transpose(1, 2)
            q = self.rotate(split('attn_q.weight', self.heads), position)
            k = self.rotate(split('attn_k.weight', self.kv), position)
            v = split('attn_v.weight', self.kv)
            kept.append((k, v))
            if start:
                k = torch.cat([cache[layer][0][:, :, :start].expand(B, -1, -1, -1), k], 2)
                v = torch.cat([cache[layer][1][:, :, :start].expand(B, -1, -1, -1), v], 2)
            k = k.repeat_interleave(self.heads // self.kv, 1)
            v = v.repeat_interleave(self.heads // self.kv, 1)
            score = q @ k.transpose(-1, -2) * self.hw ** -0.5
            a = torch.softmax(score.masked_fill(~seen, float('-inf')), -1)
            x = x + (a @ v).transpose(1, 2).reshape(B, m, d) @ self.w[name + 'attn_output.weight'].T
            h = self.norm(x, name + 'ffn_norm.weight')
            up = F.silu(h @ self.w[name + 'ffn_gate.weight'].T) * (h @ self.w[name + 'ffn_up.weight'].T)
            x = x + up @ self.w[name + 'ffn_down.weight'].T
        return x, kept

    def logprobs(self, x):
        head = self.w.get('output.weight', self.w['token_embd.weight'])
        return torch.log_softmax(self.norm(x, 'output_norm.weight') @ head.T, -1)


def gradients(model, x, start, cache, rows, ids):
    """The gradient of each target's log-probability with respect to x, with its own graph."""
    hidden, _ = model(x, start, cache)
    found = []
    for row, token in zip(rows, ids):
        value = model.logprobs(hidden[:, row - start])[:, token].sum()
        found.append(torch.autograd.grad(value, x, create_graph=True)[0])
    return found


def products(model, x, start, cache, rows, ids, directions, batch):
    """H v for many v [count, m, d] at one point x [m, d]: a generator of (first, target, H v)."""
    for part in range(0, len(directions), batch):
        v = directions[part:part + batch].to(x.device)
        point = x.expand(len(v), -1, -1).clone().requires_grad_(True)
        for t, g in enumerate(gradients(model, point, start, cache, rows, ids)):
            yield part, t, torch.autograd.grad(g, point, v, retain_graph=t + 1 < len(ids))[0]


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument('--model', required=True)
    p.add_argument('--ids', required=True)
    p.add_argument('--out', required=True)
    p.add_argument('--tokens', type=int, default=24)
    p.add_argument('--targets', type=int, default=1)
    p.add_argument('--sketch', type=int, default=48)
    p.add_argument('--batch', type=int, default=48)
    p.add_argument('--device', default='cpu')
    a = p.parse_args()
    torch.backends.cuda.matmul.allow_tf32 = False
    begun = time.time()
    model = Llama(a.model, a.device)
    print(f'{time.time() - begun:.1f} s: loaded', flush=True)
    ids = [int(i) for i in a.ids.split(',')]
    n = len(ids)
    targets, logprob = [], []
    with torch.no_grad():
        for _ in range(a.targets):
            x = model.w['token_embd.weight'][torch.tensor(ids + targets, device=a.device)]
            hidden, cache = model(x[None], 0)
            last = model.logprobs(hidden[:, -1])[0]
            targets.append(int(last.argmax()))
            logprob.append(float(last.max()))
    x = x.detach()
    rows = [n - 1 + t for t in range(a.targets)]
    tokens = [k * (n - 1) // max(1, a.tokens - 1) for k in range(a.tokens)]
    d, T = model.d, a.targets
    upper = torch.triu_indices(d, d, device=a.device)
    blocks = np.zeros((T, len(tokens), d * (d + 1) // 2), np.float32)
    asymmetry = np.zeros((T, len(tokens)))
    for k, i in enumerate(tokens):
        full = torch.zeros(T, d, d, device=a.device)
        eye = torch.zeros(d, len(x) - i, d)
        eye[torch.arange(d), 0, torch.arange(d)] = 1
        for first, t, hv in products(model, x[i:], i, cache, rows, targets, eye, a.batch):
            full[t, first:first + len(hv)] = hv[:, 0]
        even = (full + full.transpose(1, 2)) / 2
        for t in range(T):
            asymmetry[t, k] = float((full[t] - even[t]).abs().max() / full[t].abs().max())
            blocks[t, k] = even[t][upper[0], upper[1]].cpu().numpy()
        print(f'{time.time() - begun:.1f} s: token {i}, asymmetry {asymmetry[:, k].max():.1e}',
              flush=True)
    generator = torch.Generator().manual_seed(1)
    signs = torch.randint(0, 2, (a.sketch, len(x), d), generator=generator).float() * 2 - 1
    sketch = np.zeros((T, a.sketch, len(tokens), d), np.float32)
    for first, t, hv in products(model, x, 0, None, rows, targets, signs, a.batch // 2 or 1):
        sketch[t, first:first + len(hv)] = hv[:, tokens].cpu().numpy()
    print(f'{time.time() - begun:.1f} s: sketch', flush=True)
    np.savez(a.out, tokens=tokens, ids=ids, targets=targets, logprob=logprob,
             blocks=blocks, asymmetry=asymmetry, sketch=sketch,
             directions=signs[:, tokens].numpy().astype(np.int8))


if __name__ == '__main__':
    main()
