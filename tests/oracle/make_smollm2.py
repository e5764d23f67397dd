#!/usr/bin/env python3
"""make_smollm2.py: what SmolLM2-135M-Instruct (Q4_1, GGUF) computes, in float64.

    python tests/oracle/make_smollm2.py --model SmolLM2-135M-Instruct.Q4_1.gguf [--out FOLDER]

transformers reads and dequantises the file; its float32 weights are then run in float64. Writes
tests/data/smollm2/logits.json; its keys are explained in the README.md beside it. About a minute.
"""
import argparse
import hashlib
import pathlib

import numpy as np
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM

import fixture
import measure
import philox
from double import Double

TEXT = 'The quick brown fox jumps over the lazy dog, because it is'
QUESTION, ANSWER = 'The capital of France is', ' Paris'
ASKED = 'Welche Stadt ist die Hauptstadt von Österreich? 🙂'
PROBES = 2


def load(path):
    """The tokenizer and the model as a measure.Subject."""
    where = dict(pretrained_model_name_or_path=str(path.parent), gguf_file=path.name)
    loaded = AutoModelForCausalLM.from_pretrained(
        **where, dtype=torch.float32, attn_implementation='eager')
    config = loaded.config
    config.rms_norm_eps = float(np.float32(config.rms_norm_eps))  # as the file has it
    with Double():  # built anew, so that the rotary frequencies are float64 too
        model = LlamaForCausalLM(config).double().eval()
    model.load_state_dict({k: v.double() for k, v in loaded.state_dict().items()})
    model.requires_grad_(False)
    assert model.model.rotary_emb.inv_freq.dtype == torch.float64
    attention = [(layer.self_attn.v_proj, layer.self_attn.o_proj) for layer in model.model.layers]
    subject = measure.Subject(model, attention, config.num_attention_heads,
                              config.num_key_value_heads,
                              config.hidden_size // config.num_attention_heads)
    return AutoTokenizer.from_pretrained(**where), subject


def logits(subject, tokenizer):
    """The last row of TEXT: the largest logits, a sample of all, and the odds of a few words."""
    ids = tokenizer.encode(TEXT, add_special_tokens=False)
    X = subject.embedding[torch.tensor(ids)]
    with torch.no_grad():
        row = subject.run(X)[-1]
    top = row.topk(20)
    sample = np.random.default_rng(0).choice(len(row), 200, replace=False)
    words = [tokenizer.encode(word, add_special_tokens=False)[0]
             for word in (' a', ' the', ' faster')]
    log_p = torch.log_softmax(row, -1)
    best = zip(top.indices.tolist(), top.values.tolist())
    return {'text': TEXT, 'ids': ids, 'row': len(ids) - 1,
            'top': [{'id': i, 'logit': value} for i, value in best],
            'sample': [{'id': int(i), 'logit': row[i].item()} for i in np.sort(sample)],
            'logprobs': [{'id': i, 'logprob': log_p[i].item()} for i in words]}


def chat(tokenizer):
    """A question as the model's chat template sets it, and its tokens."""
    text = tokenizer.apply_chat_template([{'role': 'user', 'content': ASKED}], tokenize=False,
                                         add_generation_prompt=True)
    ids = tokenizer.encode(text, add_special_tokens=False)
    return {'text': text, 'ids': ids,
            'special': [at for at, i in enumerate(ids) if i in tokenizer.all_special_ids]}


def attribution(subject, tokenizer):
    """Every part of the attribution of ANSWER to QUESTION."""
    ids = tokenizer.encode(QUESTION, add_special_tokens=False)
    target, = tokenizer.encode(ANSWER, add_special_tokens=False)
    X = subject.embedding[torch.tensor(ids)]
    n, d = X.shape

    def g(rows):
        return measure.log_probs(subject, rows)[target]

    def rademacher(stream, position, probe):
        return torch.tensor(philox.rademacher(measure.SEED, stream, position, probe, d))
    at = X.clone().requires_grad_(True)
    gradient, = torch.autograd.grad(g(at), at)
    blocks = [[] for _ in range(n)]
    rows = []
    for probe in range(PROBES):
        for i in range(n):
            v = torch.zeros_like(X)
            v[i] = rademacher(philox.BLOCK_PROBE, i, probe)
            blocks[i].append(measure.product(g, X, v)[i].abs().sum().item())
        v = torch.stack([rademacher(philox.ROW_PROBE, i, probe) for i in range(n)])
        rows.append(measure.product(g, X, v).abs().sum(-1).tolist())
    return {'text': QUESTION, 'ids': ids, 'target_text': ANSWER, 'row': n - 1, 'id': target,
            'logprob': g(X).item(), 'gradient': gradient.tolist(),
            'gradsq': gradient.square().sum(-1).tolist(),
            'gate': {rollout: measure.gate(subject, X, rollout).tolist()
                     for rollout in ('headwise', 'mean')},
            'information': measure.informations(subject, X, target, token=0),
            'curvature': {'seed': measure.SEED, 'probes': PROBES, 'block': blocks,
                          'row': [list(one) for one in zip(*rows)]}}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    folder = pathlib.Path(__file__).parent.parent / 'data' / 'smollm2'
    parser.add_argument('--model', type=pathlib.Path, required=True, metavar='FILE.gguf')
    parser.add_argument('--out', type=pathlib.Path, default=folder, metavar='FOLDER')
    arguments = parser.parse_args()
    tokenizer, subject = load(arguments.model)
    arguments.out.mkdir(parents=True, exist_ok=True)
    fixture.write(arguments.out / 'logits.json', {
        'file': arguments.model.name,
        'sha256': hashlib.sha256(arguments.model.read_bytes()).hexdigest(),
        'chat': chat(tokenizer), 'logits': logits(subject, tokenizer),
        'attribution': attribution(subject, tokenizer)})


if __name__ == '__main__':
    main()
