#!/usr/bin/env python3
"""check_transformers.py: transformers' own readers on the tiny models' files and folders.

    python tests/oracle/check_transformers.py [NAME ...]

Prints, for each model, the largest difference from the fixture's logits, relative to the largest
logit, when transformers
    reads the GGUF file by itself, configuration and weights ("file"), or, where its reader lacks a
        key of the family, the weights alone, under the folder's configuration ("weights"),
    reads the folder ("folder").
The weights read are float32 and run in float64. A reader that refuses the family is named with its
reason. Exit status 1 where folder or weights differ by more than 1e-7; a file may, since the
reader passes over keys (caps, frequency factors, biases of the llama family).
"""
import json
import sys
import warnings

import torch
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.utils import logging

import tiny
from double import Double
from models import MODELS

LIMIT = 1e-7


def in_double(loaded):
    """The same weights in a model built in float64, with float64 rotary frequencies."""
    with Double():
        model = AutoModelForCausalLM.from_config(
            loaded.config, attn_implementation='eager', dtype=torch.float64).eval()
    model.load_state_dict({name: value.double() for name, value in loaded.state_dict().items()})
    return model


def difference(loaded, expected):
    with torch.no_grad(), Double():
        ids = torch.tensor([expected['ids']])
        logits = in_double(loaded)(input_ids=ids, use_cache=False).logits[0]
    wanted = torch.tensor([row['values'] for row in expected['logits']], dtype=torch.float64)
    found = logits[[row['row'] for row in expected['logits']]]
    return ((found - wanted).abs().max() / wanted.abs().max()).item()


def read_file(name, config=None):
    return AutoModelForCausalLM.from_pretrained(
        tiny.FOLDER, gguf_file=f'{name}.gguf', config=config, dtype=torch.float32)


def read_weights(name):
    return read_file(name, AutoConfig.from_pretrained(tiny.FOLDER / name))


def read_folder(name):
    return AutoModelForCausalLM.from_pretrained(tiny.FOLDER / name, dtype=torch.float32)


def attempt(read, name, expected):
    """(how it went, whether it is as it should be)."""
    try:
        found = difference(read(name), expected)
    except Exception as error:  # whatever a reader says of what it does not know
        return f'no: {" ".join(str(error).split())[:90]}', None
    return f'{found:.1e}', found <= LIMIT


def main():
    warnings.simplefilter('ignore')
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    torch.set_num_threads(1)
    good = True
    for name in sys.argv[1:] or MODELS:
        expected = json.loads((tiny.FOLDER / f'{name}.json').read_text())
        has_folder = (tiny.FOLDER / name).is_dir()
        for way, read in (('file', read_file), ('weights', read_weights), ('folder', read_folder)):
            if way != 'file' and not has_folder:
                continue
            said, ok = attempt(read, name, expected)
            good &= ok is not False or way == 'file'
            print(f'{name}: {way}: {said}', flush=True)
    return 0 if good else 1


if __name__ == '__main__':
    sys.exit(main())
