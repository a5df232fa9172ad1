"""The steps of a cell - training, testing, scoring -, each in a process of its own."""
import fcntl
import os
import runpy
import sys
from collections.abc import Callable
from pathlib import Path

import torch

import layeragg_mm

from ..checkpoints import read_checkpoint
from ..engine import find_checkpoint
from ..engine.process_server import PROCESSES
from ..errors import InputError
from .plan import Cell, Plan
from .scoring import FOUND, score
from .training_log import fraction_trained

__all__ = ['Step']

TOOLS = Path(layeragg_mm.__file__).parent / '.mim/tools'
# Of a cell's work, by the time that it takes.
TRAINING_SHARE = .9


class Step:
    """The next step of a cell, as what its folder holds tells, in a process that has begun."""

    def __init__(self, plan: Plan, cell: Cell) -> None:
        self.plan, self.cell = plan, cell
        if not cell.weights.is_file():
            plan.start(cell)
            self.name = 'training'
            work = _run_script, 'train', [cell.config_file], ['--resume'], plan.study.gpus
        elif not cell.predictions.is_dir():
            self.name = 'testing'
            self._found.mkdir(exist_ok=True)
            work = _run_script, 'test', [cell.config_file, cell.weights], [
                '--work-dir', cell.folder / 'test', '--cfg-options',
                f'test_evaluator.outfile_prefix={self._found / FOUND}'], plan.study.gpus
        else:
            self.name = 'scoring'
            work = score, plan, cell
        self.process = PROCESSES.Process(target=_work_in, args=(cell.folder, cell.log, *work))
        self.process.start()

    def __str__(self) -> str:
        return f'{self.cell.name}: {self.name}'

    @property
    def _found(self) -> Path:
        return self.cell.folder / 'predictions.part'

    def finish(self) -> None:
        """Keep what the process left, which ended well."""
        if self.name == 'training':
            self._keep_weights()
        elif self.name == 'testing':
            os.replace(self._found, self.cell.predictions)

    def _keep_weights(self) -> None:
        """Of a finished training, keep the weights alone: the optimizer's state takes twice their room."""
        checkpoint = read_checkpoint(find_checkpoint(self.cell.train_dir))
        part = self.cell.folder / 'weights.part'
        torch.save({key: checkpoint[key] for key in ('meta', 'state_dict')}, part)
        os.replace(part, self.cell.weights)
        for path in self.cell.train_dir.glob('*.pth'):
            path.unlink()

    def fraction(self) -> float:
        """Return how much of the cell is done, 0..1."""
        if self.name != 'training':
            return TRAINING_SHARE
        return TRAINING_SHARE * fraction_trained(self.cell.train_dir, self.plan.arm_config(self.cell.arm).train_cfg)

    def failure(self) -> str | None:
        """Return why the process, which has ended, failed, with where to read more; None if it did not."""
        if self.process.exitcode == 0:
            return None
        lines = self.cell.log.read_text(errors='replace').strip().splitlines() if self.cell.log.is_file() else []
        said = [line for line in lines[-2:] if line.startswith('error: ')] or lines[-1:] or ['it said nothing']
        return f'{self.name} ended with exit code {self.process.exitcode}: {said[0]} (see {self.cell.log})'


def _work_in(folder: Path, log: Path, work: Callable, *arguments) -> None:
    """Do ``work(*arguments)`` in this process; everything it prints goes to ``log``."""
    os.setsid()  # a Ctrl-C is for the process that runs the study
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(file, 1)
    os.dup2(file, 2)
    sys.stdout.reconfigure(line_buffering=True)  # else what was printed before an error would follow it
    torch.set_num_threads(1)
    sys.path.append(str(TOOLS))  # the tools find what they share; behind all else, as there is a test.py
    from command_line import run_tool
    run_tool(lambda: _work_alone(folder, work, arguments))


def _work_alone(folder: Path, work: Callable, arguments: tuple) -> None:
    lock = os.open(folder / 'lock', os.O_WRONLY | os.O_CREAT, 0o644)
    os.set_inheritable(lock, True)  # held also if this process becomes another program
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise InputError(f'another process works in {folder}', 'Wait for it, or end it.') from error
    work(*arguments)


def _run_script(name: str, files: list[Path], options: list, gpus: int | None) -> None:
    """Run tools/train.py or tools/test.py; with several GPUs, its launcher."""
    files, options = [str(file) for file in files], [str(option) for option in options]
    if gpus is not None:
        script = str(TOOLS / f'dist_{name}.sh')
        environment = dict(os.environ, PYTHON=sys.executable, PYTHONUNBUFFERED='1')
        os.execve(script, [script, *files, str(gpus), *options], environment)
    sys.argv = [f'{name}.py', *files, *options]
    runpy.run_path(str(TOOLS / f'{name}.py'), run_name='__main__')
