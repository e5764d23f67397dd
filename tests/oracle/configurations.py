"""configurations.py: the keywords of a family's transformers configuration."""


def _common(spec):
    """What most families call by the same names."""
    return {'hidden_size': spec['width'], 'intermediate_size': spec['ffn'],
            'num_hidden_layers': spec['layers'], 'num_attention_heads': spec['heads'],
            'max_position_embeddings': spec['context'],
            'tie_word_embeddings': spec.get('tied', False)}


def _rope(spec):
    if 'llama3' in spec:
        return spec['llama3']
    if 'linear' in spec:
        return {'rope_type': 'linear', 'factor': spec['linear']}
    if 'yarn' in spec:
        return {'rope_type': 'yarn', **spec['yarn']}
    return {'rope_type': 'default'}


def rotary(spec):
    return {**_common(spec), 'num_key_value_heads': spec['kv'], 'head_dim': spec['head'],
            'rms_norm_eps': spec['eps'],
            'rope_parameters': {**_rope(spec), 'rope_theta': spec['theta']}}


def llama(spec):
    return {**rotary(spec), 'attention_bias': spec.get('attention_bias', False),
            'mlp_bias': spec.get('mlp_bias', False)}


def smollm3(spec):
    out = rotary(spec)
    del out['head_dim']  # always width / heads
    return out


qwen2 = smollm3


def mistral(spec):
    return {**rotary(spec), 'sliding_window': spec['window']}


def gpt2(spec):
    return {'n_positions': spec['context'], 'n_embd': spec['width'], 'n_layer': spec['layers'],
            'n_head': spec['heads'], 'n_inner': spec['ffn'], 'activation_function': 'gelu_new',
            'resid_pdrop': 0.0, 'embd_pdrop': 0.0, 'attn_pdrop': 0.0,
            'layer_norm_epsilon': spec['eps'], 'tie_word_embeddings': spec.get('tied', False)}


def gptj(spec):
    return {**gpt2(spec), 'rotary_dim': spec['rotary']}


def _partial(spec):
    """Rotary positions on part of each head."""
    return {'rope_type': 'default', 'rope_theta': spec['theta'],
            'partial_rotary_factor': spec['rotary'] / spec['head']}


def gptneox(spec):
    return {**_common(spec), 'hidden_act': 'gelu', 'layer_norm_eps': spec['eps'],
            'use_parallel_residual': spec['parallel'], 'rope_parameters': _partial(spec)}


def opt(spec):
    return {'hidden_size': spec['width'], 'ffn_dim': spec['ffn'],
            'num_hidden_layers': spec['layers'], 'num_attention_heads': spec['heads'],
            'max_position_embeddings': spec['context'], 'word_embed_proj_dim': spec['width'],
            'activation_function': 'relu', 'dropout': 0.0,
            'tie_word_embeddings': spec.get('tied', False)}


def phi2(spec):
    return {**_common(spec), 'num_key_value_heads': spec['kv'], 'hidden_act': 'gelu_new',
            'layer_norm_eps': spec['eps'], 'rope_parameters': _partial(spec)}


def phi3(spec):
    out = {**_common(spec), 'num_key_value_heads': spec['kv'], 'rms_norm_eps': spec['eps'],
           'rope_parameters': _partial(spec), 'sliding_window': spec.get('window')}
    if 'long' in spec:
        out['original_max_position_embeddings'] = spec['original']
        out['rope_parameters'].update(
            rope_type='longrope', short_factor=spec['short'], long_factor=spec['long'],
            original_max_position_embeddings=spec['original'],
            attention_factor=spec['attention_factor'])
    return out


def gemma(spec):
    return {**rotary(spec), 'tie_word_embeddings': True}


def gemma2(spec):
    return {**gemma(spec), 'sliding_window': spec['window'],
            'query_pre_attn_scalar': spec['scalar'],
            'attn_logit_softcapping': spec['attention_cap'],
            'final_logit_softcapping': spec['logit_cap']}


def gemma3(spec):
    local = {'rope_type': 'default', 'rope_theta': spec['local_theta']}
    whole = {**_rope(spec), 'rope_theta': spec['theta']}
    return {**gemma(spec), 'sliding_window': spec['window'],
            'query_pre_attn_scalar': spec['head'],
            'rope_parameters': {'full_attention': whole, 'sliding_attention': local}}
