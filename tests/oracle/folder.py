"""folder.py: writes a tiny model as a Hugging Face folder, as models lie on the hub.

transformers writes the folder; two things that its present version would write otherwise than most
published models have them are then put back: `hub` names and buffers of the weights, `old` spelling
of the configuration (transformers 4).
"""
import copy
import json
import shutil

import torch
from safetensors.torch import load_file, save_file
from transformers.utils import logging

from tiny import BF16, F16, F32

TORCH = {F32: torch.float32, F16: torch.float16, BF16: torch.bfloat16}
logging.disable_progress_bar()


def gpt2_hub(weights, spec):
    """Names without the model's own, and the causal mask as a tensor of each layer."""
    out = {name.removeprefix('transformer.'): value for name, value in weights.items()}
    mask = torch.ones(spec['context'], spec['context']).tril()[None, None]
    for k in range(spec['layers']):
        out[f'h.{k}.attn.bias'] = mask.clone()
    return out


def gptneox_hub(weights, spec):
    """Mask, masked score and rotary frequencies as tensors of each layer."""
    out = dict(weights)
    mask = torch.ones(spec['context'], spec['context'], dtype=torch.uint8).tril()[None, None]
    exponent = torch.arange(0, spec['rotary'], 2) / spec['rotary']
    for k in range(spec['layers']):
        layer = f'gpt_neox.layers.{k}.attention'
        out[f'{layer}.bias'] = mask.clone()
        out[f'{layer}.masked_bias'] = torch.tensor(-1e4, dtype=torch.float16)
        out[f'{layer}.rotary_emb.inv_freq'] = (spec['theta'] ** -exponent).half()
    return out


HUB = {'gpt2': gpt2_hub, 'gptneox': gptneox_hub}


def old_spelling(config, family):
    """A configuration as transformers 4 wrote it."""
    out = {key: value for key, value in config.items() if key != 'transformers_version'}
    out['torch_dtype'] = out.pop('dtype')
    rope = out.pop('rope_parameters')
    if 'full_attention' in rope:
        out['rope_local_base_freq'] = rope['sliding_attention']['rope_theta']
        out['sliding_window_pattern'] = out.pop('_sliding_window_pattern')
        del out['layer_types']
        rope = rope['full_attention']
    names = {'rope_theta': 'rope_theta', 'partial_rotary_factor': 'partial_rotary_factor'}
    if family == 'gptneox':
        names = {'rope_theta': 'rotary_emb_base', 'partial_rotary_factor': 'rotary_pct'}
    out.update({name: rope.pop(key) for key, name in names.items() if key in rope})
    if rope['rope_type'] == 'longrope':  # the factor follows from the two lengths
        rope = {'type': 'longrope', 'short_factor': rope['short_factor'],
                'long_factor': rope['long_factor']}
    out['rope_scaling'] = None if rope == {'rope_type': 'default'} else rope
    return dict(sorted(out.items()))


def write(path, model, spec, vocabulary):
    """config.json, model.safetensors (or shards with an index), tokenizer.json."""
    wanted, weights = spec['folder'], path / 'model.safetensors'
    shutil.rmtree(path, ignore_errors=True)
    copy.deepcopy(model).to(TORCH[wanted['kind']]).save_pretrained(
        path, max_shard_size=wanted.get('shard', '1GB'))
    (path / 'generation_config.json').unlink(missing_ok=True)
    if wanted.get('hub'):
        save_file(HUB[spec['family']](load_file(weights), spec), weights, {'format': 'pt'})
    if wanted.get('old'):
        config = json.loads((path / 'config.json').read_text())
        text = json.dumps(old_spelling(config, spec['family']), indent=2)
        (path / 'config.json').write_text(text + '\n')
    for file in path.glob('*.safetensors'):
        file.chmod(0o644)
    vocabulary.save(path)
