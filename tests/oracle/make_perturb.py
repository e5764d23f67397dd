"""make_perturb.py: what methods that perturb the input must give on tiny models, by other programs.

    make_perturb.py            writes tests/data/perturb/*.json

Everything runs in float64: transformers for the values of coalitions under each kind of mask; shap
(all coalitions, hence exact Shapley values) and captum (ablation, exact Shapley values) on zeroed
embeddings; lime's own regression on the samples that heta draws; context-cite's masks, ablated
texts, log-odds and LASSO. Needs torch, transformers, captum, shap, lime and context-cite.
"""
import json
import math
import pathlib
import sys

import nltk
import numpy as np
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

import philox

nltk.download = lambda *_: False  # context-cite would fetch its sentence splitter, not needed here

HERE = pathlib.Path(__file__).parent
TINY, OUT = HERE.parent / 'data' / 'tiny', HERE.parent / 'data' / 'perturb'
MODELS = ('llama-gqa', 'gpt2', 'gemma3')
SEED = 7


class Subject:
    """A tiny model in float64, and a target of its fixture."""

    def __init__(self, name):
        fixture = json.loads((TINY / f'{name}.json').read_text())
        target = fixture['targets'][0]
        self.model = AutoModelForCausalLM.from_pretrained(
            TINY / name, dtype=torch.float64, attn_implementation='eager').eval()
        self.ids = torch.tensor(fixture['ids'][:target['row'] + 1])
        self.target, self.foil = target['id'], (target['id'] + 5) % fixture['vocabulary']
        self.embedding = self.model.get_input_embeddings()

    @torch.no_grad()
    def logprobs(self, row=-1, **inputs):
        return torch.log_softmax(self.model(**inputs).logits[0, row], -1)

    def hidden(self, keep):
        """The additive mask under which only `keep` is seen, and every row by itself."""
        row, key = torch.meshgrid(*[torch.arange(len(self.ids))] * 2, indexing='ij')
        seen = (key <= row) & (torch.isin(key, torch.tensor(keep)) | (key == row))
        window = getattr(self.model.config, 'sliding_window', None)

        def additive(allowed):
            return torch.where(allowed, 0.0, torch.finfo(torch.float64).min)[None, None]

        if window is None:
            return additive(seen)
        return {'full_attention': additive(seen),
                'sliding_attention': additive(seen & (row - key < window))}

    def value(self, absent, mask):
        """log P of target and foil without these tokens."""
        keep = [i for i in range(len(self.ids)) if i not in absent] or [len(self.ids) - 1]
        ids = self.ids.clone()
        if mask == 'delete':
            found = self.logprobs(input_ids=ids[None, keep])
        elif mask == 'attend':
            found = self.logprobs(row=keep[-1], input_ids=ids[None],
                                  attention_mask=self.hidden(keep),
                                  position_ids=torch.arange(len(ids))[None])
        elif mask == 'zero':
            rows = self.embedding(ids)[None].clone()
            rows[0, list(absent)] = 0
            found = self.logprobs(inputs_embeds=rows)
        else:
            ids[list(absent)] = int(mask.split(':')[1])
            found = self.logprobs(input_ids=ids[None])
        return [found[self.target].item(), found[self.foil].item()]

    def from_masks(self, masks):
        """log P(target) for rows of ones (there) and zeros (embedding 0)."""
        rows = self.embedding(self.ids)[None] * torch.tensor(masks, dtype=torch.float64)[:, :, None]
        with torch.no_grad():
            logits = self.model(inputs_embeds=rows).logits[:, -1]
        return torch.log_softmax(logits, -1)[:, self.target].numpy()


def coalitions(subject):
    rng, n, found = np.random.default_rng(3), len(subject.ids), []
    sets = [[], list(range(n)), [n - 1], [0], [n - 2, n - 1], [1, 2, 3]]
    sets += [sorted(rng.choice(n, rng.integers(1, n), replace=False).tolist()) for _ in range(5)]
    for absent in sets:
        values = {mask: subject.value(absent, mask)
                  for mask in ('zero', 'token:65', 'attend', 'delete')}
        found.append({'absent': absent, **values})
    return found


def shapley(subject):
    import captum.attr
    import shap
    n = len(subject.ids)
    explainer = shap.KernelExplainer(subject.from_masks, np.zeros((1, n)))
    exact = explainer.shap_values(np.ones((1, n)), nsamples=2 ** n, l1_reg=False, silent=True)[0]

    def forward(rows):
        with torch.no_grad():
            logits = subject.model(inputs_embeds=rows).logits[:, -1]
        return torch.log_softmax(logits, -1)[:, subject.target]

    rows = subject.embedding(subject.ids)[None].detach()
    features = torch.arange(n)[None, :, None].expand(rows.shape)
    ablated = captum.attr.FeatureAblation(forward).attribute(rows, feature_mask=features)
    return {'shap': np.asarray(exact).reshape(-1).tolist(),
            'captum_ablation': ablated[0, :, 0].tolist()}


def choose(n, size, uniform):
    """The players heta marks as absent: the first steps of a Fisher-Yates shuffle."""
    order, chosen = list(range(n)), []
    for i in range(size):
        other = i + int(uniform[i] * (n - i))
        order[i], order[other] = order[other], order[i]
        chosen.append(order[i])
    return chosen


def lime(subject, samples=200):
    from lime.lime_base import LimeBase
    from sklearn.metrics.pairwise import pairwise_distances
    n, masks = len(subject.ids), []
    for sample in range(samples):
        uniform = philox.uniform(SEED, philox.COALITION, 0, sample, n + 1)
        row = np.ones(n)
        if sample:
            row[choose(n, min(n, 1 + int(uniform[n] * n)), uniform)] = 0
        masks.append(row)
    masks = np.array(masks)
    labels = np.array([subject.value(np.flatnonzero(row == 0).tolist(), 'attend')[0]
                       for row in masks])
    with np.errstate(invalid='ignore'):
        distances = pairwise_distances(masks, masks[:1], metric='cosine').ravel() * 100
    kernel = LimeBase(lambda d: np.sqrt(np.exp(-d ** 2 / 25 ** 2)))
    found = kernel.explain_instance_with_data(masks, labels[:, None], distances, 0, n, 'none')
    weights = dict(found[1])
    return {'samples': samples, 'coefficients': [weights[i] for i in range(n)]}


SENTENCES = ['A hen hid.', 'Ten men.', 'Hot!', 'No hen.', 'Late.']
SEPARATORS = ['', ' ', ' ', '\n', ' ']
QUERY, RESPONSE = '\nWho', ' hen'


def contextcite(name):
    from context_cite.context_partitioner import SimpleContextPartitioner
    from context_cite.solver import LassoRegression
    from context_cite.utils import aggregate_logit_probs, get_masks_and_logit_probs
    from sklearn.linear_model import Lasso
    from sklearn.preprocessing import StandardScaler
    tokenizer = AutoTokenizer.from_pretrained(TINY / name)
    tokenizer.padding_side, tokenizer.pad_token_id = 'left', 0
    model = AutoModelForCausalLM.from_pretrained(TINY / name, dtype=torch.float64).eval()
    context = ''.join(a + b for a, b in zip(SEPARATORS, SENTENCES))
    parts = SimpleContextPartitioner(context)
    parts._cache = {'parts': SENTENCES, 'separators': SEPARATORS}
    texts = []

    def prompt_ids(mask):
        texts.append(parts.get_context(mask) + QUERY)
        return tokenizer.encode(texts[-1], add_special_tokens=False)

    response = tokenizer.encode(RESPONSE, add_special_tokens=False)
    masks, odds = get_masks_and_logit_probs(model, tokenizer, 64, len(SENTENCES), prompt_ids,
                                            response, 0.5, 1)
    drawn = [''.join('01'[int(k)] for k in row) for row in masks]
    result = {'text': context + QUERY, 'response': RESPONSE, 'sentences': SENTENCES,
              'response_ids': response, 'masks': drawn,
              'ablated': texts[:6], 'odds': odds.tolist()}
    outputs = {'whole': (aggregate_logit_probs(odds), len(response))}
    for t in range(len(response)):
        outputs[f'each{t}'] = (aggregate_logit_probs(odds[:, t:t + 1]), 1)
    for key, (values, tokens) in outputs.items():
        scaler, exact = StandardScaler(), Lasso(alpha=0.01, tol=1e-14, max_iter=100000)
        exact.fit(scaler.fit_transform(masks.astype(float)), values / tokens)
        result[key] = {'values': values.tolist(),
                       'package': LassoRegression().fit(masks, values, tokens)[0].tolist(),
                       'exact': (exact.coef_ / scaler.scale_ * tokens).tolist()}
    return result


def rounded(value):
    """15 significant digits."""
    if isinstance(value, float):
        return float(f'{value:.15g}') if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: rounded(one) for key, one in value.items()}
    return [rounded(one) for one in value] if isinstance(value, list) else value


def main():
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    OUT.mkdir(exist_ok=True)
    for name in MODELS:
        subject = Subject(name)
        found = {'model': name, 'target': subject.target, 'foil': subject.foil,
                 'context': len(subject.ids), 'coalitions': coalitions(subject)}
        if name != 'gemma3':
            found.update(shapley(subject))
            found['lime'] = lime(subject)
        if name == 'llama-gqa':
            found['contextcite'] = contextcite(name)
        text = json.dumps(rounded(found)).replace('}, {"absent"', '},\n{"absent"')
        (OUT / f'{name}.json').write_text(text + '\n')
        print(name, file=sys.stderr)


if __name__ == '__main__':
    main()
