#!/usr/bin/env python3
"""make_families.py: tiny random models as GGUF files and Hugging Face folders, with fixtures.

    python tests/oracle/make_families.py [--out tests/data/tiny] [NAME ...]

The weights are random, rounded to what the file stores; transformers' own model classes compute the
fixture from exactly those values in float64. Specifications: models.py; how a family is written:
families.py. The JSON keys are explained in tests/data/tiny/README.md. The same versions
(scripts/oracle-venv.sh) write the same bytes again.
"""
import numpy as np
import torch
from transformers import AutoModelForCausalLM

import container
import fixture
import folder
import measure
import tiny
from double import Double
from families import FAMILIES
from models import MODELS, resolved


def build(family, spec, vocabulary, rng):
    """The model in float64, and the file's tensors {name: (bytes, kind)} that hold its weights."""
    configuration = family.configuration(
        spec, vocab_size=len(vocabulary.tokens), bos_token_id=vocabulary.begin,
        eos_token_id=vocabulary.end, pad_token_id=None, attn_implementation='eager')
    with Double():
        model = AutoModelForCausalLM.from_config(configuration).double().eval()
    for module in model.modules():
        if isinstance(module, torch.nn.LayerNorm):
            module.eps = spec['eps']  # OPT's configuration does not name it
    grain = spec['folder']['kind'] if 'folder' in spec else tiny.F32
    tensors = tiny.fill(model, family.names(spec['layers']), rng, spec['kinds'],
                        lambda name, data: family.arrange(name, data, spec), grain,
                        family.norm_shift)
    if spec.get('fused'):
        fuse(tensors, spec['layers'])
    if 'llama3' in spec:
        tensors['rope_freqs.weight'] = (frequency_factors(model.model.rotary_emb, spec), tiny.F32)
    for length in ('long', 'short'):
        if length in spec:
            factors = np.array(spec[length], dtype=np.float32)
            assert factors.tolist() == spec[length]
            tensors[f'rope_factors_{length}.weight'] = (factors, tiny.F32)
    return model, tensors


def fuse(tensors, layers):
    """Puts query, key and value of each layer below each other, as one tensor."""
    for k in range(layers):
        for suffix in ('weight', 'bias'):
            parts = [tensors.pop(f'blk.{k}.attn_{part}.{suffix}') for part in 'qkv']
            tensors[f'blk.{k}.attn_qkv.{suffix}'] = (
                np.concatenate([data for data, _ in parts]), parts[0][1])


def frequency_factors(rotary, spec):
    """Llama 3's frequency factors as the file has them; the model then uses these rounded ones."""
    plain = spec['theta'] ** -(torch.arange(0, spec['head'], 2).double() / spec['head'])
    factors = (plain / rotary.inv_freq).numpy().astype(np.float32)
    rotary.inv_freq = plain / torch.tensor(factors).double()
    return factors


def subject_of(family, model, spec):
    """The model as measure.py sees it: where values and output matrices are, what a row sees."""
    layers = model.get_submodule(family.blocks)
    out = [layer.get_submodule(family.out) for layer in layers]
    transposed = family.rows.get('attn_output.weight') is not None
    return measure.Subject(
        model, [layer.get_submodule(family.value) for layer in layers],
        lambda value: family.values(value, spec),
        [one.weight.detach().T if transposed else one.weight.detach() for one in out],
        spec['heads'], spec['kv'], spec['head'], window=spec.get('window'), mixed=family.mixed,
        scale=spec['width'] ** 0.5 if family.scaled else 1.0)


def make(name, target):
    rng, vocabulary = tiny.generator(name), container.Vocabulary(MODELS[name]['merges'])
    spec = resolved(name, len(vocabulary.tokens))
    family = FAMILIES[spec['family']]
    model, tensors = build(family, spec, vocabulary, rng)
    subject = subject_of(family, model, spec)
    measure.check_as_called(subject, vocabulary.encode(spec['text']))
    container.write(target / f'{name}.gguf', family.architecture, family.keys(spec), tensors,
                    vocabulary)
    if 'folder' in spec:
        folder.write(target / name, model, spec, vocabulary)
    fixture.write(target / f'{name}.json', measure.document(
        subject, f'{name}.gguf', vocabulary, spec['text'], rng, spec.get('exact', False)))


if __name__ == '__main__':
    tiny.main(__doc__.splitlines()[0], MODELS, make)
