#!/usr/bin/env python3
"""make_flashtrace.py: information flow routes by the package flashtrace, on a tiny model.

    python tests/oracle/make_flashtrace.py      (flashtrace 0.1.1, torch 2.13.0, transformers)

Writes tests/data/methods/flashtrace.json; its README explains it. Of the package the arithmetic
alone is used: the rest of it marks punctuation and draws.
"""
import importlib.metadata
import importlib.util
import json
import pathlib
import sys

import torch
from transformers import AutoModelForCausalLM

import fixture

HERE = pathlib.Path(__file__).parent
TINY, OUT = HERE.parent / 'data' / 'tiny', HERE.parent / 'data' / 'methods' / 'flashtrace.json'
NAME = 'llama-gqa'


def load_core():
    place = importlib.metadata.distribution('flashtrace').locate_file('flashtrace/core.py')
    spec = importlib.util.spec_from_file_location('flashtrace_core', place)
    core = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = core
    spec.loader.exec_module(core)
    return core


def flows(core, model, ids):
    """What the package's functions need of one pass, as keywords."""
    facts = core.extract_model_metadata(model)
    cache, hooks = core.attach_hooks(facts.layers, torch.float32)
    with torch.no_grad():
        attentions = model(torch.tensor([ids]), output_attentions=True).attentions
    for hook in hooks:
        hook.remove()
    params = core.IFRParameters(
        n_layers=facts.n_layers, n_heads_q=facts.n_heads_q, n_kv_heads=facts.n_kv_heads,
        head_dim=facts.head_dim, group_size=facts.group_size, d_model=facts.d_model,
        sequence_length=len(ids), model_dtype=torch.float32, chunk_tokens=128,
        sink_chunk_tokens=32)
    return dict(cache=cache, attentions=attentions, params=params,
                weight_pack=core.build_weight_pack(facts, torch.float32))


def main():
    core = load_core()
    ids = json.loads((TINY / f'{NAME}.json').read_text())['ids']
    n = len(ids) - 1
    model = AutoModelForCausalLM.from_pretrained(
        TINY / NAME, dtype=torch.float32, attn_implementation='eager').eval()
    cases = []

    def case(options, targets, scores):
        cases.append({'method': 'flashtrace', 'options': options, 'foil': -1, 'targets': targets,
                      'score': scores[:n].tolist()})

    asked, answered = flows(core, model, ids[:n]), flows(core, model, ids)
    case(None, 1, core.compute_ifr_for_position(n - 1, **asked).token_importance_total)
    case('sink=target', 1, core.compute_ifr_for_position(n, **answered).token_importance_total)
    case('flow=span', 3,
         core.compute_ifr_sentence_aggregate(n - 3, n - 1, **asked).token_importance_total)
    for hops in (1, 2):
        found = core.compute_multi_hop_ifr(n - 2, n, (n - 2, n), hops, **answered)
        case(f'flow=span sink=target hops={hops}', 3, found.observation['sum'])
    fixture.write(OUT, {'models': [{'model': NAME, 'id': ids[n], 'cases': cases}]})


if __name__ == '__main__':
    torch.set_num_threads(1)
    main()
