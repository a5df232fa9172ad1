"""Imports go one way, and the plain modules need torch alone."""
import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import layeragg_mm

PACKAGE = Path(layeragg_mm.__file__).parent
ORDER = ['layers', 'adapters', 'fast', 'backbones', 'necks', 'detectors', 'engine', 'own_data', 'commands']


def imported(file: Path) -> Iterator[str]:
    """Yield the absolute names of the modules that a file imports."""
    package = ['layeragg_mm', *file.relative_to(PACKAGE).parts[:-1]]
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = '.'.join(package[:len(package) - node.level + 1]) if node.level else ''
            module = '.'.join(filter(None, (base, node.module)))
            yield module
            yield from (f'{module}.{name.name}' for name in node.names)


@pytest.mark.parametrize('part', ORDER)
def test_imports_go_one_way(part):
    later = {f'layeragg_mm.{name}' for name in ORDER[ORDER.index(part) + 1:]}
    for file in (PACKAGE / part).rglob('*.py'):
        for name in imported(file):
            assert '.'.join(name.split('.')[:2]) not in later, f'{file} imports {name}'


ERRORS = 'layeragg_mm.errors', 'layeragg_mm.words'


def test_the_ideas_need_torch_alone():
    allowed = {'torch', *sys.stdlib_module_names}
    for file in (PACKAGE / 'layers').rglob('*.py'):
        for name in imported(file):
            ours = name == 'layeragg_mm' or name.startswith(('layeragg_mm.layers', 'layeragg_mm.choices', *ERRORS))
            assert ours or name.split('.')[0] in allowed, f'{file} imports {name}'
    for file in ('choices.py', 'errors.py', 'words.py'):
        for name in imported(PACKAGE / file):
            assert name.startswith(ERRORS) or name.split('.')[0] in allowed, f'{file} imports {name}'
