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
        self.command = [str(arguments.heta), 'attribute', '-m', str(arguments.model),
                        '-f', str(arguments.text), '--bos', 'no', '--probes', str(arguments.probes),
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
    name = 'PyTorch'

    def __init__(self, arguments, like):
        self.environment = dict(os.environ, OMP_NUM_THREADS=str(arguments.threads))
        self.command = [str(arguments.python), str(HERE / 'reference_pytorch.py'),
                        '--model', str(arguments.model), '--ids', ','.join(map(str, like['ids'])),
                        '--target-id', str(like['target']), '--curvature', arguments.curvature,
                        '--probes', str(arguments.probes), '--seed', str(arguments.seed)]
        if arguments.sample:
            self.command += ['--sample', str(arguments.sample)]
        self.sampled_curvature = arguments.curvature == 'block'
        self.version = None

    def measure(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / 'reference.json'
            _, _, peak = run(self.command + ['--json', str(path)], self.environment)
            result = json.loads(path.read_text(encoding='utf-8'))
        self.version = f'torch {result["torch"]}, transformers {result["transformers"]}'
        # With --sample: what the parts would take for every token.
        factor = len(result['ids']) / len(result['tokens'])
        seconds = dict(result['seconds'], load=result['load_seconds'])
        seconds['information'] *= factor
        if self.sampled_curvature:
            seconds['curvature'] *= factor
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
    parser.add_argument('--sample', type=int, metavar='K', help='let PyTorch do K tokens only and '
                        'extrapolate its times; every token of heta is still computed')
    parser.add_argument('--heta', type=pathlib.Path, default=ROOT / 'build/release/heta',
                        metavar='PROGRAM')
    parser.add_argument('--python', default=sys.executable, metavar='PROGRAM',
                        help='a Python with PyTorch (scripts/oracle-venv.sh makes one)')
    parser.add_argument('--json', type=pathlib.Path, metavar='OUT', help='write every run here')
    arguments = parser.parse_args()
    for name in ('probes', 'threads', 'repeats', 'sample'):
        if getattr(arguments, name) is not None and getattr(arguments, name) < 1:
            parser.error(f'--{name} must be at least 1')
    for path in (arguments.model, arguments.text, arguments.heta):
        if not path.is_file():
            parser.error(f'there is no file {path}')
    return arguments


def main():
    arguments = parse()
    busy = os.getloadavg()[0]
    heta = Heta(arguments)
    first = heta.measure()  # also warms the file cache; its times are not used
    reference = Reference(arguments, first)
    runs = {heta.name: [], reference.name: []}
    for repeat in range(arguments.repeats):
        turn = (heta, reference) if repeat % 2 == 0 else (reference, heta)
        for one in turn:
            result = one.measure()
            runs[one.name].append(result)
            print(f'{one.name:8s} {result["seconds"]["total"]:9.2f} s', file=sys.stderr)
    ours, theirs = runs[heta.name], runs[reference.name]

    print(f'cpu        {first["cpu"]}, {os.cpu_count()} cores, load {busy:.1f} at the start')
    print(f'versions   {heta.version}; {reference.version}')
    print(f'work       {len(first["ids"])} context tokens, {arguments.curvature} curvature, '
          f'{arguments.probes} probes, {arguments.threads} threads, medians of '
          f'{arguments.repeats}')
    for one in (heta, reference):
        print(f'command    {shlex.join(one.command)}')
    print()
    agreed = differences(ours[0], theirs[0])
    for what, difference in agreed.items():
        print(f'{what:12s} differs by {difference:.1e} of its largest value')
    done = len(theirs[0]['tokens'])
    extrapolated = done < len(first['ids'])
    note = f'  (extrapolated from {done} tokens)' if extrapolated else ''
    print(f'\n{"seconds":12s} {heta.name:>9s} {reference.name:>9s} {"ratio":>7s}')
    for part in (*PARTS, 'total', 'load'):
        a, b = (statistics.median(r['seconds'][part] for r in which) for which in (ours, theirs))
        ratio = '' if part == 'load' else f'{b / a:7.1f}'
        print(f'{part:12s} {a:9.2f} {b:9.2f} {ratio}'
              + {'total': note, 'load': '         (not in the total)'}.get(part, ''))
    peak, other = (max(r['peak'] for r in which) / 2**20 for which in (ours, theirs))
    planned = first['planned'] / 2**20
    print(f'\npeak memory  heta {peak:.0f} MiB of {planned:.0f} planned, PyTorch {other:.0f} MiB')
    if arguments.json:
        arguments.json.write_text(json.dumps(runs, indent=1) + '\n', encoding='utf-8')
    worst = max(agreed.values())
    if not worst <= AGREE:
        raise SystemExit(f'the two differ by {worst:.1e}, more than {AGREE:g}: not the same work')


if __name__ == '__main__':
    main()
