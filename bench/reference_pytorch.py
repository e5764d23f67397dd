#!/usr/bin/env python3
"""reference_pytorch.py: the same attribution as a careful PyTorch user would write it, timed.

    python bench/reference_pytorch.py --model FILE.gguf --text-file PROMPT.txt --json OUT.json

One context, one target token; float32 on the processor, from the same GGUF file:
  gate         attention rollout per head, as a chain of row vectors from the last row;
  information  one forward pass per token with that token's embedding set to zero;
  curvature    one Hessian-vector product per probe and token: double back-propagation through one
               graph that is built once and kept (building it is timed by itself: gradient).
With --batched N the masked passes are rows of batches of N, and so are the products, through
torch.func.vmap over the graph's backward pass.
Weights take no gradient, only the last row is projected to the vocabulary, attention is eager (the
fused one has no second derivative), threads are torch's default. The probe vectors are heta's own,
so the numbers can be compared, not only the times. bench/README.md says how to read the output.
"""
import argparse
import itertools
import json
import pathlib
import sys
import time

import torch
import transformers
from transformers import AutoModelForCausalLM, AutoTokenizer

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'tests' / 'oracle'))
import philox  # noqa: E402


def load(path):
    """The model, dequantised to float32, without gradients for its weights."""
    transformers.utils.logging.disable_progress_bar()
    model = AutoModelForCausalLM.from_pretrained(
        str(path.parent), gguf_file=path.name, dtype=torch.float32, attn_implementation='eager')
    if model.config.model_type != 'llama':
        raise SystemExit(f'{path}: this program knows LLaMA models only, not '
                         f'{model.config.model_type}')
    return model.eval().requires_grad_(False)


def log_probs(model, X):
    """log P(. | X) of the last row, (V,)."""
    out = model(inputs_embeds=X[None], use_cache=False, logits_to_keep=1)
    return torch.log_softmax(out.logits[0, -1], -1)


@torch.no_grad()
def gate(model, X):
    """M (n,): head-wise rollout from the last row times |v W_O|_1, normalised."""
    config, values = model.config, []
    hooks = [layer.self_attn.v_proj.register_forward_hook(lambda m, i, out: values.append(out[0]))
             for layer in model.model.layers]
    maps = model(inputs_embeds=X[None], use_cache=False, logits_to_keep=1,
                 output_attentions=True).attentions
    for hook in hooks:
        hook.remove()
    n, heads = X.shape[0], config.num_attention_heads
    group = heads // config.num_key_value_heads
    M = torch.zeros(n)
    for top, layer in enumerate(model.model.layers):
        flow = torch.zeros(heads, 1, n)
        flow[:, 0, -1] = 1
        for k in range(top, -1, -1):  # rows of the map sum to 1, so half of each needs no division
            flow = 0.5 * (flow @ maps[k][0] + flow)
        v = values[top].view(n, heads // group, -1).repeat_interleave(group, 1).transpose(0, 1)
        W = layer.self_attn.o_proj.weight.view(-1, heads, v.shape[-1]).permute(1, 2, 0)
        M += (flow[:, 0] * (v @ W).abs().sum(-1)).sum(0)
    return M / M.sum()


@torch.no_grad()
def information(model, X, target, tokens, batch):
    """KL(P || P with the token's row zero) and the change of log P(target), for each of tokens."""
    clean = log_probs(model, X)
    kl, delta = [], []
    for start in range(0, len(tokens), batch):
        some = tokens[start:start + batch]
        rows = X.repeat(len(some), 1, 1)
        rows[range(len(some)), some] = 0
        out = model(inputs_embeds=rows, use_cache=False, logits_to_keep=1).logits[:, -1]
        for masked in torch.log_softmax(out, -1):
            kl.append(max(0.0, (clean.exp() * (clean - masked)).sum().item()))
            delta.append((clean - masked)[target].item())
    return kl, delta


class Products:
    """Hessian-vector products of log P(target): one graph, built once."""

    def __init__(self, model, X, target, batch):
        self.X, self.batch = X.clone().requires_grad_(True), batch
        self.gradient, = torch.autograd.grad(log_probs(model, self.X)[target], self.X,
                                             create_graph=True)

    def one(self, v):
        return torch.autograd.grad(self.gradient, self.X, v, retain_graph=True)[0]

    def __call__(self, directions):
        """H v for each direction, in turn; `batch` of them at a time."""
        directions = iter(directions)
        while some := list(itertools.islice(directions, self.batch)):
            if len(some) == 1:
                yield self.one(some[0])
            else:
                yield from torch.func.vmap(self.one)(torch.stack(some))


def curvature(products, tokens, definition, probes, seed):
    """Samples of S, [token][probe]: |H_ii r|_1 ('block') or |(H r)_i|_1 ('row')."""
    n, d = products.X.shape

    def signs(stream, i, probe):
        return torch.tensor(philox.rademacher(seed, stream, i, probe, d), dtype=torch.float32)
    if definition == 'row':
        vectors = (torch.stack([signs(philox.ROW_PROBE, i, k) for i in range(n)])
                   for k in range(probes))
        rows = [product.abs().sum(-1) for product in products(vectors)]
        return [[row[i].item() for row in rows] for i in tokens]

    def alone(i, k):
        v = torch.zeros(n, d)
        v[i] = signs(philox.BLOCK_PROBE, i, k)
        return v
    keys = [(i, k) for i in tokens for k in range(probes)]
    sizes = [product[i].abs().sum().item()
             for (i, _), product in zip(keys, products(alone(*key) for key in keys))]
    return [sizes[at:at + probes] for at in range(0, len(sizes), probes)]


def attribute(model, ids, target=None, definition='block', probes=10, seed=0, sample=None,
              batch=1):
    """Everything, timed. sample: information and block curvature for that many tokens only."""
    n = len(ids)
    X = model.get_input_embeddings().weight[torch.tensor(ids)]
    with torch.no_grad():
        clean = log_probs(model, X)  # also the warm-up
    target = int(clean.argmax()) if target is None else target
    count = min(sample or n, n)
    tokens = [k * (n - 1) // max(1, count - 1) for k in range(count)]
    seconds = {}

    def timed(name, function, *arguments):
        start = time.perf_counter()
        result = function(*arguments)
        seconds[name] = time.perf_counter() - start
        return result
    M = timed('gate', gate, model, X).tolist()
    kl, delta = timed('information', information, model, X, target, tokens, batch)
    products = timed('gradient', Products, model, X, target, batch)
    S = timed('curvature', curvature, products, tokens, definition, probes, seed)
    seconds['total'] = sum(seconds.values())
    return {'ids': ids, 'target': target, 'logprob': clean[target].item(), 'batch': batch,
            'curvature': definition, 'probes': probes, 'seed': seed, 'mask': 'zero',
            'tokens': tokens, 'M': M, 'I': kl, 'delta': delta,
            'S': [sum(one) / probes for one in S], 'S_samples': S, 'seconds': seconds,
            'threads': torch.get_num_threads(), 'torch': torch.__version__,
            'transformers': transformers.__version__}


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--model', type=pathlib.Path, required=True, metavar='FILE.gguf')
    text = parser.add_mutually_exclusive_group(required=True)
    text.add_argument('--ids', metavar='ID,ID,...', help='token ids of the context',
                      type=lambda words: [int(word) for word in words.split(',')])
    text.add_argument('--text-file', type=pathlib.Path, metavar='FILE',
                      help='context as UTF-8 text, all of it, tokenised without a BOS')
    parser.add_argument('--target-id', type=int, metavar='ID', help='default: the likeliest token')
    parser.add_argument('--curvature', choices=('block', 'row'), default='block')
    parser.add_argument('--probes', type=int, default=10, metavar='M')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--sample', type=int, metavar='K', help='do information and block '
                        'curvature for K evenly spread tokens and print what all would take')
    parser.add_argument('--batched', type=int, default=1, metavar='N',
                        help='masked passes and products in batches of N (default 1: one by one)')
    parser.add_argument('--json', type=pathlib.Path, metavar='OUT', help='write the numbers here')
    arguments = parser.parse_args()
    for name in ('probes', 'sample', 'batched'):
        if getattr(arguments, name) is not None and getattr(arguments, name) < 1:
            parser.error(f'--{name} must be at least 1')
    if not 0 <= arguments.seed < 2 ** 64:
        parser.error('--seed must be between 0 and 2^64 - 1')
    if not arguments.model.is_file():
        parser.error(f'there is no model file {arguments.model}')
    return arguments


def main():
    arguments = parse()
    start = time.perf_counter()
    model = load(arguments.model)
    load_seconds = time.perf_counter() - start
    ids = arguments.ids
    if ids is None:
        tokenizer = AutoTokenizer.from_pretrained(str(arguments.model.parent),
                                                  gguf_file=arguments.model.name)
        text = arguments.text_file.read_bytes().decode('utf-8')
        ids = tokenizer.encode(text, add_special_tokens=False)
    vocabulary = model.config.vocab_size
    for i in ids + ([] if arguments.target_id is None else [arguments.target_id]):
        if not 0 <= i < vocabulary:
            raise SystemExit(f'token {i} is outside the vocabulary of {vocabulary}')
    if not ids:
        raise SystemExit('the context is empty: give at least one token')
    result = attribute(model, ids, arguments.target_id, arguments.curvature, arguments.probes,
                       arguments.seed, arguments.sample, arguments.batched)
    seconds, n, done = result['seconds'], len(ids), len(result['tokens'])
    print(f'{n} tokens, target {result["target"]} (log P {result["logprob"]:.4f}), '
          f'{arguments.curvature} curvature with {arguments.probes} probes, '
          f'{result["threads"]} threads, torch {result["torch"]}')
    print(f'load        {load_seconds:10.3f} s  (not in the total)')
    for name in ('gate', 'information', 'gradient', 'curvature', 'total'):
        print(f'{name:11s} {seconds[name]:10.3f} s')
    if done < n:
        factor = {'gate': 1, 'gradient': 1, 'information': n / done,
                  'curvature': n / done if arguments.curvature == 'block' else 1}
        whole = sum(seconds[name] * f for name, f in factor.items())
        print(f'{done} of {n} tokens were done; all would take about {whole:.1f} s (extrapolated)')
    if arguments.json:
        result.update(model=arguments.model.name, load_seconds=load_seconds)
        arguments.json.write_text(json.dumps(result, indent=1) + '\n', encoding='utf-8')


if __name__ == '__main__':
    main()
