"""families.py: every model family, as transformers has it and as a GGUF file has it.

A family says how a specification (models.py) becomes a transformers configuration, which module is
which tensor of the file, in which order the file's rows are, and which keys the file has. Names,
keys and orders are those of llama.cpp's converter; GPT-J and OPT, which it does not write, follow
the tables of the gguf package.
"""
from dataclasses import dataclass, field
from typing import Callable

import transformers

import configurations as config
import keys
import rows

# ---- Names: transformers' module -> the file's tensor --------------------------------------------

LLAMA_TOP = {'model.embed_tokens': 'token_embd', 'model.norm': 'output_norm', 'lm_head': 'output'}
LLAMA_BLOCK = {
    'input_layernorm': 'attn_norm', 'self_attn.q_proj': 'attn_q', 'self_attn.k_proj': 'attn_k',
    'self_attn.v_proj': 'attn_v', 'self_attn.o_proj': 'attn_output',
    'post_attention_layernorm': 'ffn_norm', 'mlp.gate_proj': 'ffn_gate', 'mlp.up_proj': 'ffn_up',
    'mlp.down_proj': 'ffn_down'}
QK_NORM = {'self_attn.q_norm': 'attn_q_norm', 'self_attn.k_norm': 'attn_k_norm'}
POST_NORMS = {
    'post_attention_layernorm': 'post_attention_norm', 'pre_feedforward_layernorm': 'ffn_norm',
    'post_feedforward_layernorm': 'post_ffw_norm'}
PHI3_BLOCK = {
    'input_layernorm': 'attn_norm', 'self_attn.qkv_proj': 'attn_qkv',
    'self_attn.o_proj': 'attn_output', 'post_attention_layernorm': 'ffn_norm',
    'mlp.gate_up_proj': 'ffn_up', 'mlp.down_proj': 'ffn_down'}
GPT_TOP = {'transformer.wte': 'token_embd', 'transformer.wpe': 'position_embd',
           'transformer.ln_f': 'output_norm', 'lm_head': 'output'}
GPT2_BLOCK = {
    'ln_1': 'attn_norm', 'attn.c_attn': 'attn_qkv', 'attn.c_proj': 'attn_output',
    'ln_2': 'ffn_norm', 'mlp.c_fc': 'ffn_up', 'mlp.c_proj': 'ffn_down'}
GPTJ_BLOCK = {
    'ln_1': 'attn_norm', 'attn.q_proj': 'attn_q', 'attn.k_proj': 'attn_k', 'attn.v_proj': 'attn_v',
    'attn.out_proj': 'attn_output', 'mlp.fc_in': 'ffn_up', 'mlp.fc_out': 'ffn_down'}
NEOX_TOP = {'gpt_neox.embed_in': 'token_embd', 'gpt_neox.final_layer_norm': 'output_norm',
            'lm_head': 'output'}
NEOX_BLOCK = {
    'input_layernorm': 'attn_norm', 'attention.query_key_value': 'attn_qkv',
    'attention.dense': 'attn_output', 'post_attention_layernorm': 'ffn_norm',
    'mlp.dense_h_to_4h': 'ffn_up', 'mlp.dense_4h_to_h': 'ffn_down'}
OPT_TOP = {'model.decoder.embed_tokens': 'token_embd', 'lm_head': 'output',
           'model.decoder.embed_positions': 'position_embd',
           'model.decoder.final_layer_norm': 'output_norm'}
OPT_BLOCK = {
    'self_attn_layer_norm': 'attn_norm', 'self_attn.q_proj': 'attn_q', 'self_attn.k_proj': 'attn_k',
    'self_attn.v_proj': 'attn_v', 'self_attn.out_proj': 'attn_output',
    'final_layer_norm': 'ffn_norm', 'fc1': 'ffn_up', 'fc2': 'ffn_down'}
PHI_TOP = {'model.embed_tokens': 'token_embd', 'model.final_layernorm': 'output_norm',
           'lm_head': 'output'}
PHI_BLOCK = {
    'input_layernorm': 'attn_norm', 'self_attn.q_proj': 'attn_q', 'self_attn.k_proj': 'attn_k',
    'self_attn.v_proj': 'attn_v', 'self_attn.dense': 'attn_output', 'mlp.fc1': 'ffn_up',
    'mlp.fc2': 'ffn_down'}


# ---- The values of the attention, for the gate: (rows, kv heads * head width) --------------------

def last_columns(out, spec):
    """Of a projection of the values alone, or of one that ends with them."""
    return out[:, -spec['kv'] * spec['head']:]


def third_of_each_head(out, spec):
    parts = out.reshape(len(out), spec['heads'], 3, spec['head'])
    return parts[:, :, 2].reshape(len(out), -1)


# ---- The table -----------------------------------------------------------------------------------

@dataclass(frozen=True)
class Family:
    architecture: str        # general.architecture
    kind: str                # transformers' configuration class without its ending
    keywords: Callable       # specification -> keywords of the configuration
    keys: Callable           # specification -> the file's keys, without the architecture's prefix
    top: dict
    block: dict
    blocks: str = 'model.layers'
    rows: dict = field(default_factory=dict)  # tensor -> function of (data, specification)
    value: str = 'self_attn.v_proj'
    out: str = 'self_attn.o_proj'
    values: Callable = last_columns
    norm_shift: float = 0.0  # what the file adds to norm weights
    scaled: bool = False     # embedding rows are multiplied by sqrt(width)
    mixed: bool = False      # windowed and global layers

    def configuration(self, spec, **more):
        return getattr(transformers, self.kind + 'Config')(**self.keywords(spec), **more)

    def names(self, layers):
        """transformers' module -> the file's tensor."""
        inside = {f'{self.blocks}.{k}.{module}': f'blk.{k}.{tensor}'
                  for k in range(layers) for module, tensor in self.block.items()}
        return {**self.top, **inside}

    def arrange(self, name, data, spec):
        """Tensor `name` with its rows in the file's order."""
        part, suffix = name.split('.')[-2:]
        order = self.rows.get(f'{part}.{suffix}') or self.rows.get(part)
        return order(data, spec) if order else data


GEMMA = dict(top=LLAMA_TOP, norm_shift=1.0, scaled=True)
FAMILIES = {
    'llama': Family('llama', 'Llama', config.llama, keys.llama, LLAMA_TOP, LLAMA_BLOCK,
                    rows=rows.PAIRED),
    'mistral': Family('llama', 'Mistral', config.mistral, keys.llama, LLAMA_TOP, LLAMA_BLOCK,
                      rows=rows.PAIRED),
    'smollm3': Family('smollm3', 'SmolLM3', config.smollm3, keys.llama, LLAMA_TOP, LLAMA_BLOCK,
                      rows=rows.PAIRED),
    'qwen2': Family('qwen2', 'Qwen2', config.qwen2, keys.qwen2, LLAMA_TOP, LLAMA_BLOCK),
    'qwen3': Family('qwen3', 'Qwen3', config.rotary, keys.qwen3, LLAMA_TOP,
                    {**LLAMA_BLOCK, **QK_NORM}),
    'gpt2': Family('gpt2', 'GPT2', config.gpt2, keys.gpt2, GPT_TOP, GPT2_BLOCK, rows=rows.CONV1D,
                   blocks='transformer.h', value='attn.c_attn', out='attn.c_proj'),
    'gptj': Family('gptj', 'GPTJ', config.gptj, keys.gptj, GPT_TOP, GPTJ_BLOCK,
                   blocks='transformer.h', value='attn.v_proj', out='attn.out_proj'),
    'gptneox': Family('gptneox', 'GPTNeoX', config.gptneox, keys.gptneox, NEOX_TOP, NEOX_BLOCK,
                      rows={'attn_qkv': rows.heads_apart}, blocks='gpt_neox.layers',
                      value='attention.query_key_value', out='attention.dense',
                      values=third_of_each_head),
    'opt': Family('opt', 'OPT', config.opt, keys.opt, OPT_TOP, OPT_BLOCK,
                  blocks='model.decoder.layers', out='self_attn.out_proj'),
    'phi2': Family('phi2', 'Phi', config.phi2, keys.phi2, PHI_TOP, PHI_BLOCK,
                   out='self_attn.dense'),
    'phi3': Family('phi3', 'Phi3', config.phi3, keys.phi3, LLAMA_TOP, PHI3_BLOCK,
                   value='self_attn.qkv_proj'),
    'gemma': Family('gemma', 'Gemma', config.gemma, keys.gemma, block=LLAMA_BLOCK, **GEMMA),
    'gemma2': Family('gemma2', 'Gemma2', config.gemma2, keys.gemma2,
                     block={**LLAMA_BLOCK, **POST_NORMS}, mixed=True, **GEMMA),
    'gemma3': Family('gemma3', 'Gemma3Text', config.gemma3, keys.gemma3,
                     block={**LLAMA_BLOCK, **QK_NORM, **POST_NORMS}, mixed=True, **GEMMA),
}
