"""methods.py: the methods of gradients, attention and one forward pass, each straight from its
definition, in float64.

Nothing here is clever: every step of a path, every shorter context and every row of a rollout is a
pass or a matrix of its own. n context tokens, X (n, d) their embedding rows, y the target, f the
objective; a subject is that of measure.py.
"""
import numpy as np
import torch

DOUBLE = torch.float64


def objective(logits, y, foil, kind):
    """f of the last row's logits; with a foil f(y) - f(foil)."""
    if foil is not None:
        return objective(logits, y, None, kind) - objective(logits, foil, None, kind)
    if kind == 'logit':
        return logits[y]
    logprob = torch.log_softmax(logits, -1)[y]
    if kind == 'logprob':
        return logprob
    if kind == 'prob':
        return logprob.exp()
    rest = torch.cat([logits[:y], logits[y + 1:]])
    return logits[y] - torch.logsumexp(rest, -1)


def gradient(subject, X, y, foil, kind):
    X = X.clone().requires_grad_(True)
    value = objective(subject.run(X)[-1], y, foil, kind)
    return value.detach().item(), torch.autograd.grad(value, X)[0]


# ---- Paths of inputs -------------------------------------------------------------------------

def points(rule, m):
    """Where the gradients are taken on (0, 1), and their weights."""
    k = np.arange(m)
    even = np.full(m, 1 / m)
    if rule == 'midpoint':
        return (k + 0.5) / m, even
    if rule == 'left':
        return k / m, even
    if rule == 'right':
        return (k + 1) / m, even
    if rule == 'grid':
        return np.linspace(0, 1, m), even
    if rule == 'trapezoid':
        weights = np.full(m, 1 / (m - 1))
        weights[[0, -1]] /= 2
        return np.linspace(0, 1, m), weights
    roots, weights = np.polynomial.legendre.leggauss(m)
    return (roots + 1) / 2, weights / 2


def integrated_gradients(subject, X, y, foil, kind='logprob', steps=50, rule='midpoint',
                         baseline=None, norm=False):
    start = torch.zeros_like(X) if baseline is None else baseline
    total = torch.zeros_like(X)
    for at, weight in zip(*points(rule, steps)):
        total += weight * gradient(subject, start + at * (X - start), y, foil, kind)[1]
    parts = total * (X - start)
    return parts.norm(dim=1) if norm else parts.sum(1)


def between(word, at, b):
    """Which elements of a word lie between the path so far and the baseline."""
    return (word >= torch.minimum(at, b)) & (word <= torch.maximum(at, b))


def next_word(table, now, b, walked, steps, near, count):
    """The word that suits best of the `near` nearest to `now`; the baseline when none is left."""
    if now == b:
        return b
    away = (table - table[now]).norm(dim=1)
    away[now] = torch.inf
    best, least = b, None
    for word in sorted(torch.argsort(away, stable=True)[:near].tolist()):
        if word == b or word in walked:
            continue
        off = ~between(table[word], table[now], table[b])
        made = torch.where(off, table[now] - (table[now] - table[b]) / steps, table[word])
        unfit = off.sum().item() if count else (table[word] - made).norm().item()
        if least is None or unfit < least:
            best, least = word, unfit
    return best


def discretized_gradients(subject, ids, y, foil, b, steps=30, near=500, count=False, upscale=0,
                          kind='logprob'):
    """Sanyal & Ren's paths through words: left ends of the pieces."""
    table, paths = subject.embedding, []
    for x in ids:
        walked = [x]
        for _ in range(steps):
            walked.append(next_word(table, walked[-1], b, walked, steps, near, count))
        path = [table[x]]
        for word in walked[1:]:
            step = path[-1] - (path[-1] - table[b]) / steps
            path.append(torch.where(between(table[word], path[-1], table[b]), table[word], step))
        path = [table[b]] + path[::-1]
        for _ in range(upscale):
            path = [p for a, c in zip(path, path[1:]) for p in (a, (a + c) / 2)] + path[-1:]
        paths.append(torch.stack(path))
    points = torch.stack(paths, 1)
    total = torch.zeros(len(ids), dtype=DOUBLE)
    for at, after in zip(points, points[1:]):
        total += (gradient(subject, at, y, foil, kind)[1] * (after - at)).sum(1)
    return total


# ---- States ----------------------------------------------------------------------------------

def flat(state):
    """(n, d), whether or not there is a batch of one around it."""
    return state.reshape(-1, state.shape[-1])


def states(subject, X, layers, attentions=False):
    """What enters each block, and what leaves the last: list of (1, n, d) or (n, d); the logits;
    and, if asked for, the attentions, list of (heads, n, n)."""
    kept = []
    hooks = [layer.register_forward_pre_hook(lambda m, args, kwargs: kept.append(
        (args[0] if args else kwargs['hidden_states'])), with_kwargs=True) for layer in layers]
    hooks.append(layers[-1].register_forward_hook(
        lambda m, args, out: kept.append(out[0] if isinstance(out, tuple) else out)))
    out = subject.run(X, attentions=attentions)
    for hook in hooks:
        hook.remove()
    logits, maps = out if attentions else (out, None)
    return kept, logits, maps and [map_[0].detach() for map_ in maps]


def grad_cam(subject, layers, X, y, foil, layer=0, kind='logit'):
    X = X.clone().requires_grad_(True)
    kept, logits, _ = states(subject, X, layers)
    at = kept[layer] if layer else X
    slope, = torch.autograd.grad(objective(logits[-1], y, foil, kind), at)
    return (flat(at.detach()) * flat(slope).mean(0)).sum(1)


def peering(subject, layers, X, y_row, layer, query='target', centre=False, window=0, anchors=3):
    """Cosines of every context state with the query; with a window, of the best stretch."""
    n = len(X)
    with torch.no_grad():
        kept, _, _ = states(subject, torch.cat([X, y_row[None]]), layers)
    H = flat(kept[layer])
    q, H = H[n if query == 'target' else n - 1], H[:n]
    if centre:
        q, H = q - H.mean(0), H - H.mean(0)

    def cosine(a):
        return (a @ q / (a.norm() * q.norm())).item()
    like = torch.tensor([cosine(h) for h in H], dtype=DOUBLE)
    if not window:
        return like
    best = torch.full((n,), -1.0, dtype=DOUBLE)
    for anchor in sorted(range(n), key=lambda i: (-like[i].item(), i))[:anchors]:
        stretch = slice(max(0, anchor - window), min(n, anchor + window + 1))
        best[stretch] = torch.maximum(best[stretch],
                                      torch.tensor(cosine(H[stretch].mean(0)), dtype=DOUBLE))
    return best


def median(values):
    return torch.tensor(np.median(values.numpy()), dtype=DOUBLE)


# ---- Attention -------------------------------------------------------------------------------

def sent(subject, X, layers):
    """Per layer: what token j sends to row i through head h, (heads, n, n, d); the attentions; and
    the states before each block."""
    values = []
    hooks = [module.register_forward_hook(
        lambda m, i, out: values.append(subject.values(out.detach()[0])))
             for module in subject.value_modules]
    with torch.no_grad():
        kept, _, maps = states(subject, X, layers, attentions=True)
    for hook in hooks:
        hook.remove()
    H, K, w = subject.heads, subject.kv_heads, subject.head_width
    everything = []
    for A, v, out in zip(maps, values, subject.out_matrices):
        heads = []
        for h in range(H):
            k = h * K // H
            mixed = v[:, k * w:(k + 1) * w] @ out[:, h * w:(h + 1) * w].T
            heads.append(A[h][:, :, None] * mixed[None])
        everything.append(torch.stack(heads))
    return everything, maps, kept


def attention(maps, layer):
    return maps[layer].mean(0)[-1]


def value_norms(parts, rollout):
    layers = []
    for part in parts:
        norms = part.sum(0).norm(dim=-1)
        layers.append(norms / norms.sum(-1, keepdim=True))
    if not rollout:
        return torch.stack([N[-1] for N in layers]).mean(0)
    n = layers[0].shape[0]
    R = torch.eye(n, dtype=DOUBLE)
    for N in layers:
        R = (0.5 * N + 0.5 * torch.eye(n, dtype=DOUBLE)) @ R
    return R[-1]


# ---- Distributions along the context ---------------------------------------------------------

def share(logits, y, foil):
    if foil is None:
        return torch.softmax(logits, -1)[y].item()
    pair = torch.softmax(logits[[y, foil]], -1)
    return (pair[0] - pair[1]).item()


def tdd_forward(subject, X, y, foil):
    with torch.no_grad():
        r = [share(row, y, foil) for row in subject.run(X)]
    return torch.tensor([r[0]] + [b - a for a, b in zip(r, r[1:])], dtype=DOUBLE)


def tdd_backward(subject, X, y, foil, keep=False):
    with torch.no_grad():
        R = [share(subject.run(torch.cat([X[:1], X[i:]]) if keep and i else X[i:])[-1], y, foil)
             for i in range(len(X))]
    return torch.tensor([a - b for a, b in zip(R, R[1:])] + [R[-1]], dtype=DOUBLE)


# ---- Information flow routes -----------------------------------------------------------------

def route(parts, kept, added, factors, rows, weights):
    """Scores of all tokens for rows (with weights), summed over the layers. parts: what is sent,
    with values without bias; added: what attention adds; factors: of a norm behind it, or None."""
    total = torch.zeros(len(flat(kept[0])), dtype=DOUBLE)
    w = torch.tensor(weights, dtype=DOUBLE)
    for part, state, add, factor in zip(parts, kept, added, factors):
        x = flat(state)[rows]
        before, middle = w @ x, w @ (x + add[rows])
        received = part[:, rows]
        if factor is not None:
            received = received * factor[rows][None, :, None, :]
        received = torch.einsum('i,hijd->hjd', w, received)

        def near(c):
            return (middle.abs().sum() - (middle - c).abs().sum(-1)).clamp(min=0)
        shares = near(received).sum(0)
        everything = shares.sum() + near(before)
        total += shares / everything
    return total


def flashtrace(parts, kept, added, factors, prompt, rows, hops=0, answer=0):
    """rows: those of the targets; the targets as sources stand from `prompt` on."""
    n, count = len(flat(kept[0])), answer or len(rows)
    scores = route(parts, kept, added, factors, rows[-count:], [1.0] * count)
    if not hops:
        return scores
    last, ratio = scores, 1.0
    scores = scores.clone()
    for _ in range(hops):
        ratio *= (last[prompt:].sum() / last.sum()).item()
        weights = torch.zeros(len(rows), dtype=DOUBLE)
        weights[:n - prompt] = last[prompt:] / last[prompt:].sum()
        last = route(parts, kept, added, factors, rows, weights.tolist())
        scores[:prompt] += ratio * last[:prompt]
    scores[prompt:] = 0
    return scores


def attention_parts(subject, X, layers, out_modules, post_norms):
    """For route: (parts, states, what attention adds, factors)."""
    values, outs, normed = [], [], []
    hooks = [module.register_forward_hook(lambda m, i, out: values.append(subject.values(
        (out - m.bias if getattr(m, 'bias', None) is not None else out).detach()[0])))
             for module in subject.value_modules]
    hooks += [module.register_forward_hook(lambda m, i, out: outs.append(flat(out)))
              for module in out_modules]
    hooks += [module.register_forward_hook(lambda m, i, out: normed.append(flat(out)))
              for module in post_norms]
    with torch.no_grad():
        kept, _, maps = states(subject, X, layers, attentions=True)
    for hook in hooks:
        hook.remove()
    H, K, w = subject.heads, subject.kv_heads, subject.head_width
    parts = []
    for A, v, out in zip(maps, values, subject.out_matrices):
        parts.append(torch.stack([
            A[h][:, :, None] * (v[:, h * K // H * w:(h * K // H + 1) * w]
                                @ out[:, h * w:(h + 1) * w].T)[None] for h in range(H)]))
    factors = [b / a for a, b in zip(outs, normed)] if normed else [None] * len(outs)
    return parts, kept[:-1], normed or outs, factors
