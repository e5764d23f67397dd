#!/usr/bin/env python3
"""check.py: reads tiny models back from their GGUF files and compares with the fixtures.

    python tests/oracle/check.py [FILE.gguf ...]

An independent reading: numpy and the file's own words only, rotary pairs side by side, no
transformers. It proves that file and fixture describe the same model (row order of Q and K, biases,
frequency factors, weight types), which the fixtures alone cannot. Exit status 1 on a difference.
"""
import json
import pathlib
import sys

import gguf
import numpy as np


class File:
    """Metadata by key without the architecture's prefix, tensors as float64."""

    def __init__(self, path):
        reader = gguf.GGUFReader(path)
        fields = {key: field.contents() for key, field in reader.fields.items()}
        self.architecture = fields['general.architecture']
        self.fields = {key.removeprefix(self.architecture + '.'): v for key, v in fields.items()}
        self.tensors = {
            t.name: gguf.quants.dequantize(t.data, t.tensor_type)
            .reshape([int(n) for n in t.shape[::-1]]).astype(np.float64) for t in reader.tensors}

    def linear(self, name, x):
        """x W' + b."""
        y = x @ self.tensors[name + '.weight'].T
        return y + self.tensors.get(name + '.bias', 0.0)


def rotate(x, frequencies):
    """Rotary positions on x (n, heads, width): pair a of a head is elements 2a, 2a + 1."""
    angle = np.outer(np.arange(len(x)), frequencies)[:, None, :]
    rotated = 2 * len(frequencies)
    even, odd = x[..., 0:rotated:2], x[..., 1:rotated:2]
    y = x.copy()
    y[..., 0:rotated:2] = even * np.cos(angle) - odd * np.sin(angle)
    y[..., 1:rotated:2] = even * np.sin(angle) + odd * np.cos(angle)
    return y


def attention(file, k, x):
    heads = int(file.fields['attention.head_count'])
    kv = int(file.fields.get('attention.head_count_kv', heads))
    turned = int(file.fields['rope.dimension_count'])
    base = float(file.fields.get('rope.freq_base', 1e4))
    frequencies = base ** -(np.arange(0, turned, 2) / turned)
    frequencies /= file.tensors.get('rope_freqs.weight', 1.0)
    frequencies /= float(file.fields.get('rope.scaling.factor', 1.0))
    n = len(x)
    q, key, v = (file.linear(f'blk.{k}.attn_{part}', x).reshape(n, count, -1)
                 for part, count in (('q', heads), ('k', kv), ('v', kv)))
    q, key = rotate(q, frequencies), rotate(key, frequencies)
    mixed = []
    for h in range(heads):
        scores = q[:, h] @ key[:, h * kv // heads].T / np.sqrt(q.shape[-1])
        scores[np.triu_indices(n, 1)] = -np.inf
        window = int(file.fields.get('attention.sliding_window', n))
        scores[np.tril_indices(n, -window)] = -np.inf
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        mixed.append(weights / weights.sum(-1, keepdims=True) @ v[:, h * kv // heads])
    return file.linear(f'blk.{k}.attn_output', np.concatenate(mixed, -1))


def rms_norm(file, name, x):
    eps = float(file.fields['attention.layer_norm_rms_epsilon'])
    scale = 1 / np.sqrt(np.square(x).mean(-1, keepdims=True) + eps)
    return x * scale * file.tensors[name + '.weight']


def llama(file, x):
    for k in range(int(file.fields['block_count'])):
        x = x + attention(file, k, rms_norm(file, f'blk.{k}.attn_norm', x))
        y = rms_norm(file, f'blk.{k}.ffn_norm', x)
        gate = file.linear(f'blk.{k}.ffn_gate', y)
        x = x + file.linear(f'blk.{k}.ffn_down',
                            gate / (1 + np.exp(-gate)) * file.linear(f'blk.{k}.ffn_up', y))
    return rms_norm(file, 'output_norm', x)


def layer_norm(file, name, x):
    x = x - x.mean(-1, keepdims=True)
    x = x / np.sqrt(np.square(x).mean(-1, keepdims=True)
                    + float(file.fields['attention.layer_norm_epsilon']))
    return x * file.tensors[name + '.weight'] + file.tensors[name + '.bias']


def gptj(file, x):
    for k in range(int(file.fields['block_count'])):
        y = layer_norm(file, f'blk.{k}.attn_norm', x)
        up = file.linear(f'blk.{k}.ffn_up', y)
        gelu = 0.5 * up * (1 + np.tanh(np.sqrt(2 / np.pi) * (up + 0.044715 * up ** 3)))
        x = x + attention(file, k, y) + file.linear(f'blk.{k}.ffn_down', gelu)
    return layer_norm(file, 'output_norm', x)


FAMILIES = {'llama': llama, 'gptj': gptj}


def main():
    folder = pathlib.Path(__file__).parent.parent / 'data' / 'tiny'
    paths = [pathlib.Path(p) for p in sys.argv[1:]] or sorted(folder.glob('*.gguf'))
    failed = False
    for path in paths:
        file, expected = File(path), json.loads(path.with_suffix('.json').read_text())
        if file.architecture not in FAMILIES:
            print(f'{path.name}: {file.architecture} is not read here')
            continue
        x = FAMILIES[file.architecture](file, file.tensors['token_embd.weight'][expected['ids']])
        head = 'output' if 'output.weight' in file.tensors else 'token_embd'
        logits = file.linear(head, x)
        error = max(np.abs(logits[row['row']] - row['values']).max() for row in expected['logits'])
        failed |= not error <= 1e-11 * np.abs(logits).max()
        print(f'{path.name}: largest logit difference {error:.2g}')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
