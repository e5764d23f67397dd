#!/usr/bin/env python3
"""make_gptj.py: a tiny random GPT-J model as a GGUF file, with its float64 fixture.

    python tests/oracle/make_gptj.py [--out tests/data/tiny] [NAME ...]

Attention and MLP side by side on one LayerNorm with bias, rotary positions on part of each head
(neighbouring elements make a pair, as transformers' GPTJForCausalLM has them: the file's rows are
in the model's own order), GELU by tanh, biases in MLP and output head. Keys of the fixture:
tests/data/tiny/README.md.
"""
import numpy as np
from transformers import GPTJConfig, GPTJForCausalLM

import container
import fixture
import measure
import tiny
from double import Double

MODELS = {
    'gptj': dict(width=24, layers=3, heads=3, rotary=6, ffn=42, eps=1e-5, merges=6,
                 text='then in a hat'),
}


def names(layers):
    """transformers' module -> the file's tensor."""
    out = {'transformer.wte': 'token_embd', 'transformer.ln_f': 'output_norm', 'lm_head': 'output'}
    block = {'ln_1': 'attn_norm', 'attn.q_proj': 'attn_q', 'attn.k_proj': 'attn_k',
             'attn.v_proj': 'attn_v', 'attn.out_proj': 'attn_output', 'mlp.fc_in': 'ffn_up',
             'mlp.fc_out': 'ffn_down'}
    for k in range(layers):
        out.update({f'transformer.h.{k}.{a}': f'blk.{k}.{b}' for a, b in block.items()})
    return out


def make(name, spec, folder):
    rng, vocabulary = tiny.generator(name), container.Vocabulary(spec['merges'])
    config = GPTJConfig(
        vocab_size=len(vocabulary.tokens), n_positions=64, n_embd=spec['width'],
        n_layer=spec['layers'], n_head=spec['heads'], rotary_dim=spec['rotary'],
        n_inner=spec['ffn'], activation_function='gelu_new', resid_pdrop=0.0, embd_pdrop=0.0,
        attn_pdrop=0.0, layer_norm_epsilon=float(np.float32(spec['eps'])),  # as the file has it
        bos_token_id=vocabulary.begin, eos_token_id=vocabulary.end, attn_implementation='eager')
    with Double():
        model = GPTJForCausalLM(config).double().eval()
    tensors = tiny.fill(model, names(spec['layers']), rng)
    fields = {
        'vocab_size': len(vocabulary.tokens), 'context_length': 64, 'block_count': spec['layers'],
        'embedding_length': spec['width'], 'feed_forward_length': spec['ffn'],
        'attention.head_count': spec['heads'], 'attention.layer_norm_epsilon': spec['eps'],
        'rope.dimension_count': spec['rotary'],
    }
    container.write(folder / f'{name}.gguf', 'gptj', fields, tensors, vocabulary)
    attention = [(block.attn.v_proj, block.attn.out_proj) for block in model.transformer.h]
    subject = measure.Subject(model, attention, spec['heads'], spec['heads'],
                              spec['width'] // spec['heads'])
    fixture.write(folder / f'{name}.json', measure.document(
        subject, f'{name}.gguf', vocabulary, spec['text'], rng))


if __name__ == '__main__':
    tiny.main(__doc__.splitlines()[0], MODELS, make)
