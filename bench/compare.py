#!/usr/bin/env python3
"""compare.py: heta and PyTorch on the same work: same file, tokens, probe vectors and threads.

    python3 bench/compare.py --model FILE.gguf [--python build/venv/bin/python]

Runs `heta attribute` and bench/reference_pytorch.py in turn, compares what they computed, then what
they took: medians over the repeats, without loading the model. Prints the machine, the versions and
the commands. Exits with 1 when the two disagree: times of different work compare nothing. This
program needs no packages; the Python it calls for the reference needs PyTorch and transformers.
"""
import argparse
import json
import os
import pathlib
import re
import shlex
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
# heta's phases that do what one of the reference's parts does. Its clean run is in the total only.
PARTS = {'gate': ['gate'], 'information': ['information'], 'curvature': ['gradient', 'curvature']}
AGREE = 1e-3  # of the largest value: both compute in float32


def run(command, environment):
    """stdout, stderr and peak memory in bytes of a command that must succeed."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                   env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        said = out.read().decode(), err.read().decode()
    if process.returncode != 0:
        raise SystemExit(f'{said[1]}\nexit code {process.returncode}: {shlex.join(command)}')
    return *said, usage.ru_maxrss * 1024


class Heta:
    """`heta attribute`, measured."""
    name = 'heta'

    def __init__(self, arguments):
        self.environment = dict(os.environ)
        self.probes = 1 if arguments.sample else arguments.probes
        self.times = arguments.probes / self.probes
        self.command = [str(arguments.heta), 'attribute', '-m', str(arguments.model),
                        '-f', str(arguments.text), '--bos', 'no', '--probes', str(self.probes),
                        '--curvature', arguments.curvature, '--seed', str(arguments.seed),
                        '--threads', str(arguments.threads), '--format', 'json', '--no-progress']
        self.version = run([str(arguments.heta), '--version'], self.environment)[0].strip()

    def measure(self):
        out, err, peak = run(self.command, self.environment)
        result = json.loads(out)
        (target,), (row,) = result['targets'], result['attributions'][0]['rows']
        n = target['position']
        phases = result['timing'].get('phases')
        if not phases:
            raise SystemExit(f'{self.command[0]} does not say what its seconds went to; build this '
                             'version of heta first')
        phases['curvature'] *= self.times
        seconds = {part: sum(phases[name] for name in names) for part, names in PARTS.items()}
        seconds['load'] = phases['load']
        seconds['total'] = sum(phases.values()) - phases['load']
        planned = re.search(r'about ([\d.]+) (MiB|GiB)', err)
        values = row['components']
        return {'ids': [token['id'] for token in result['input']['tokens'][:n]],
                'target': target['id'], 'M': values['gate'], 'I': values['information'],
                'S': values['curvature'], 'seconds': seconds, 'peak': peak,
                'planned': float(planned[1]) * {'MiB': 2**20, 'GiB': 2**30}[planned[2]],
                'cpu': result['environment']['cpu']}


class Reference:
    """bench/reference_pytorch.py, measured, on the tokens and the target that heta explained."""

    def __init__(self, arguments, like, batched=0):
        self.name = 'batched' if batched else 'PyTorch'
        self.environment = dict(os.environ, OMP_NUM_THREADS=str(arguments.threads))
        probes = 1 if arguments.sample else arguments.probes
        self.command = [str(arguments.python), str(HERE / 'reference_pytorch.py'),
                        '--model', str(arguments.model), '--ids', ','.join(map(str, like['ids'])),
                        '--target-id', str(like['target']), '--curvature', arguments.curvature,
                        '--probes', str(probes), '--seed', str(arguments.seed)]
        if arguments.sample:
            self.command += ['--sample', str(arguments.sample)]
        if batched:
            self.command += ['--batched', str(batched)]
        self.block = arguments.curvature == 'block'
        self.times = arguments.probes / probes
        self.version = None

    def measure(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / 'reference.json'
            _, _, peak = run(self.command + ['--json', str(path)], self.environment)
            result = json.loads(path.read_text(encoding='utf-8'))
        self.version = f'torch {result["torch"]}, transformers {result["transformers"]}'
        # With --sample: what the parts would take for every token and probe.
        factor = len(result['ids']) / len(result['tokens'])
        seconds = dict(result['seconds'], load=result['load_seconds'])
        seconds['information'] *= factor
        seconds['curvature'] *= self.times * (factor if self.block else 1)
        seconds['curvature'] += seconds.pop('gradient')
        seconds['total'] = sum(seconds[part] for part in PARTS)
        return dict(result, seconds=seconds, peak=peak)


def differences(heta, reference):
    """The largest difference of each quantity, over its largest value."""
    tokens = reference['tokens']
    found = {}
    for name, what in (('M', 'gate'), ('I', 'information'), ('S', 'curvature')):
        wanted = reference[name]
        values = heta[name] if name == 'M' else [heta[name][i] for i in tokens]
        assert len(values) == len(wanted)
        worst = max(abs(a - b) for a, b in zip(values, wanted))
        found[what] = worst / max(abs(b) for b in wanted)
    return found


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--model', type=pathlib.Path, required=True, metavar='FILE.gguf')
    parser.add_argument('--text', type=pathlib.Path, default=HERE / 'text-64.txt', metavar='FILE',
                        help='the context (default: bench/text-64.txt, 64 tokens of SmolLM2)')
    parser.add_argument('--probes', type=int, default=10, metavar='M')
    parser.add_argument('--curvature', choices=('block', 'row'), default='block')
    parser.add_argument('--seed', type=int, default=0, metavar='N')
    parser.add_argument('--threads', type=int, default=len(os.sched_getaffinity(0)), metavar='N')
    parser.add_argument('--repeats', type=int, default=5, metavar='N', help='default 5')
    parser.add_argument('--sample', type=int, metavar='K', help='run one probe per token, let '
                        'PyTorch do K tokens only, and scale the times up to what all would take')
    parser.add_argument('--batched', type=int, nargs='?', const=8, default=0, metavar='N',
                        help='a second PyTorch column: passes and products in batches of N '
                        '(default 8), by torch.func')
    parser.add_argument('--quiet', action='store_true', help='print no table')
    parser.add_argument('--heta', type=pathlib.Path, default=ROOT / 'build/release/heta',
                        metavar='PROGRAM')
    parser.add_argument('--python', default=sys.executable, metavar='PROGRAM',
                        help='a Python with PyTorch (scripts/oracle-venv.sh makes one)')
    parser.add_argument('--json', type=pathlib.Path, metavar='OUT', help='write what was found here')
    arguments = parser.parse_args()
    for name in ('probes', 'threads', 'repeats', 'sample'):
        if getattr(arguments, name) is not None and getattr(arguments, name) < 1:
            parser.error(f'--{name} must be at least 1')
    for path in (arguments.model, arguments.text, arguments.heta):
        if not path.is_file():
            parser.error(f'there is no file {path}')
    return arguments


def report(heta, references, runs, arguments, load):
    """What was found, as one object."""
    ours = runs[heta.name]
    done, n = len(runs[references[0].name][0]['tokens']), len(ours[0]['ids'])
    columns = []
    for one in (heta, *references):
        results = runs[one.name]
        columns.append({
            'name': one.name, 'version': one.version, 'command': one.command,
            'seconds': {part: statistics.median(r['seconds'][part] for r in results)
                        for part in (*PARTS, 'total', 'load')},
            'peak_bytes': max(r['peak'] for r in results),
            'totals': [r['seconds']['total'] for r in results]})
        if one is not heta:
            columns[-1]['differences'] = differences(ours[0], results[0])
    worst = max(max(column['differences'].values()) for column in columns[1:])
    scaled = f'one probe per token was run; PyTorch did {done} of {n} tokens; all counted as whole'
    return {'columns': columns, 'cpu': ours[0]['cpu'], 'cores': os.cpu_count(), 'load': load,
            'context_tokens': n, 'threads': arguments.threads, 'curvature': arguments.curvature,
            'probes': arguments.probes, 'repeats': arguments.repeats,
            'planned_bytes': ours[0]['planned'], 'worst_difference': worst,
            'note': f'Medians of {arguments.repeats} alternating runs without loading; '
                    f'{references[0].version}; largest difference {worst:.1e} of the largest value.'
                    + (f' Scaled: {scaled}.' if arguments.sample else '')}


def show(found):
    """The table for people."""
    columns = found['columns']
    print(f'cpu        {found["cpu"]}, {found["cores"]} cores, load {found["load"]:.1f} at the start')
    print(f'work       {found["context_tokens"]} context tokens, {found["curvature"]} curvature, '
          f'{found["probes"]} probes, {found["threads"]} threads')
    for column in columns:
        print(f'{column["name"]:10s} {column["version"]}: {shlex.join(column["command"])}')
    print(f'\n{found["note"]}\n\n{"seconds":12s} {columns[0]["name"]:>9s}' +
          ''.join(f' {column["name"]:>9s} {"ratio":>6s}' for column in columns[1:]))
    for part in (*PARTS, 'total', 'load'):
        ours = columns[0]['seconds'][part]
        print(f'{part:12s} {ours:9.2f}' + ''.join(
            f' {column["seconds"][part]:9.2f} {column["seconds"][part] / ours:6.1f}'
            for column in columns[1:]) + ('  (not in the total)' if part == 'load' else ''))
    print('\npeak memory  ' + ', '.join(f'{column["name"]} {column["peak_bytes"] / 2**20:.0f} MiB'
                                        for column in columns)
          + f'; heta planned {found["planned_bytes"] / 2**20:.0f} MiB')


def main():
    arguments = parse()
    load = os.getloadavg()[0]
    heta = Heta(arguments)
    first = heta.measure()  # also warms the file cache; its times are not used
    references = [Reference(arguments, first)]
    if arguments.batched:
        references.append(Reference(arguments, first, arguments.batched))
    all_of_them = [heta, *references]
    runs = {one.name: [] for one in all_of_them}
    for repeat in range(arguments.repeats):
        for one in all_of_them if repeat % 2 == 0 else all_of_them[::-1]:
            result = one.measure()
            runs[one.name].append(result)
            print(f'{one.name:8s} {result["seconds"]["total"]:9.2f} s', file=sys.stderr)
    found = report(heta, references, runs, arguments, load)
    if not arguments.quiet:
        show(found)
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1) + '\n', encoding='utf-8')
    worst = found['worst_difference']
    if not worst <= AGREE:
        raise SystemExit(f'the two differ by {worst:.1e}, more than {AGREE:g}: not the same work')


if __name__ == '__main__':
    main()
