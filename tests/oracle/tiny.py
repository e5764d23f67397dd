"""tiny.py: what the scripts that make tiny models share: random weights and the command line."""
import argparse
import pathlib

import gguf
import numpy as np
import torch

import container

F32, F16, BF16, Q8_0, Q4_1 = (gguf.GGMLQuantizationType[name]
                              for name in ('F32', 'F16', 'BF16', 'Q8_0', 'Q4_1'))
FOLDER = pathlib.Path(__file__).parent.parent / 'data' / 'tiny'


def generator(name):
    """The random numbers of a model, a function of its name."""
    return np.random.default_rng(sum(name.encode()))


def random_weight(name, shape, rng):
    """Large enough that attention is uneven and curvature is not negligible. The shape is that of
    the file: [output × input]."""
    if name.endswith('norm.weight'):
        return 1.0 + 0.2 * rng.standard_normal(shape)
    if name.endswith('.bias'):
        return 0.3 * rng.standard_normal(shape)
    scale = 0.8 if name == 'token_embd.weight' else 1.4 / np.sqrt(shape[-1])
    return scale * rng.standard_normal(shape)


def fill(model, names, rng, kinds, arrange, grain=F32, norm_shift=0.0):
    """Gives every parameter of the model random values that the file can hold exactly, and returns
    the file's tensors {name: (bytes, kind)}. names: the model's module -> the file's tensor; kinds:
    weight types of (embedding and output head, the blocks' matrices); arrange: row order; grain:
    type that every value must fit; norm_shift: what the file adds to the model's norm weights."""
    tensors, state = {}, {}
    for parameter_name, parameter in model.named_parameters():
        stem, suffix = parameter_name.rsplit('.', 1)
        name = f'{names[stem]}.{suffix}'
        values = random_weight(name, tuple(parameter.shape), rng).astype(np.float32)
        values = container.stored(values, grain)[1]
        shift = norm_shift if name.endswith('norm.weight') else 0.0
        if shift:  # in [0.5, 2), so that the difference is exact
            values = np.clip(values, np.float32(0.5), np.float32(1.9))
        kind = F32 if values.ndim == 1 else kinds[name.startswith('blk.')]
        data, exact = container.stored(values, kind)
        state[parameter_name] = torch.tensor(exact, dtype=torch.float64) - shift
        tensors[name] = (arrange(name, data), kind)
    model.load_state_dict(state, strict=False)  # a tied head is a second name of the embedding
    model.requires_grad_(False)
    return tensors


def main(summary, models, make, folder=FOLDER):
    """make(name, folder) for each model named on the command line, default all."""
    parser = argparse.ArgumentParser(description=summary)
    parser.add_argument('--out', type=pathlib.Path, default=folder, metavar='FOLDER')
    parser.add_argument('names', nargs='*', metavar='NAME', help='of ' + ', '.join(models))
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(models)
    if unknown:
        parser.error(f'no model is called {", ".join(sorted(unknown))}; choose from '
                     + ', '.join(models))
    torch.set_num_threads(1)
    for name in arguments.names or models:
        make(name, arguments.out)
        print(name, flush=True)
