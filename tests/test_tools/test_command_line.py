"""Every tool: --help at once, and whatever happens ends in two lines and an exit code."""
import contextlib
import importlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import command_line
import pytest
import torch
from command_line import NEEDLESS, WithoutNeedless, run_tool
from conftest import REPOSITORY
from torch.utils.data import DataLoader

from layeragg_mm.errors import InputError, RunError, tracebacks_in
from layeragg_mm.stack import StackError

TOOLS = sorted(file.stem for file in (REPOSITORY / 'tools').glob('*.py') if file.stem != 'command_line')

HELP = '''
import contextlib, io, json, runpy, sys
sys.path.insert(0, {tools!r})
printed = {{}}
for name in {names!r}:
    sys.argv = [name, '--help']
    with contextlib.redirect_stdout(io.StringIO()) as output:
        try:
            runpy.run_path({tools!r} + '/' + name + '.py', run_name='__main__')
        except SystemExit as stop:
            assert stop.code == 0, name
    printed[name] = output.getvalue()
print(json.dumps([printed, sorted({{name.partition('.')[0] for name in sys.modules}})]))
'''


def test_help_imports_nothing_that_takes_time():
    code = HELP.format(tools=str(REPOSITORY / 'tools'), names=TOOLS)
    printed, modules = json.loads(subprocess.run([sys.executable, '-c', code], check=True, capture_output=True,
                                                 text=True).stdout)
    assert not {'torch', 'numpy', 'mmengine', 'mmcv', 'mmdet', 'rich', 'matplotlib', 'layeragg_mm'} & set(modules)
    assert all('usage: ' in text for text in printed.values()) and len(printed) > 10


@pytest.mark.parametrize('name', TOOLS)
def test_every_tool_has_its_command(name):
    assert callable(importlib.import_module(f'layeragg_mm.commands.{name}').run)
    assert "if __name__ == '__main__':\n    run_tool(main)\n" in (REPOSITORY / 'tools' / f'{name}.py').read_text()


def ended(main, monkeypatch, tmp_path) -> int | str:
    """Return with what ``main`` makes a tool end that is run in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, 'argv', ['tools/some.py'])
    with pytest.raises(SystemExit) as stop:
        run_tool(main)
    return stop.value.code


def raising(error: BaseException):
    def main() -> None:
        raise error
    return main


@pytest.mark.parametrize('error', [InputError('a is wrong', 'Write b.'), StackError('a is wrong')])
def test_what_a_user_gave_ends_with_two_lines_and_2(error, monkeypatch, tmp_path, capsys):
    assert ended(raising(error), monkeypatch, tmp_path) == 2
    assert capsys.readouterr().err == f'error: a is wrong\n{error.remedy}\n' and not list(tmp_path.iterdir())


def test_a_run_that_cannot_go_on_ends_with_two_lines_and_1(monkeypatch, tmp_path):
    assert ended(raising(RunError('a broke', 'Try b.')), monkeypatch, tmp_path) == 'error: a broke\nTry b.'


def test_whatever_else_is_raised_ends_with_two_lines_and_its_traceback_in_a_file(monkeypatch, tmp_path):
    text = ended(raising(KeyError('shape')), monkeypatch, tmp_path)  # of SystemExit: printed, exit code 1
    what, remedy = text.splitlines()
    file = next(tmp_path.iterdir())
    assert what == "error: KeyError: 'shape'" and remedy == f'The traceback is in {file.name}.'
    assert 'in main' in file.read_text() and file.name.startswith('some_error_')


def test_a_training_s_traceback_lies_in_its_work_dir(monkeypatch, tmp_path):
    def main() -> None:
        with tracebacks_in(tmp_path / 'run'):
            raise ValueError('many lines\nof text')

    (tmp_path / 'run').mkdir()
    assert ended(main, monkeypatch, tmp_path).startswith('error: ValueError: many lines\nThe traceback is in ')
    assert [path.name for path in tmp_path.iterdir()] == ['run'] and len(list((tmp_path / 'run').iterdir())) == 1


def test_where_no_file_can_be_written_the_traceback_is_printed(monkeypatch, tmp_path):
    monkeypatch.setattr(Path, 'write_text', lambda *args, **kwargs: raising(OSError('full'))())
    text = ended(raising(KeyError('shape')), monkeypatch, tmp_path)
    assert text.startswith("error: KeyError: 'shape'\nTraceback") and not list(tmp_path.iterdir())


class Broken(torch.utils.data.Dataset):
    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int):
        raise LookupError('no such channel')


def test_of_a_data_worker_its_own_error_is_told(monkeypatch, tmp_path):
    text = ended(lambda: list(DataLoader(Broken(), num_workers=1)), monkeypatch, tmp_path)
    assert text.splitlines()[0] == 'error: LookupError: no such channel'
    assert '__getitem__' in next(tmp_path.iterdir()).read_text()


@pytest.mark.slow
def test_ctrl_c_ends_with_130(monkeypatch, tmp_path, capsys):
    assert ended(raising(KeyboardInterrupt()), monkeypatch, tmp_path) == 130
    assert capsys.readouterr().err.strip() == 'Interrupted' and not list(tmp_path.iterdir())


def test_home_is_known_behind_an_equals_sign(monkeypatch):
    monkeypatch.setenv('HOME', '/home/me')
    monkeypatch.setattr(sys, 'argv', ['train.py', '~/a.py', '--work-dir=~/runs', 'load_from=~/a.pth', 'a~/b', '~'])
    run_tool(lambda: None)
    assert sys.argv[1:] == ['/home/me/a.py', '--work-dir=/home/me/runs', 'load_from=/home/me/a.pth', 'a~/b', '/home/me']


def test_a_reader_that_has_gone_is_no_error():
    code = 'from command_line import run_tool\nrun_tool(lambda: [print("a" * 80) for _ in range(100000)])'
    process = subprocess.Popen([sys.executable, '-c', code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               env=dict(os.environ, PYTHONPATH=str(REPOSITORY / 'tools')))
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=60) == 1 and process.stderr.read() == ''


def test_nothing_but_the_forks_own_line_is_left_out():
    stream = io.StringIO()
    with contextlib.redirect_stdout(WithoutNeedless(stream)):
        for line in ('before', *NEEDLESS, '', f'{NEEDLESS[0]} And more.', NEEDLESS[0]):
            print(line)
        print('without an end', end='')
        print()
    assert stream.getvalue() == f'before\n\n{NEEDLESS[0]} And more.\nwithout an end\n'


def test_a_tool_that_meets_the_unexpected(run, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr('layeragg_mm.commands.eval_coco.load_results', lambda *args: [][0])
    for name in ('results', 'annotations'):
        (tmp_path / f'{name}.json').write_text('{}')
    monkeypatch.setattr('layeragg_mm.commands.eval_coco.load_annotations', lambda *args: {})
    what, remedy = run('eval_coco', 'results.json', 'annotations.json').splitlines()
    assert what == 'error: IndexError: list index out of range' and 'eval_coco_error_' in remedy
    assert command_line.LONGEST < 400
