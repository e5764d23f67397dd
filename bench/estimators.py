#!/usr/bin/env python3
"""estimators.py: estimators of S = E|H_ii r|_1 on known blocks: error against products.

    python bench/estimators.py BLOCKS.npz [--trials 20] [--target 0] [--context N]

BLOCKS.npz is what dense_blocks.py wrote. The truth of a token is the mean over 4,000 random sign
vectors. Every estimator sees the block only through products, and through the token's rows of a
sketch of the whole context. For each: the root of the mean squared relative error over the trials,
at the median token and at the 90th percentile of tokens; the bias at the median token; and how
often the 95 % intervals hold the truth, from the standard error with 1.96 and with Student's t.
Own products are those of the token; the sketch's are shared by all tokens and come on top.
"""
import argparse
import math

import numpy as np

HALF = (2 / math.pi) ** 0.5
T95 = {1: 12.71, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262,
       14: 2.145, 19: 2.093, 24: 2.064, 31: 2.040, 63: 1.998}


def erf(x):
    """Abramowitz and Stegun 7.1.26: within 1.5e-7."""
    t = 1 / (1 + 0.3275911 * np.abs(x))
    y = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027
                                                                       + t * 1.061405429))))
    return np.sign(x) * (1 - y * np.exp(-x * x))


def folded(mean, size):
    """E|mean + size z| for a standard normal z."""
    t = np.clip(mean / (np.maximum(size, 1e-300) * 2 ** 0.5), -30, 30)
    return HALF * size * np.exp(-t * t) + mean * erf(t)


class Known:
    """The part of H that W = HQ tells: A = WQt + QWt - Q(QtW)Qt."""

    def __init__(self, Q, W):
        inner = Q.T @ W
        self.Q, self.W, self.inner = Q, W, (inner + inner.T) / 2

    def __matmul__(self, R):
        x = self.Q.T @ R
        return self.W @ x + self.Q @ (self.W.T @ R - self.inner @ x)

    def rows(self):
        """Squared lengths of A's rows."""
        Z = self.W - self.Q @ self.inner
        return (self.W ** 2).sum(1) + ((self.Q @ (Z.T @ Z)) * self.Q).sum(1)


def plain(H, Y, random, m):
    return np.abs(H @ random(m)).sum(0)


def core_alone(H, Y, random, k):
    """lowrank:k, without the noise of its free directions: E|a r| by each row's length."""
    Q, _ = np.linalg.qr(H @ random(k))
    B = Q.T @ H @ Q
    return [HALF * np.sqrt(np.maximum(((Q @ (B @ B)) * Q).sum(1), 0)).sum()]


def start(H, Y, k):
    U = np.linalg.svd(Y.T, full_matrices=False)[0][:, :k]
    known = Known(U, H @ U)
    rest = Y - (Y @ U) @ U.T
    return known, np.sqrt((rest ** 2).mean(0))


def sketch(H, Y, random, k, m, squares=True):
    """The product's --estimator sketch. squares: scale by squares of ratios, else by sums."""
    known, profile = start(H, Y, k)
    R = random(m)
    P = H @ R
    rest = np.abs(P - known @ R)
    scale = (np.sqrt(((rest / profile[:, None]) ** 2).mean(0)) if squares
             else rest.sum(0) / (HALF * profile.sum()))
    free = known @ random(256)
    out = []
    for j in range(m):
        size = scale[1 if j == 0 else 0] * profile[:, None]
        out.append(folded(free, size).sum(0).mean() + np.abs(P[:, j]).sum()
                   - folded(known @ R[:, [j]], size).sum())
    return out


def rows(H, Y, random, k, m):
    """Row by row: known part and a Gaussian rest of the sketch's profile, scaled by sums."""
    known, profile = start(H, Y, k)
    R = random(m)
    rest = np.abs(H @ R - known @ R).sum(0) / (HALF * profile.sum())
    return [HALF * np.sqrt(known.rows() + (s * profile) ** 2).sum() for s in rest]


def antithetic(H, Y, random, m):
    return np.repeat(plain(H, Y, random, m // 2), 2)


def orthogonal(H, Y, random, m):
    """Signs whose Gram matrix is made diagonal as far as rotation by one of them can: QR."""
    Q, _ = np.linalg.qr(random(m))
    return np.abs(H @ (Q * len(Q) ** 0.5)).sum(0)


def krylov(H, Y, random, k):
    """Block of one: from the sketch's leading direction, each product the next direction."""
    q = np.linalg.svd(Y.T, full_matrices=False)[0][:, :1]
    Q, W = q, H @ q
    for _ in range(k - 1):
        Q, _ = np.linalg.qr(np.concatenate([Q, W[:, -1:]], 1))
        W = H @ Q
    return Known(Q, W)


def krylov_rows(H, Y, random, k, m):
    known = krylov(H, Y, random, k)
    rest = Y - (Y @ known.Q) @ known.Q.T
    profile = np.sqrt((rest ** 2).mean(0))
    R = random(m)
    size = np.abs(H @ R - known @ R).sum(0) / (HALF * profile.sum())
    return [HALF * np.sqrt(known.rows() + (s * profile) ** 2).sum() for s in size]


def oracle(H, Y, random, k, m):
    """What no estimator has: the exact leading k directions, found by no product, and the exact
    profile of the rest. m random products measure its size."""
    value, vector = np.linalg.eigh(H)
    lead = np.argsort(-np.abs(value))[:k]
    known = (vector[:, lead] * value[lead]) @ vector[:, lead].T
    rest = H - known
    profile = np.sqrt((rest ** 2).sum(1))
    size = np.abs(rest @ random(m)).sum(0) / (HALF * profile.sum())
    return [HALF * np.sqrt((known ** 2).sum(1) + (size.mean() * profile) ** 2).sum()]


CASES = [('plain', plain, (4,), 0), ('plain', plain, (9,), 0), ('plain', plain, (25,), 0),
         ('plain', plain, (64,), 0), ('orthogonal', orthogonal, (9,), 0),
         ('antithetic', antithetic, (10,), 0),
         ('core alone (lowrank:k)', core_alone, (8,), 0),
         ('core alone (lowrank:k)', core_alone, (32,), 0),
         ('core alone (lowrank:k)', core_alone, (64,), 0),
         ('sketch, k = 5', sketch, (5, 4), 32), ('sketch, k = 5', sketch, (5, 15), 32),
         ('sketch, k = 2', sketch, (2, 2), 32),
         ('sketch, k = 2, scale by sums', sketch, (2, 2, False), 32),
         ('rows, k = 1', rows, (1, 1), 32), ('rows, k = 2', rows, (2, 2), 16),
         ('rows, k = 2', rows, (2, 2), 32), ('rows, k = 1', rows, (1, 3), 32),
         ('rows, k = 5', rows, (5, 4), 32), ('rows, k = 2', rows, (2, 7), 32),
         ('Krylov + rows, k = 3', krylov_rows, (3, 2), 32),
         ('oracle, k = 1', oracle, (1, 2), 0), ('oracle, k = 2', oracle, (2, 1), 0),
         ('oracle, k = 3', oracle, (3, 1), 0), ('oracle, k = 3', oracle, (3, 2), 0)]


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument('file')
    p.add_argument('--trials', type=int, default=20)
    p.add_argument('--target', type=int, default=0)
    a = p.parse_args()
    z = np.load(a.file)
    d = z['sketch'].shape[-1]
    generator = np.random.default_rng(1)
    blocks = []
    for flat in z['blocks'][a.target]:
        H = np.zeros((d, d))
        H[np.triu_indices(d)] = flat
        blocks.append(H + H.T - np.diag(np.diag(H)))

    def random(m):
        return generator.integers(0, 2, (d, m)) * 2.0 - 1
    samples = [np.abs(H @ random(4000)).sum(0) for H in blocks]
    truth = [s.mean() for s in samples]
    one = [s.std() / s.mean() for s in samples]
    print(f'{len(blocks)} tokens; one probe: {np.median(one):.3f} of S at the median token, '
          f'{np.percentile(one, 90):.3f} at the 90th percentile')
    print(f'plain probes for 5 %: {np.median(one) ** 2 / 0.0025:.0f}, '
          f'{np.percentile(one, 90) ** 2 / 0.0025:.0f}\n')
    print('| estimator | own products | sketch | median | 90th | bias | 1.96 | t |')
    print('|---|---|---|---|---|---|---|---|')
    for name, function, arguments, columns in CASES:
        error, inside, inside_t, known = [], 0, 0, 0
        for k, H in enumerate(blocks):
            found = []
            for _ in range(a.trials):
                pool = z['sketch'][a.target][:, k].astype(float)
                Y = pool[generator.permutation(len(pool))[:columns]] if columns else None
                x = np.array(function(H, Y, random, *arguments))
                found.append(x.mean() / truth[k] - 1)
                if len(x) > 1:
                    se = x.std(ddof=1) / len(x) ** 0.5 / truth[k]
                    known += 1
                    inside += abs(found[-1]) <= 1.96 * se
                    inside_t += abs(found[-1]) <= T95.get(len(x) - 1, 2.0) * se
            error.append((np.mean(np.square(found)) ** 0.5, np.mean(found)))
        rms, bias = np.array(error).T
        own = 2 * arguments[0] if function is core_alone else sum(arguments[:2])
        cover = [f'{100 * c / known:.0f} %' if known else '' for c in (inside, inside_t)]
        print(f'| {name} | {own} | {columns or ""} | {np.median(rms):.3f} | '
              f'{np.percentile(rms, 90):.3f} | {np.median(bias):+.3f} | {cover[0]} | {cover[1]} |',
              flush=True)


main()
