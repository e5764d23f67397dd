"""models.py: the tiny models, one specification each.

A specification names its family (families.py) and sizes: width of the residual stream, layers,
heads, kv heads (default: heads), width of a head (default: width / heads), ffn; merges and text of
the tokenizer. `kinds` are the weight types of (embedding and output head, the blocks' matrices).
`folder` asks for a Hugging Face folder beside the file: its weight type, the bytes of a shard, and
what folder.py makes as published models have it.
"""
import numpy as np

from tiny import BF16, F16, F32, Q4_1, Q8_0

LLAMA3 = dict(rope_type='llama3', factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
              original_max_position_embeddings=1024)
NEW, OLD = dict(kind=F32), dict(kind=F32, old=True)

MODELS = {
    # Multi-head attention, tied output head; width 16, so that all 2^16 probes can be enumerated.
    'llama-mha': dict(family='llama', width=16, layers=2, heads=4, ffn=22, theta=10000.0, eps=1e-5,
                      tied=True, merges=3, text='the tin hat', exact=True),
    # Grouped queries, three layers, output head of its own.
    'llama-gqa': dict(family='llama', width=24, layers=3, heads=4, kv=2, ffn=38, theta=500000.0,
                      eps=1e-6, merges=5, text='then a hen hid', folder=NEW),
    # Multi-query, heads wider than width/heads, every bias, positions divided by 2.5.
    'llama-mqa-bias': dict(family='llama', width=36, layers=2, heads=6, kv=1, head=10, ffn=29,
                           theta=10000.0, eps=1e-5, attention_bias=True, mlp_bias=True, linear=2.5,
                           merges=7, text='dine in\na den', tied=True),
    # Llama 3's frequency factors; 16-bit weights.
    'llama-rope3-f16': dict(family='llama', width=32, layers=2, heads=4, kv=2, ffn=40,
                            theta=10000.0, eps=1e-5, llama3=LLAMA3, context=2048, kinds=(F16, F16),
                            merges=4, tied=True, text='né, the heat',
                            folder=dict(kind=F16, old=True)),
    # Attention biases only; bfloat16 weights.
    'llama-bf16': dict(family='llama', width=20, layers=3, heads=5, ffn=33, theta=1000000.0,
                       eps=1e-6, attention_bias=True, kinds=(BF16, BF16), merges=6,
                       text='in the end, tea'),
    # Block-quantised weights.
    'llama-q4_1': dict(family='llama', width=32, layers=2, heads=4, kv=2, ffn=64, theta=10000.0,
                       eps=1e-5, kinds=(Q8_0, Q4_1), merges=5, text='a hat in a tent'),
    # A window shorter than the text.
    'mistral': dict(family='mistral', width=24, layers=2, heads=4, kv=2, ffn=31, theta=10000.0,
                    eps=1e-5, window=4, kinds=(F16, F16), merges=6, text='the hen in the den',
                    folder=dict(kind=F16, old=True)),
    # The fourth layer does not rotate.
    'smollm3': dict(family='smollm3', width=16, layers=5, heads=4, kv=2, ffn=21, theta=5000000.0,
                    eps=1e-6, tied=True, merges=7, text='then a tan hat', folder=NEW),
    # Biases of query, key and value.
    'qwen2': dict(family='qwen2', width=20, layers=2, heads=5, kv=1, ffn=27, theta=1000000.0,
                  eps=1e-6, tied=True, kinds=(BF16, BF16), merges=6, text='dined in the hut',
                  folder=dict(kind=BF16)),
    # Norms of query and key, heads wider than width/heads.
    'qwen3': dict(family='qwen3', width=18, layers=3, heads=3, kv=1, head=10, ffn=25,
                  theta=1000000.0, eps=1e-6, merges=5, text='the dean at ten',
                  folder=dict(kind=F32, shard='30KB')),
    # YaRN: of eight pairs the first keeps its angle, the last three are divided by the factor.
    'qwen3-yarn': dict(family='qwen3', width=20, layers=2, heads=2, kv=1, head=16, ffn=23,
                       theta=100.0, eps=1e-6, merges=5, text='he ate in a tent',
                       yarn=dict(factor=4.0, original_max_position_embeddings=64),
                       folder=dict(kind=F32)),
    # Learned positions, fused matrices [input × output] in the folder.
    'gpt2': dict(family='gpt2', width=20, layers=3, heads=5, ffn=80, eps=1e-5, tied=True,
                 merges=7, text='in the tea, a hat', folder=dict(kind=F32, hub=True)),
    # Attention beside the MLP, rotary positions on part of each head, bias of the output head.
    'gptj': dict(family='gptj', width=24, layers=3, heads=3, rotary=6, ffn=42, eps=1e-5, merges=6,
                 text='then in a hat', folder=NEW),
    # The same with two norms and exact GELU; heads' queries, keys and values lie together.
    'gptneox': dict(family='gptneox', width=24, layers=2, heads=4, rotary=2, ffn=37, theta=10000.0,
                    eps=1e-5, parallel=True, kinds=(F16, F16), merges=5, text='a hind eats',
                    folder=dict(kind=F16, hub=True, old=True)),
    'gptneox-sequential': dict(family='gptneox', width=18, layers=3, heads=3, rotary=4, ffn=23,
                               theta=10000.0, eps=1e-6, parallel=False, merges=4,
                               text='then he ate', folder=NEW),
    # Learned positions from row 2 on, ReLU.
    'opt': dict(family='opt', width=20, layers=2, heads=4, ffn=35, eps=1e-5, tied=True, merges=6,
                text='tin in the shed', folder=NEW),
    # Attention and MLP side by side on one norm, biases everywhere.
    'phi2': dict(family='phi2', width=20, layers=2, heads=2, rotary=4, ffn=33, theta=10000.0,
                 eps=1e-5, merges=7, text='the end, in it', folder=OLD),
    # The same with query, key and value in one tensor.
    'phi2-fused': dict(family='phi2', width=16, layers=2, heads=4, kv=2, rotary=2, ffn=19,
                       theta=10000.0, eps=1e-5, fused=True, merges=5, text='the dent in it'),
    # Fused matrices, a window.
    'phi3': dict(family='phi3', width=24, layers=2, heads=4, kv=2, ffn=29, theta=10000.0, eps=1e-5,
                 window=5, merges=6, text='ten in a hut', folder=OLD),
    # Frequency factors for texts up to the original context, and beyond it.
    'phi3-short': dict(family='phi3', width=16, layers=2, heads=2, ffn=21, theta=10000.0, eps=1e-5,
                       original=32, context=256, short=[1.0, 1.125, 1.5, 2.25],
                       long=[1.0, 2.5, 7.0, 31.5], tied=True, merges=5, text='a hen in the heath',
                       folder=NEW),
    'phi3-long': dict(family='phi3', width=16, layers=2, heads=2, rotary=6, ffn=21, theta=10000.0,
                      eps=1e-5, original=8, short=[1.0, 1.125, 1.5], long=[1.25, 2.5, 7.0],
                      tied=True, merges=4, text='a hint, then hers', folder=OLD),
    # GeGLU, scaled embeddings, norm weights that the file keeps with 1 added.
    'gemma': dict(family='gemma', width=18, layers=2, heads=3, kv=1, head=8, ffn=31, theta=10000.0,
                  eps=1e-6, merges=6, text='the ant hid it', folder=NEW),
    # Four norms a block, capped scores and logits, windows on even layers.
    'gemma2': dict(family='gemma2', width=20, layers=3, heads=4, kv=2, head=6, scalar=6, ffn=27,
                   theta=10000.0, eps=1e-6, window=4, attention_cap=2.5, logit_cap=4.0, merges=7,
                   text='an inn in the east', folder=OLD),
    # Scores scaled by another number than the width of a head.
    'gemma2-scale': dict(family='gemma2', width=16, layers=2, heads=2, kv=1, head=6, scalar=16,
                         ffn=19, theta=10000.0, eps=1e-6, window=3, attention_cap=3.0,
                         logit_cap=5.0, merges=5, text='then he did it', folder=NEW),
    # Windows and another rotary base on all layers but every sixth, norms of query and key.
    'gemma3': dict(family='gemma3', width=16, layers=7, heads=2, kv=1, head=6, ffn=19,
                   theta=1000000.0, local_theta=10000.0, linear=8.0, eps=1e-6, window=4, merges=6,
                   text='a hand in the tin', folder=OLD),
}


def resolved(name, vocabulary_size):
    """A specification with everything in it that has a default."""
    spec = {'kv': MODELS[name]['heads'], 'context': 64, 'kinds': (F32, F32),
            'vocabulary': vocabulary_size, **MODELS[name]}
    spec.setdefault('head', spec['width'] // spec['heads'])
    spec.setdefault('rotary', spec['head'])
    spec['eps'] = float(np.float32(spec['eps']))  # as a file has it
    if 'long' in spec:
        factor = np.log(spec['context'] / spec['original']) / np.log(spec['original'])
        spec['attention_factor'] = float(np.float32(np.sqrt(1 + factor)))
    return spec
