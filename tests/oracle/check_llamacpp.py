#!/usr/bin/env python3
"""check_llamacpp.py: llama.cpp itself on the tiny models' GGUF files.

    python tests/oracle/check_llamacpp.py [NAME ...]      (needs the package xllamacpp)

Prints, for each model, the largest difference of the log-probabilities of the last row from the
fixture's. llama.cpp computes in single precision, takes GELU from a table of half-precision
numbers, also where GPT-NeoX has the exact one, and rounds activations to the type of the weights:
up to 0.02 is agreement, up to 0.1 with weights of less than 16 bits or BF16. What it leaves out or
decides otherwise is listed below with the reason, and must differ. Exit status 1 if not so.
"""
import json
import os
import pathlib
import sys
import tempfile

import numpy as np
import xllamacpp

FOLDER = pathlib.Path(__file__).parent.parent / 'data' / 'tiny'
LIMIT, COARSE_LIMIT = 0.02, 0.1
COARSE = ('llama-bf16', 'llama-q4_1', 'qwen2')
PLAIN = 83  # a token of one letter: a half character would not be answered for
OTHERWISE = {
    'gptj': 'it has no such architecture',
    'opt': 'it has no such architecture',
    'mistral': 'it does not read the window of the llama architecture',
    'phi3': 'it does not use the window of this architecture',
    'phi3-short': 'its context, 256 at least, is above the original one: long factors',
    'gemma2-scale': 'it does not read the scale of this architecture',
}


def copy_of(name, folder):
    """The file under a neutral name: of a model called phi3 it expects that one's tokens."""
    data = (FOLDER / f'{name}.gguf').read_bytes()
    at = data.index(b'general.name') + len(b'general.name') + 4 + 8
    assert data[at:at + len(name)] == name.encode()
    path = pathlib.Path(folder) / 'model.gguf'
    path.write_bytes(data[:at] + b'x' * len(name) + data[at + len(name):])
    return path


def server(path):
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(path)
    parameters.n_ctx, parameters.warmup, parameters.cpuparams.n_threads = 64, False, 1
    parameters.cache_type_k = parameters.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
    parameters.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    return xllamacpp.Server(parameters)


def difference(name):
    expected = json.loads((FOLDER / f'{name}.json').read_text())
    with tempfile.TemporaryDirectory() as folder:
        answer = server(copy_of(name, folder)).handle_completions({
            'prompt': expected['ids'], 'n_predict': 1, 'n_probs': expected['vocabulary'],
            'temperature': -1, 'cache_prompt': False, 'logit_bias': [[PLAIN, 1000]]})
    found = np.full(expected['vocabulary'], np.nan)
    for one in answer['choices'][0]['logprobs']['content'][0]['top_logprobs']:
        found[one['id']] = one['logprob']
    logits = np.array(expected['logits'][-1]['values'])
    wanted = logits - logits.max()
    wanted -= np.log(np.exp(wanted).sum())
    likely = wanted > wanted.max() - 8  # the others' rounding says nothing
    return np.abs(found - wanted)[likely].max()


def main():
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # its log
    good = True
    for path in sorted(FOLDER.glob('*.gguf')):
        name = path.stem
        if sys.argv[1:] and name not in sys.argv[1:]:
            continue
        try:
            found = difference(name)
        except RuntimeError:  # a file that it does not open
            found = np.inf
        limit = COARSE_LIMIT if name in COARSE else LIMIT
        good &= (found <= limit) != (name in OTHERWISE)
        print(f'{name}: {found:.1e}', OTHERWISE.get(name, ''), flush=True)
    return 0 if good else 1


if __name__ == '__main__':
    sys.exit(main())
