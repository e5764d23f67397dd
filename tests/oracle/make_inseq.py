#!/usr/bin/env python3
"""make_inseq.py: methods by Inseq, on tiny models.

    python tests/oracle/make_inseq.py           (inseq 0.7.1, captum 0.9.0, torch 2.13.0)

Writes tests/data/methods/inseq.json; its README explains it.
"""
import json
import pathlib

import inseq
import torch

import fixture

HERE = pathlib.Path(__file__).parent
TINY, OUT = HERE.parent / 'data' / 'tiny', HERE.parent / 'data' / 'methods' / 'inseq.json'
CHOSEN = ['llama-gqa', 'gpt2']
STEPS = 5


def raw(model, text, target, method, **options):
    """What Inseq gives of the last token's prediction, before it sums anything: a row per token."""
    out = model.attribute(text, text + target, method=method, show_progress=False,
                          pretty_progress=False, **options)
    found = out.sequence_attributions[0]
    ids = [token.id for token in found.target]
    return ids, found.target_attributions[:len(ids) - 1, -1].to(torch.float64)


def make(name):
    facts = json.loads((TINY / f'{name}.json').read_text())
    model = inseq.load_model(str(TINY / name), 'saliency', device='cpu', model_kwargs={
        'dtype': torch.float64, 'attn_implementation': 'eager'})
    text, target, unk = facts['text'][:-1], facts['text'][-1], model.tokenizer.unk_token_id
    cases = []

    def case(method, options, key, values):
        cases.append({'method': method, 'options': options, 'foil': -1, key: values.tolist()})

    ids, rows = raw(model, text, target, 'saliency', attributed_fn='logit')
    assert ids == facts['ids'][:len(ids)], (ids, facts['ids'])
    case('gradient-norm', 'objective=logit', 'score', rows.norm(dim=1))
    for theirs, ours in (('logit', 'logit'), ('probability', 'prob')):
        _, rows = raw(model, text, target, 'input_x_gradient', attributed_fn=theirs)
        case('input-x-gradient', f'objective={ours}', 'signed', rows.sum(1))
    _, rows = raw(model, text, target, 'integrated_gradients', n_steps=STEPS,
                  attributed_fn='probability')
    same = f'steps={STEPS} rule=gauss-legendre objective=prob baseline=token:{unk}'
    case('ig', same, 'signed', rows.sum(1))
    case('ig', f'{same} reduction=norm', 'score', rows.norm(dim=1))
    _, rows = raw(model, text, target, 'occlusion', attributed_fn='probability')
    case('occlusion', f'measure=prob map=absolute mask=token:{unk}', 'score',
         rows if rows.dim() == 1 else rows[:, 0])  # it keeps the sizes only
    _, rows = raw(model, text, target, 'attention')
    for layer in (0, 1):
        case('attention-last', f'layer={layer}', 'score', rows[:, layer].mean(1))
    return {'model': name, 'id': ids[-1], 'cases': cases}


if __name__ == '__main__':
    torch.set_num_threads(1)
    fixture.write(OUT, {'models': [make(name) for name in CHOSEN]})
