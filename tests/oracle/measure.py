"""measure.py: every quantity of the method, straight from its definition, in float64.

Nothing here is clever: the Hessian is a dense matrix, every mask is a forward pass of its own, the
rollout multiplies whole matrices. Symbols: n context tokens, d width, X (n, d) embedding rows,
V vocabulary, g(X) = log P(target | context), H = the Hessian of g with respect to X.
"""
import itertools

import numpy as np
import torch

import philox
from double import Double

SEED, PROBES = 7, 4


class Subject:
    """A transformers model (eager attention, float64) as the formulas see it.

    X is the embedding row as looked up. transformers' classes take `inputs_embeds` after the scale
    that Gemma's multiply with (it belongs to their embedding module) and before GPT-2's and OPT's
    learned positions (which they add themselves): scale is what is left to do here.

    value_modules: per layer, the module whose output `values` cuts the values out of; out_matrices:
    per layer, the output projection (width, heads * head_width), without its bias; window: a row
    sees itself and the window - 1 rows before it, on all layers, or, if mixed, on those that the
    configuration lists."""

    def __init__(self, model, value_modules, values, out_matrices, heads, kv_heads, head_width,
                 window=None, mixed=False, scale=1.0):
        self.model = model
        self.value_modules, self.values, self.out_matrices = value_modules, values, out_matrices
        self.heads, self.kv_heads, self.head_width = heads, kv_heads, head_width
        self.window, self.mixed, self.scale = window, mixed, scale
        self.embedding = model.get_input_embeddings().weight.detach()

    def _mask(self, n, hidden_key, window):
        """(1, 1, n, n): what is added to the attention scores."""
        visible = torch.ones(n, n).tril().bool()
        if window:
            visible &= torch.ones(n, n).triu(1 - window).bool()
        if hidden_key is not None:
            visible[hidden_key + 1:, hidden_key] = False
        mask = torch.zeros(n, n, dtype=torch.float64)
        return mask.masked_fill_(~visible, torch.finfo(torch.float64).min)[None, None]

    def run(self, X, hidden_key=None, attentions=False):
        """Logits (n, V) of embedding rows X. No row after hidden_key attends to it."""
        n = X.shape[0]
        mask = self._mask(n, hidden_key, self.window)
        if self.mixed:
            mask = {'full_attention': self._mask(n, hidden_key, None), 'sliding_attention': mask}
        with Double():
            out = self.model(inputs_embeds=X[None] * self.scale, attention_mask=mask,
                             position_ids=torch.arange(n)[None], output_attentions=attentions,
                             use_cache=False)
        assert out.logits.dtype == torch.float64
        return (out.logits[0], out.attentions) if attentions else out.logits[0]


def check_as_called(subject, ids):
    """Fails unless run() agrees with the model called as anyone calls it, with ids alone: its own
    masks, windows, positions and embedding scale."""
    with torch.no_grad(), Double():
        plain = subject.model(input_ids=torch.tensor([ids]), use_cache=False).logits[0]
        ours = subject.run(subject.embedding[torch.tensor(ids)])
    assert (plain - ours).abs().max() <= 1e-12 * plain.abs().max(), 'run() is not the model'


def log_probs(subject, X, hidden_key=None):
    """log P(. | X) of the last row, (V,)."""
    return torch.log_softmax(subject.run(X, hidden_key)[-1], -1)


# ---- Derivatives -----------------------------------------------------------------------------

def gradient_and_hessian(objective, X):
    """g's gradient (n, d) and dense Hessian (nd, nd)."""
    X = X.clone().requires_grad_(True)
    gradient, = torch.autograd.grad(objective(X), X, create_graph=True)
    flat = gradient.reshape(-1)
    rows = [torch.autograd.grad(flat[k], X, retain_graph=True)[0].reshape(-1)
            for k in range(flat.numel())]
    H = torch.stack(rows)
    assert (H - H.T).abs().max() <= 1e-10 * H.abs().max(), 'the Hessian is not symmetric'
    return gradient.detach(), H


def product(objective, X, v):
    """H v, (n, d), by differentiating the gradient: for models whose H is too large to form."""
    X = X.clone().requires_grad_(True)
    gradient, = torch.autograd.grad(objective(X), X, create_graph=True)
    return torch.autograd.grad(gradient, X, v)[0]


def check_against_differences(objective, X, gradient, H, rng):
    """Fails unless central differences of g and of its gradient agree with both."""
    v = torch.tensor(rng.standard_normal(X.shape))

    def slope(at):
        at = at.clone().requires_grad_(True)
        value = objective(at)
        return value.detach(), torch.autograd.grad(value, at)[0]
    h = 1e-5
    (up, up_slope), (down, down_slope) = slope(X + h * v), slope(X - h * v)
    first, second = (up - down) / (2 * h), ((up_slope - down_slope) / (2 * h)).reshape(-1)
    Hv = H @ v.reshape(-1)
    assert abs(first - (gradient * v).sum()) <= 1e-6 * (gradient.norm() * v.norm())
    assert (second - Hv).norm() <= 1e-6 * Hv.norm()


def gauss_newton(subject, X):
    """-J'(diag p - p p')J as a dense (nd, nd) matrix: J the Jacobian of the last row's logits."""
    X = X.clone().requires_grad_(True)
    logits = subject.run(X)[-1]
    J = torch.stack([torch.autograd.grad(logit, X, retain_graph=True)[0].reshape(-1)
                     for logit in logits])
    p = torch.softmax(logits.detach(), -1)
    return -(J.T @ (p[:, None] * J) - torch.outer(J.T @ p, p @ J))


# ---- Gate ------------------------------------------------------------------------------------

def gate(subject, X, rollout):
    """Semantic transition influence (n,): rollout 'headwise' or 'mean'."""
    values = []
    hooks = [module.register_forward_hook(
        lambda m, i, out: values.append(subject.values(out.detach()[0])))
             for module in subject.value_modules]
    with torch.no_grad():
        _, attentions = subject.run(X, attentions=True)
    for hook in hooks:
        hook.remove()
    n, H, K, w = X.shape[0], subject.heads, subject.kv_heads, subject.head_width
    identity = torch.eye(n, dtype=torch.float64)
    R = [identity] * H
    M = torch.zeros(n, dtype=torch.float64)
    for A, v, out in zip(attentions, values, subject.out_matrices):
        A = A[0].mean(0, keepdim=True).expand(H, n, n) if rollout == 'mean' else A[0]
        for h in range(H):
            step = 0.5 * A[h] + 0.5 * identity
            R[h] = (step / step.sum(-1, keepdim=True)) @ R[h]
            k = h * K // H
            mixed = v[:, k * w:(k + 1) * w] @ out[:, h * w:(h + 1) * w].T
            M += R[h][-1] * mixed.abs().sum(-1)
    return M / M.sum()


# ---- Information -----------------------------------------------------------------------------

def information(subject, X, target, scheme, token=None):
    """KL(P(.|X) || P(.|X with row i masked)) and g(X) - g(X masked), each (n,)."""
    with torch.no_grad():
        clean = log_probs(subject, X)
        kl, delta = [], []
        for i in range(X.shape[0]):
            if scheme == 'attend':
                masked = log_probs(subject, X, hidden_key=i)
            else:
                rows = X.clone()
                rows[i] = {'zero': lambda: 0.0, 'mean': lambda: X.mean(0),
                           'token': lambda: subject.embedding[token]}[scheme]()
                masked = log_probs(subject, rows)
            # max: where nothing changed, rounding may leave -1e-17
            kl.append(max(0.0, (clean.exp() * (clean - masked)).sum().item()))
            delta.append((clean - masked)[target].item())
    return kl, delta


def informations(subject, X, target, token):
    """information() under every mask, as the fixtures list it."""
    out = []
    for scheme in ('zero', 'mean', 'token', 'attend'):
        kl, delta = information(subject, X, target, scheme, token)
        name = f'token:{token}' if scheme == 'token' else scheme
        out.append({'mask': name, 'kl': kl, 'delta': delta})
    return out


# ---- Curvature -------------------------------------------------------------------------------

def block(H, i, d):
    return H[i * d:(i + 1) * d, i * d:(i + 1) * d]


def block_samples(H, n, d):
    """|H_ii r|_1 for each token (n) and probe r (PROBES)."""
    signs = [[torch.tensor(philox.rademacher(SEED, philox.BLOCK_PROBE, i, k, d))
              for k in range(PROBES)] for i in range(n)]
    return [[(block(H, i, d) @ r).abs().sum().item() for r in signs[i]] for i in range(n)]


def row_samples(H, n, d):
    """|(H r)_i|_1 for each token and probe; r has signs on every row."""
    samples = []
    for k in range(PROBES):
        r = np.concatenate([philox.rademacher(SEED, philox.ROW_PROBE, i, k, d) for i in range(n)])
        samples.append((H @ torch.tensor(r)).reshape(n, d).abs().sum(-1).tolist())
    return [list(one) for one in zip(*samples)]


def expected_block(H, n, d):
    """E |H_ii r|_1 over all 2^d sign vectors r, exactly."""
    half = np.array(list(itertools.product((-1.0, 1.0), repeat=d - 1)))  # the sum is even in r
    signs = torch.tensor(np.concatenate([half, np.ones((len(half), 1))], axis=1))
    return [(signs @ block(H, i, d)).abs().sum(-1).mean().item() for i in range(n)]


# ---- All of it -------------------------------------------------------------------------------

def direction(rng, n, d, only=None):
    """Random normal (n, d), or zero but for row `only`, in multiples of 1/64 (exact in float32)."""
    v = torch.tensor(np.round(rng.standard_normal((n, d)) * 64) / 64)
    if only is not None:
        v[torch.arange(n) != only] = 0
    return v


def products(matrix, directions):
    return [{'direction': v.tolist(), 'result': (matrix @ v.reshape(-1)).reshape(v.shape).tolist()}
            for v in directions]


def measure(subject, ids, target, foil, mask_token, rng, brief=False, exact=False):
    """The fixture of one target after the context `ids`. brief leaves out what is long; exact adds
    the expectation over all probes and a dense block (d <= 16 only)."""
    X = subject.embedding[torch.tensor(ids)].clone()
    n, d = X.shape

    def g(rows):
        return log_probs(subject, rows)[target]
    gradient, H = gradient_and_hessian(g, X)
    check_against_differences(g, X, gradient, H, rng)
    GN = gauss_newton(subject, X)
    directions = [direction(rng, n, d), direction(rng, n, d, only=1),
                  direction(rng, n, d, only=n // 2)]
    blocks, rows, gn = block_samples(H, n, d), row_samples(H, n, d), block_samples(GN, n, d)
    out = {
        'row': n - 1, 'id': target, 'logprob': g(X).item(),
        'gradient': gradient.tolist(),
        'hvp': products(H, directions[:1] if brief else directions),
        'gate': {'headwise': gate(subject, X, 'headwise').tolist(),
                 'mean': gate(subject, X, 'mean').tolist()},
        'information': informations(subject, X, target, mask_token),
        'gradsq': gradient.square().sum(-1).tolist(),
        'curvature': {'seed': SEED, 'probes': PROBES, 'block': blocks, 'row': rows,
                      'gauss_newton_block': gn},
    }
    if brief:
        return out
    out['gauss_newton'] = products(GN, directions[:1])

    def contrast(rows):
        both = log_probs(subject, rows)
        return both[target] - both[foil]
    gradient, C = gradient_and_hessian(contrast, X)
    check_against_differences(contrast, X, gradient, C, rng)
    out['contrast'] = {'foil': foil, 'value': contrast(X).item(), 'gradient': gradient.tolist(),
                       'hvp': products(C, directions[:1])}
    if exact:
        token = n // 2
        out['exact'] = {'token': token, 'block': block(H, token, d).tolist(),
                        'expected_block': expected_block(H, n, d)}
    return out


def document(subject, file, vocabulary, text, rng, exact=False):
    """The whole fixture of a model and a text: see tests/data/tiny/README.md for the keys."""
    ids = vocabulary.encode(text)
    n, total = len(ids), len(vocabulary.tokens)
    assert 9 <= n <= 13, f'{text!r} has {n} tokens, not 9 to 13'
    target, foil, mask_token = (int(k) for k in rng.choice(total, 3, replace=False))
    with torch.no_grad():
        logits = subject.run(subject.embedding[torch.tensor(ids)])
    targets = [measure(subject, ids, target, foil, mask_token, rng, exact=exact),
               measure(subject, ids[:-3], ids[-3], foil, mask_token, rng, brief=True)]
    assert abs(torch.log_softmax(logits[n - 4], -1)[ids[-3]] - targets[1]['logprob']) < 1e-12
    return {'gguf': file, 'text': text, 'ids': ids, 'width': subject.embedding.shape[1],
            'vocabulary': total,
            'logits': [{'row': r, 'values': logits[r].tolist()} for r in (0, n - 4, n - 1)],
            'targets': targets}
