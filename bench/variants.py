#!/usr/bin/env python3
"""variants.py: what the cheaper variants of HETA keep of the full result, and what they cost: ranks of the
scores, the curvature, the gate's leakage by windows, time. One text, one target; runs heta only.

    python3 bench/variants.py --model FILE.gguf [--text bench/text-64.txt] [--probes 10]

The full result is computed with two seeds: what they differ by is what probe noise leaves, and the
correlations are given raw and divided by the root of the two's own. docs/estimators.md has the tables.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent

# What the paper calls it, and how it is asked for; {w}, {s}, {a}: window, stride, anchor.
WINDOWS = '--windows {kind} --window {w} --stride {s}'
ANCHORED = WINDOWS.format(kind='anchored', w='{w}', s='{s}') + ' --anchor {a}'
VARIANTS = (
    ('HETA', '--probes {m}'),
    ('HETA, gauss-newton', '--curvature gauss-newton --probes {m}'),
    ('HETA-LR, blocks', '--curvature lowrank:8'),
    ('HETA-LR, whole', '--curvature lowrank-global:64'),
    ('HETA-LS, half', '--layers {half} --probes {m}'),
    ('HETA-LS, 4', '--layers 4 --probes {m}'),
    ('HETA-GS', '--curvature gradsq'),
    ('row', '--curvature row --probes {m}'),
    ('coded', '--estimator coded --probes {m}'),
    ('HETA-WIN, joint', '--probes {m} ' + WINDOWS.format(kind='joint', w='{w}', s='{s}')),
    ('HETA-WIN, isolated', '--probes {m} ' + WINDOWS.format(kind='isolated', w='{w}', s='{s}')),
    ('HETA-WIN, anchored', '--probes {m} ' + ANCHORED),
    ('LR + WIN', '--curvature lowrank-global:32 ' + ANCHORED),
    ('LS + WIN', '--layers 4 --probes {m} ' + ANCHORED),
    ('--fast', '--fast'),
)


def run(arguments, options, seed):
    command = [str(arguments.heta), 'attribute', '-m', str(arguments.model), '-f', str(arguments.text),
               '--bos', 'no', '--seed', str(seed), '--format', 'json', '-q', *options]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f'{" ".join(options)}: {done.stderr.strip()}')
    return json.loads(done.stdout)


def ranks(values):
    order = sorted(range(len(values)), key=lambda i: values[i])
    out = [0.0] * len(values)
    at = 0
    while at < len(order):
        end = at
        while end + 1 < len(order) and values[order[end + 1]] == values[order[at]]:
            end += 1
        for k in range(at, end + 1):
            out[order[k]] = (at + end) / 2
        at = end + 1
    return out


def correlation(a, b):
    """Spearman's, over the tokens that both have scored."""
    pairs = [(x, y) for x, y in zip(a, b) if x is not None and y is not None]
    return statistics.correlation(ranks([x for x, _ in pairs]), ranks([y for _, y in pairs]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument('--model', type=pathlib.Path, required=True, metavar='FILE.gguf')
    parser.add_argument('--text', type=pathlib.Path, default=HERE / 'text-64.txt', metavar='FILE')
    parser.add_argument('--heta', type=pathlib.Path, default=ROOT / 'build/release/heta')
    parser.add_argument('--probes', type=int, default=10)
    parser.add_argument('--only', type=lambda text: text.split(','), help='names, comma-separated')
    arguments = parser.parse_args()
    told = subprocess.run([arguments.heta, 'model', 'info', arguments.model, '--format', 'json'],
                          capture_output=True, text=True, check=True)
    layers = json.loads(told.stdout)['layers']
    first = run(arguments, ['-a', 'gradient-norm'], 0)
    tokens = first['targets'][0]['position']
    numbers = dict(m=arguments.probes, half=layers // 2, w=tokens // 2, s=tokens // 4, a=tokens // 4)
    full = [run(arguments, VARIANTS[0][1].format(**numbers).split(), seed) for seed in (1, 2)]

    def row_of(result):
        return result['attributions'][0]['rows'][0]

    scores = [row_of(result)['score'] for result in full]
    curvature = row_of(full[0])['components']['curvature']
    own = correlation(*scores)
    print(f'{tokens} tokens, {arguments.probes} probes, windows of {numbers["w"]}; two seeds of the full '
          f'result: {own:.3f}\n')
    print('| variant | options | products | 10¹² operations | seconds | ranks, raw | corrected | '
          'curvature, median error | leakage |')
    print('|---|---|---|---|---|---|---|---|---|')
    for name, options in VARIANTS:
        if arguments.only and name not in arguments.only:
            continue
        options = options.format(**numbers)
        pair = full if name == 'HETA' else [run(arguments, options.split(), seed) for seed in (3, 4)]
        rows = [row_of(result) for result in pair]
        raw = statistics.fmean(correlation(s, r['score']) for s in scores for r in rows)
        if name == 'HETA':
            raw = own
        noise = (own * correlation(rows[0]['score'], rows[1]['score'])) ** 0.5
        off = statistics.median(abs(x / y - 1) for x, y in
                                zip(rows[1]['components']['curvature'], curvature))
        cost = pair[0]['attributions'][0]['cost']
        seconds = statistics.fmean(r['timing']['seconds'] - r['timing']['phases']['load'] for r in pair)
        leakage = (pair[0]['attributions'][0].get('windows') or {}).get('leakage')
        print(f'| {name} | `{options}` | {cost["hvps"]} | {cost["flop"] / 1e12:.2f} | {seconds:.1f} | '
              f'{raw:.3f} | {raw / noise:.3f} | {off:.3f} | '
              f'{"" if leakage is None else f"{leakage:.3f}"} |', flush=True)


if __name__ == '__main__':
    main()
