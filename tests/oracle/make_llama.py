#!/usr/bin/env python3
"""make_llama.py: tiny random LLaMA models as GGUF files, each with its float64 fixture.

    python tests/oracle/make_llama.py [--out tests/data/tiny] [NAME ...]

The weights are random, rounded to what the file stores; transformers' LlamaForCausalLM computes the
fixture from exactly those values in float64. Tensor names, the order of the rows of Q and K, and
rope_freqs.weight follow llama.cpp's converter. The JSON keys are explained in
tests/data/tiny/README.md. The same versions (scripts/oracle-venv.sh) write the same bytes again.
"""
import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM

import container
import fixture
import measure
import tiny
from double import Double
from tiny import BF16, F16, F32, Q4_1, Q8_0

# head: width of one head; kinds: weight types of (embedding and output head, other matrices).
MODELS = {
    # Multi-head attention, tied output head; width 16, so that all 2^16 probes can be enumerated.
    'llama-mha': dict(width=16, layers=2, heads=4, kv=4, head=4, ffn=22, theta=10000.0, eps=1e-5,
                      tied=True, merges=3, text='the tin hat', exact=True),
    # Grouped queries, three layers, output head of its own.
    'llama-gqa': dict(width=24, layers=3, heads=4, kv=2, head=6, ffn=38, theta=500000.0, eps=1e-6,
                      merges=5, text='then a hen hid'),
    # Multi-query, heads wider than width/heads, every bias, positions divided by 2.5.
    'llama-mqa-bias': dict(width=36, layers=2, heads=6, kv=1, head=10, ffn=29, theta=10000.0,
                           eps=1e-5, attention_bias=True, mlp_bias=True, linear=2.5, merges=7,
                           text='dine in\na den', tied=True),
    # Llama 3's frequency factors; 16-bit weights.
    'llama-rope3-f16': dict(width=32, layers=2, heads=4, kv=2, head=8, ffn=40, theta=10000.0,
                            eps=1e-5, llama3=True, context=2048, kinds=(F16, F16), merges=4,
                            tied=True, text='né, the heat'),
    # Attention biases only; bfloat16 weights.
    'llama-bf16': dict(width=20, layers=3, heads=5, kv=5, head=4, ffn=33, theta=1000000.0, eps=1e-6,
                       attention_bias=True, kinds=(BF16, BF16), merges=6, text='in the end, tea'),
    # Block-quantised weights.
    'llama-q4_1': dict(width=32, layers=2, heads=4, kv=2, head=8, ffn=64, theta=10000.0, eps=1e-5,
                       kinds=(Q8_0, Q4_1), merges=5, text='a hat in a tent'),
}

LLAMA3 = dict(rope_type='llama3', factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
              original_max_position_embeddings=1024)


def to_interleaved(rows, heads):
    """Reorders the rows of Q or K (weight or bias): transformers rotates element a of a head with
    element a + head/2; the file's order puts the two next to each other."""
    pairs = rows.reshape(heads, 2, -1, *rows.shape[1:])
    return np.ascontiguousarray(pairs.swapaxes(1, 2).reshape(rows.shape))


def names(layers):
    """transformers' parameter name -> the file's tensor name."""
    out = {'model.embed_tokens': 'token_embd', 'model.norm': 'output_norm', 'lm_head': 'output'}
    block = {'input_layernorm': 'attn_norm', 'self_attn.q_proj': 'attn_q',
             'self_attn.k_proj': 'attn_k', 'self_attn.v_proj': 'attn_v',
             'self_attn.o_proj': 'attn_output', 'post_attention_layernorm': 'ffn_norm',
             'mlp.gate_proj': 'ffn_gate', 'mlp.up_proj': 'ffn_up', 'mlp.down_proj': 'ffn_down'}
    for k in range(layers):
        out.update({f'model.layers.{k}.{a}': f'blk.{k}.{b}' for a, b in block.items()})
    return out


def build(spec, vocabulary, rng):
    """The model in float64, and the file's tensors {name: (bytes, kind)} that hold its weights."""
    rope = {'rope_type': 'default'}
    if 'linear' in spec:
        rope = {'rope_type': 'linear', 'factor': spec['linear']}
    if spec.get('llama3'):
        rope = dict(LLAMA3)
    config = LlamaConfig(
        vocab_size=len(vocabulary.tokens), hidden_size=spec['width'],
        intermediate_size=spec['ffn'], num_hidden_layers=spec['layers'],
        num_attention_heads=spec['heads'], num_key_value_heads=spec['kv'], head_dim=spec['head'],
        max_position_embeddings=spec.get('context', 64),
        rms_norm_eps=float(np.float32(spec['eps'])),  # as the file has it
        rope_parameters=dict(rope, rope_theta=spec['theta']),
        attention_bias=spec.get('attention_bias', False), mlp_bias=spec.get('mlp_bias', False),
        tie_word_embeddings=spec.get('tied', False), attn_implementation='eager')
    with Double():
        model = LlamaForCausalLM(config).double().eval()

    def rearrange(name, data):
        heads = {'attn_q': spec['heads'], 'attn_k': spec['kv']}.get(name.split('.')[-2])
        return to_interleaved(data, heads) if heads else data
    tensors = tiny.fill(model, names(spec['layers']), rng, spec.get('kinds', (F32, F32)), rearrange)
    rotary = model.model.rotary_emb
    if spec.get('llama3'):
        plain = spec['theta'] ** -(torch.arange(0, spec['head'], 2).double() / spec['head'])
        factors = (plain / rotary.inv_freq).numpy().astype(np.float32)
        tensors['rope_freqs.weight'] = (factors, F32)
        rotary.inv_freq = plain / torch.tensor(factors).double()  # the rounded factors count
    assert rotary.inv_freq.dtype == torch.float64
    return model, tensors


def fields(spec, vocabulary):
    out = {
        'vocab_size': len(vocabulary.tokens), 'context_length': spec.get('context', 64),
        'block_count': spec['layers'],
        'embedding_length': spec['width'], 'feed_forward_length': spec['ffn'],
        'attention.head_count': spec['heads'], 'attention.head_count_kv': spec['kv'],
        'attention.layer_norm_rms_epsilon': spec['eps'],
        'rope.dimension_count': spec['head'], 'rope.freq_base': spec['theta'],
    }
    if spec['head'] * spec['heads'] != spec['width']:
        out.update({'attention.key_length': spec['head'], 'attention.value_length': spec['head']})
    if 'linear' in spec:
        out.update({'rope.scaling.type': 'linear', 'rope.scaling.factor': spec['linear']})
    return out


def make(name, spec, folder):
    rng = tiny.generator(name)
    vocabulary = container.Vocabulary(spec['merges'])
    model, tensors = build(spec, vocabulary, rng)
    container.write(folder / f'{name}.gguf', 'llama', fields(spec, vocabulary), tensors, vocabulary)
    attention = [(layer.self_attn.v_proj, layer.self_attn.o_proj) for layer in model.model.layers]
    subject = measure.Subject(model, attention, spec['heads'], spec['kv'], spec['head'])
    fixture.write(folder / f'{name}.json', measure.document(
        subject, f'{name}.gguf', vocabulary, spec['text'], rng, spec.get('exact', False)))


if __name__ == '__main__':
    tiny.main(__doc__.splitlines()[0], MODELS, make)
