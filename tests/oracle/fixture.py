"""fixture.py: writes a fixture as JSON, one list of numbers a line, 15 significant digits."""
import json
import math


def _number(value):
    assert math.isfinite(value), 'a fixture holds a number that is not finite'
    return str(value) if isinstance(value, int) else f'{value:.15g}'


def _write(value, indent):
    pad, inner = ' ' * indent, ' ' * (indent + 1)
    if isinstance(value, dict):
        items = [f'{inner}{json.dumps(k)}: {_write(v, indent + 1)}' for k, v in value.items()]
        return '{\n' + ',\n'.join(items) + f'\n{pad}}}'
    if isinstance(value, list) and value and isinstance(value[0], (list, dict)):
        return '[\n' + ',\n'.join(inner + _write(v, indent + 1) for v in value) + f'\n{pad}]'
    if isinstance(value, list):
        return '[' + ','.join(_write(v, indent) for v in value) + ']'
    if isinstance(value, (str, bool)) or value is None:
        return json.dumps(value, ensure_ascii=False)
    return _number(value)


def write(path, value):
    path.write_text(_write(value, 0) + '\n', encoding='utf-8')
