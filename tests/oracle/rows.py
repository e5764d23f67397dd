"""rows.py: in which order a GGUF file has the rows that transformers has in another one.

Each function takes the data of a tensor (rows first; a bias is one column) and the specification of
the model.
"""
import numpy as np


def _pairs_together(count):
    """Of `count` heads of Q or K: transformers rotates element a of a head with element a + head/2;
    the file's order puts the two next to each other."""
    def reorder(rows, spec):
        pairs = rows.reshape(spec[count], 2, -1, *rows.shape[1:])
        return np.ascontiguousarray(pairs.swapaxes(1, 2).reshape(rows.shape))
    return reorder


def heads_apart(rows, spec):
    """GPT-NeoX keeps query, key and value of each head together; the file has all queries, then
    all keys, then all values."""
    parts = rows.reshape(spec['heads'], 3, -1, *rows.shape[1:])
    return np.ascontiguousarray(parts.swapaxes(0, 1).reshape(rows.shape))


def _transposed(matrix, spec):
    """GPT-2's own matrices are [input × output]."""
    return np.ascontiguousarray(matrix.T)


PAIRED = {'attn_q': _pairs_together('heads'), 'attn_k': _pairs_together('kv')}
CONV1D = {f'{name}.weight': _transposed
          for name in ('attn_qkv', 'attn_output', 'ffn_up', 'ffn_down')}
