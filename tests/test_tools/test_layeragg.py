"""The command ``layeragg``: it lists the tools and runs them, without imports of its own that take time."""
import subprocess
import sys

import pytest
from conftest import REPOSITORY

TOOLS = {file.stem for file in (REPOSITORY / 'tools').glob('*.py')} - {'command_line'}
IMPORTS = '''
import sys
import layeragg
sys.argv = ['layeragg', *{!r}]
try:
    layeragg.main()
finally:
    print(sorted({{name.partition('.')[0] for name in sys.modules}}), file=sys.stderr)
'''


def layeragg(*arguments: str) -> tuple[int, str, str]:
    done = subprocess.run([sys.executable, REPOSITORY / 'layeragg.py', *arguments], capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize('arguments', [[], ['--help']])
def test_lists_every_tool_by_what_it_does(arguments):
    code, out, _ = layeragg(*arguments)
    rows = {line.split()[0]: line.split(maxsplit=1)[1] for line in out.splitlines() if line.startswith('  ')}
    assert code == 0 and rows.keys() == TOOLS - {'check_dataset'} | {'check'}
    assert rows['train'] == 'Train a detector or segmentor'


@pytest.mark.parametrize('arguments', [['--help'], ['train', '--help']])
def test_help_imports_nothing_that_takes_time(arguments):
    done = subprocess.run([sys.executable, '-c', IMPORTS.format(arguments)], cwd=REPOSITORY, capture_output=True,
                          text=True)
    assert 'usage: layeragg' in done.stdout
    assert not [name for name in ('torch', 'numpy', 'mmengine', 'rich', 'layeragg_mm') if f"'{name}'" in done.stderr]


@pytest.mark.parametrize('name, near', [('trian', 'train'), ('list-backbones', 'list_backbones'),
                                        ('check_datasets', 'check'), ('zzz', None)])
def test_an_unknown_command_ends_with_two_lines_and_2(name, near):
    code, out, err = layeragg(name)
    what, remedy = err.splitlines()
    assert code == 2 and not out and remedy.startswith('There are benchmark, check, ')
    assert what == f'error: layeragg has no command {name!r}' + (f'; did you mean {near!r}?' if near else '')


def test_a_tool_shows_its_command_as_its_name():
    assert layeragg('train', '--help')[1].startswith('usage: layeragg train ')
    assert layeragg('visualize', 'layers', '--help')[1].startswith('usage: layeragg visualize layers ')


def test_a_tool_ends_as_it_does_by_itself():
    code, out, err = layeragg('train', 'nowhere.py')
    assert code == 2 and not out and err.startswith('error: config file not found: ') and err.count('\n') == 2


@pytest.mark.slow
def test_what_the_forks_print_of_onedl_is_left_out():
    code, out, err = layeragg('list_backbones', '--names', 'dla34')
    assert code == 0 and out.strip().startswith('| backbone |') and 'OneDL' not in out + err
