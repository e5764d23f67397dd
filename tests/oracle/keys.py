"""keys.py: the keys of a family's GGUF file, without the architecture's prefix."""

RMS, LAYER = 'attention.layer_norm_rms_epsilon', 'attention.layer_norm_epsilon'


def _base(spec, epsilon, grouped=False):
    kv = {'attention.head_count_kv': spec['kv']} if grouped else {}
    return {'context_length': spec['context'], 'block_count': spec['layers'],
            'embedding_length': spec['width'], 'feed_forward_length': spec['ffn'],
            'attention.head_count': spec['heads'], **kv, epsilon: spec['eps']}


def _grouped(spec, epsilon=RMS):
    return _base(spec, epsilon, grouped=True)


def _head(spec):
    return {'attention.key_length': spec['head'], 'attention.value_length': spec['head']}


def _linear(spec):
    if 'linear' not in spec:
        return {}
    return {'rope.scaling.type': 'linear', 'rope.scaling.factor': spec['linear']}


def llama(spec):
    wide = spec['head'] * spec['heads'] != spec['width']
    window = {'attention.sliding_window': spec['window']} if 'window' in spec else {}
    return {'vocab_size': spec['vocabulary'], **_grouped(spec),
            'rope.dimension_count': spec['head'], 'rope.freq_base': spec['theta'],
            **(_head(spec) if wide else {}), **_linear(spec), **window}


def qwen2(spec):
    return {**_grouped(spec), 'rope.freq_base': spec['theta']}


def _yarn(spec):
    if 'yarn' not in spec:
        return {}
    return {'rope.scaling.type': 'yarn', 'rope.scaling.factor': spec['yarn']['factor'],
            'rope.scaling.original_context_length':
                spec['yarn']['original_max_position_embeddings']}


def qwen3(spec):
    return {**qwen2(spec), **_head(spec), **_yarn(spec)}


def gpt2(spec):
    return _base(spec, LAYER)


def gptj(spec):
    return {'vocab_size': spec['vocabulary'], **_base(spec, LAYER),
            'rope.dimension_count': spec['rotary']}


def gptneox(spec):
    return {**_base(spec, LAYER), 'rope.dimension_count': spec['rotary'],
            'use_parallel_residual': spec['parallel']}


def opt(spec):
    return {'vocab_size': spec['vocabulary'], **_base(spec, LAYER)}


def phi2(spec):
    return {**_grouped(spec, LAYER), 'rope.dimension_count': spec['rotary']}


def phi3(spec):
    out = {**_grouped(spec), 'rope.dimension_count': spec['rotary'],
           'rope.freq_base': spec['theta'],
           'rope.scaling.original_context_length': spec.get('original', spec['context']),
           'attention.sliding_window': spec.get('window', 0)}
    if 'long' in spec:
        out['rope.scaling.attn_factor'] = spec['attention_factor']
    return out


def gemma(spec):
    return {**_grouped(spec), **_head(spec)}


def gemma2(spec):
    out = {**gemma(spec), 'attn_logit_softcapping': spec['attention_cap'],
           'final_logit_softcapping': spec['logit_cap'],
           'attention.sliding_window': spec['window']}
    if spec['scalar'] != spec['head']:
        out['attention.scale'] = spec['scalar'] ** -0.5
    return out


def gemma3(spec):
    return {**gemma(spec), 'rope.freq_base': spec['theta'],
            'attention.sliding_window': spec['window'], **_linear(spec)}
