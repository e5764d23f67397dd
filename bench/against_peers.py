#!/usr/bin/env python3
"""against_peers.py: heta and the packages whose methods it has, on the same work, in turn.

    python3 bench/against_peers.py --model FILE.gguf --python PEERS/bin/python [--json OUT.json]

Occlusion, kernel-shap and ig beside captum, contextcite beside context-cite: the same file, text,
target, masks and threads. A package runs one text at a time, as it does by default, and in batches;
the faster of the two counts. Prints medians of the seconds without loading, their ratio, and how far
the scores are apart. Exits with 1 when they disagree: times of different work compare nothing.

PEERS is an environment with torch, transformers, gguf, captum and context-cite, in which this
program calls itself; it needs no packages itself.
"""
import argparse
import json
import math
import os
import pathlib
import shlex
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
# How far scores may be apart, in the largest of them: float32 on both sides; context-cite's solver
# stops when it has its weights to about a hundredth.
AGREE = {'occlusion': 1e-3, 'kernel-shap': 1e-2, 'ig': 1e-3, 'contextcite': 5e-2}


def options_of(arguments, name):
    return {
        'occlusion': ['--mask', 'zero'],
        'kernel-shap': ['--samples', str(arguments.samples), '--mask', 'zero', '--keep', 'none'],
        'ig': ['--steps', str(arguments.steps), '--rule', 'midpoint', '--baseline', 'zero'],
        'contextcite': ['--samples', str(arguments.masks), '--source', 'word'],
    }[name]


# ---- In the environment of the packages ----------------------------------------------------------


def coalitions(count, samples):
    """The masks heta draws for kernel-shap with seed 0: 1 there, 0 away."""
    import numpy
    sys.path.insert(0, str(ROOT / 'tests' / 'oracle'))
    import philox
    sizes = numpy.arange(1, count)
    shares = numpy.cumsum(1 / (sizes * (count - sizes)))
    masks = numpy.ones((samples, count), dtype=int)
    for sample in range(samples):
        uniform = philox.uniform(0, philox.COALITION, 0, sample // 2, count + 1)
        size = 1 + min(int((uniform[count] * shares[-1] >= shares).sum()), count - 2)
        order = list(range(count))
        for i in range(size):
            other = i + int(uniform[i] * (count - i))
            order[i], order[other] = order[other], order[i]
        masks[sample, order[:size]] = 0
        if sample % 2:
            masks[sample] = 1 - masks[sample]
    return masks


def captum_scores(model, task):
    import captum.attr
    import torch
    ids = torch.tensor(task['ids'])
    rows = model.get_input_embeddings()(ids)[None].detach()

    def forward(embeddings):
        logits = model(inputs_embeds=embeddings, use_cache=False, logits_to_keep=1).logits[:, -1]
        return torch.log_softmax(logits, -1)[:, task['target']]

    each = {'feature_mask': torch.arange(len(ids))[None, :, None].expand(rows.shape).contiguous(),
            'perturbations_per_eval': task['batch']}
    if task['method'] == 'ig':
        return captum.attr.IntegratedGradients(forward).attribute(
            rows, n_steps=task['steps'], method='riemann_middle',
            internal_batch_size=task['batch'])[0].sum(-1).tolist()
    with torch.no_grad():
        if task['method'] == 'occlusion':
            return captum.attr.FeatureAblation(forward).attribute(rows, **each)[0, :, 0].tolist()

        class Given(captum.attr.KernelShap):
            """Its own fit and runs, with the masks heta has drawn."""

            def kernel_shap_perturb_generator(self, *_, **__):
                yield torch.ones(1, len(ids), dtype=torch.long)
                yield torch.zeros(1, len(ids), dtype=torch.long)
                for mask in coalitions(len(ids), task['samples']):
                    yield torch.from_numpy(mask)[None]

        return Given(forward).attribute(rows, n_samples=task['samples'] + 2,
                                        **each)[0, :, 0].tolist()


def cited_weights(model, tokenizer, task):
    """Weights of the sources by context-cite, which is told the sources."""
    import nltk
    nltk.download = lambda *_: False  # its sentence splitter, which is not used here
    from context_cite.context_partitioner import SimpleContextPartitioner
    from context_cite.solver import LassoRegression
    from context_cite.utils import aggregate_logit_probs, get_masks_and_logit_probs
    parts = SimpleContextPartitioner('')
    parts._cache = {'parts': task['sources'], 'separators': task['separators']}

    def prompt_ids(mask):
        return tokenizer.encode(parts.get_context(mask) + task['query'], add_special_tokens=False)

    masks, odds = get_masks_and_logit_probs(model, tokenizer, task['masks'], len(task['sources']),
                                            prompt_ids, [task['target']], 0.5, task['batch'])
    return LassoRegression().fit(masks, aggregate_logit_probs(odds), 1)[0].tolist()


def serve(arguments):
    """Reads tasks, one a line; answers each with scores and seconds."""
    out = os.fdopen(os.dup(1), 'w')
    os.dup2(2, 1)  # what the packages print goes elsewhere
    import torch
    import transformers
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    torch.set_num_threads(arguments.threads)
    place = {'pretrained_model_name_or_path': str(arguments.model.parent),
             'gguf_file': arguments.model.name}
    model = transformers.AutoModelForCausalLM.from_pretrained(
        **place, dtype=torch.float32).eval().requires_grad_(False)
    tokenizer = transformers.AutoTokenizer.from_pretrained(**place)
    tokenizer.padding_side = 'left'
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token_id = 0
    with torch.no_grad():  # warm up
        model(torch.arange(32)[None], use_cache=False, logits_to_keep=1)
    for line in sys.stdin:
        task = json.loads(line)
        start = time.perf_counter()
        if task['method'] == 'contextcite':
            scores = cited_weights(model, tokenizer, task)
        else:
            scores = captum_scores(model, task)
        out.write(json.dumps({'scores': scores, 'seconds': time.perf_counter() - start}) + '\n')
        out.flush()


# ---- Outside -------------------------------------------------------------------------------------


class Peer:
    def __init__(self, arguments):
        self.command = [str(arguments.python), __file__, '--serve', '--model',
                        str(arguments.model), '--threads', str(arguments.threads)]
        environment = dict(os.environ, OMP_NUM_THREADS=str(arguments.threads),
                           TOKENIZERS_PARALLELISM='false', TQDM_DISABLE='1')
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, text=True,
                                        stdout=subprocess.PIPE, env=environment)

    def ask(self, task):
        try:
            self.process.stdin.write(json.dumps(task) + '\n')
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ''
        if not line:
            raise SystemExit(f'the packages failed, exit code {self.process.wait()}; what they '
                             f'said stands above: {shlex.join(self.command)}')
        return json.loads(line)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def heta(arguments, name):
    """heta's result, its seconds without loading, and the command."""
    command = [str(arguments.heta), 'attribute', '-m', str(arguments.model), '-f',
               str(arguments.text), '--bos', 'no', '-a', name, *options_of(arguments, name),
               '--threads', str(arguments.threads), '--format', 'json', '--no-progress']
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f'{done.stderr}\nexit code {done.returncode}: {shlex.join(command)}')
    result = json.loads(done.stdout)
    seconds = sum(spent for phase, spent in result['timing']['phases'].items()
                  if phase != 'load')
    return result, seconds, shlex.join(command)


def row_of(result):
    return result['attributions'][0]['rows'][0]


def sources_of(result):
    """Sources, separators and query of a contextcite result, from its tokens."""
    text, spans = result['input']['text'].encode(), {}
    for token, source in zip(result['input']['tokens'], row_of(result)['components']['source']):
        if source:
            first, _ = spans.get(source, (token['start'], 0))
            spans[source] = first, token['end']
    sources, separators, at = [], [], 0
    for source in sorted(spans):
        start, end = spans[source]
        start += len(text[start:end]) - len(text[start:end].lstrip())
        sources.append(text[start:end].decode())
        separators.append(text[at:start].decode())
        at = end
    return {'sources': sources, 'separators': separators,
            'query': text[at:result['input']['prompt_end']].decode()}


def task_of(arguments, name, result):
    target = result['targets'][0]
    task = {'method': name, 'samples': arguments.samples, 'steps': arguments.steps,
            'masks': arguments.masks, 'target': target['id'],
            'ids': [t['id'] for t in result['input']['tokens'][:target['position']]]}
    return {**task, **(sources_of(result) if name == 'contextcite' else {})}


def scores_of(name, result):
    row = row_of(result)
    if name != 'contextcite':
        return row['signed_score']
    weights = dict(zip(row['components']['source'], row['components']['source_weight']))
    return [weights[source] for source in sorted(weights) if source]


def correlation(ours, theirs):
    """Pearson's."""
    n = len(ours)
    a, b = sum(ours) / n, sum(theirs) / n
    low = math.sqrt(sum((x - a) ** 2 for x in ours) * sum((y - b) ** 2 for y in theirs))
    return sum((x - a) * (y - b) for x, y in zip(ours, theirs)) / low if low else math.nan


def measure(arguments, name, peer):
    """Every turn: heta, then the package by itself and in batches."""
    ours, theirs, batches = [], {}, sorted({1, arguments.batch})
    for _ in range(arguments.repeats):
        result, seconds, command = heta(arguments, name)
        ours.append(seconds)
        task = task_of(arguments, name, result)
        if name == 'kernel-shap' and 2 ** len(task['ids']) - 2 <= arguments.samples:
            raise SystemExit(f'{len(task["ids"])} tokens have fewer than {arguments.samples} '
                             'coalitions, of which heta then takes all: give a longer text, or '
                             'fewer --samples')
        for batch in batches:
            found = peer.ask({**task, 'batch': batch})
            theirs.setdefault(batch, []).append(found['seconds'])
    medians = {batch: statistics.median(times) for batch, times in theirs.items()}
    best = min(medians, key=medians.get)
    mine, other, us = scores_of(name, result), found['scores'], statistics.median(ours)
    off = max(abs(x - y) for x, y in zip(mine, other)) / max(abs(y) for y in other)
    return result, {
        'method': name, 'package': 'context-cite' if name == 'contextcite' else 'captum',
        'heta_seconds': us, 'peer_seconds': medians[best], 'ratio': medians[best] / us,
        'batch': best, 'seconds_of_batches': medians, 'correlation': correlation(mine, other),
        'difference': off, 'agrees': off < AGREE[name], 'command': command}


def table(rows):
    yield f'{"method":14s} {"package":13s} {"heta s":>8s} {"theirs s":>9s} {"ratio":>6s} ' \
          f'{"batch":>5s}  largest difference of scores'
    for row in rows:
        yield f'{row["method"]:14s} {row["package"]:13s} {row["heta_seconds"]:8.2f} ' \
              f'{row["peer_seconds"]:9.2f} {row["ratio"]:6.1f} {row["batch"]:5d}  ' \
              f'{row["difference"]:.1e} of the largest' \
              f'{"" if row["agrees"] else " — THEY DISAGREE"}'


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--model', type=pathlib.Path, required=True, metavar='FILE.gguf')
    parser.add_argument('--text', type=pathlib.Path, default=HERE / 'text-46.txt', metavar='FILE')
    parser.add_argument('--python', default=sys.executable, metavar='PROGRAM')
    parser.add_argument('--heta', type=pathlib.Path, default=ROOT / 'build/release/heta')
    parser.add_argument('--methods', type=lambda text: text.split(','), default=list(AGREE))
    parser.add_argument('--samples', type=int, default=128, help='coalitions (default 128)')
    parser.add_argument('--steps', type=int, default=20, help='points of ig (default 20)')
    parser.add_argument('--masks', type=int, default=64, help='of contextcite (default 64)')
    parser.add_argument('--batch', type=int, default=8, help='of the packages (default 8)')
    parser.add_argument('--threads', type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument('--repeats', type=int, default=3)
    parser.add_argument('--json', type=pathlib.Path, metavar='OUT')
    parser.add_argument('--quiet', action='store_true', help='no table: --json has it')
    parser.add_argument('--serve', action='store_true', help=argparse.SUPPRESS)
    return parser.parse_args()


def main():
    arguments = parse()
    if arguments.serve:
        serve(arguments)
        return
    unknown = [name for name in arguments.methods if name not in AGREE]
    if unknown:
        raise SystemExit(f'{", ".join(unknown)}: not among {", ".join(AGREE)}')
    rows, peer, load = [], Peer(arguments), os.getloadavg()[0]
    for name in arguments.methods:
        result, row = measure(arguments, name, peer)
        rows.append(row)
        print(f'{name} done', file=sys.stderr)
    peer.close()
    note = (f'{result["environment"]["cpu"]}, {arguments.threads} threads, load {load:.1f} at the '
            f'start; {result["targets"][0]["position"]} context tokens; medians of '
            f'{arguments.repeats} runs in turn, without loading; {arguments.samples} coalitions, '
            f'{arguments.steps} points of ig, {arguments.masks} prompts of contextcite; packages '
            f'one text at a time or in batches of {arguments.batch}, whichever is faster')
    if arguments.json:
        arguments.json.write_text(json.dumps({'note': note, 'rows': rows}, indent=1) + '\n')
    if not arguments.quiet:
        print(note, *table(rows), sep='\n')
    if not all(row['agrees'] for row in rows):
        raise SystemExit('the scores disagree: the times compare nothing')


if __name__ == '__main__':
    main()
