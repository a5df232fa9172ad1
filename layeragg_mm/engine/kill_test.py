"""Kills training runs at random moments, resumes them, and compares what they end with."""
import os
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner

from ..checkpoints import read_checkpoint
from ..errors import RunError
from .checkpointing import WholeFileBackend
from .config import read_config
from .process_server import PROCESSES
from .resuming import find_checkpoint, resume
from .training import protect_training

__all__ = ['PHASES', 'Kill', 'differing', 'kill_runs']

PHASES = ('training', 'validation', 'writing')


@dataclass(frozen=True)
class Kill:
    """What happened to one killed run.

    Attributes:
        phase: one of ``PHASES``; ``writing`` is of a checkpoint.
        moment: how far into the phase it was killed, in parts of the phase's duration in the run never killed.
        iteration: the one that was running, or after which it validated or wrote.
        resumed_from: name of the checkpoint, or None if there was none yet.
        left: name of a half-written file that the kill left.
        differing: names of the values in the last checkpoint that differ from those of the run never killed.
    """
    phase: str
    moment: float
    iteration: int
    resumed_from: str | None
    left: str | None
    differing: list[str]


class TellPhaseHook(Hook):
    """Tells another process the phase that begins, and the iteration."""

    def __init__(self, listener: Connection) -> None:
        self.listener = listener

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch=None) -> None:
        self.listener.send(('training', runner.iter + 1))

    def before_val(self, runner: Runner) -> None:
        self.listener.send(('validation', runner.iter))

    def before_train(self, runner: Runner) -> None:
        put = WholeFileBackend.put

        def put_and_tell(backend, obj, path):
            self.listener.send(('writing', runner.iter + 1))
            put(backend, obj, path)
            self.listener.send(('written', runner.iter + 1))

        WholeFileBackend.put = put_and_tell


def _train(config: str, data_root: str, work_dir: Path, listener: Connection) -> None:
    with open(work_dir / 'output.txt', 'a') as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    torch.set_num_threads(1)
    cfg = Config(read_config(config, data_root).to_dict(), format_python_code=False)  # yapf takes longer than training
    cfg.work_dir = str(work_dir)
    resume(cfg, 'auto')
    protect_training(cfg)
    runner = Runner.from_cfg(cfg)
    runner.register_hook(TellPhaseHook(listener))
    runner.train()


class Training:
    """A run of ``config`` in a process of its own, and the phases that it goes through."""

    def __init__(self, config: str, data_root: str, work_dir: Path) -> None:
        work_dir.mkdir(parents=True, exist_ok=True)
        self.work_dir = work_dir
        self.phases, listener = PROCESSES.Pipe(duplex=False)
        self.process = PROCESSES.Process(target=_train, args=(config, data_root, work_dir, listener))
        self.process.start()
        listener.close()

    def __iter__(self) -> Iterator[tuple[str, int]]:
        """Yield each phase, with its iteration, as it begins, until the run ends."""
        while True:
            try:
                yield self.phases.recv()
            except EOFError:
                return

    def finish(self) -> dict:
        """Return the last checkpoint.

        Raises:
            RunError: the run failed.
        """
        for _ in self:
            pass
        self.process.join()
        if self.process.exitcode:
            raise RunError(f'a run ended with exit code {self.process.exitcode}',
                           f'Its output is in {self.work_dir / "output.txt"}.')
        return read_checkpoint(find_checkpoint(self.work_dir))


def kill_runs(config: str, data_root: str, work_dir: str | Path, runs: int, seed: int = 0) -> Iterator[Kill]:
    """Train ``config`` once undisturbed; then yield what became of ``runs`` runs that were killed and resumed.

    The runs are killed with SIGKILL in training, in validation and while a checkpoint is being written, in turn, each
    at a random iteration and a random moment.

    Args:
        config: of a training on the CPU with ``num_workers=0`` and a seed.
        data_root: of its data.
        work_dir: folder for the runs, one folder each.
        runs: how many are killed.
        seed: of the random moments.
    """
    work_dir, draw = Path(work_dir), random.Random(seed)
    undisturbed = Training(config, data_root, work_dir / 'undisturbed')
    begins = [(time.monotonic(), *phase) for phase in undisturbed]
    ends = [begin[0] for begin in begins[1:]] + [time.monotonic()]
    durations = {(phase, iteration): end - begin for (begin, phase, iteration), end in zip(begins, ends)}
    expected = undisturbed.finish()

    for run in range(runs):
        target = draw.choice([key for key in durations if key[0] == PHASES[run % len(PHASES)]])
        moment = draw.random()
        killed = Training(config, data_root, work_dir / f'run_{run + 1}')
        for phase in killed:
            if phase == target:
                time.sleep(moment * durations[target])
                break
        killed.process.kill()
        killed.process.join()
        left = next(killed.work_dir.glob('*.part'), None)
        start = find_checkpoint(killed.work_dir)
        resumed = Training(config, data_root, killed.work_dir).finish()
        yield Kill(*target[:1], moment, target[1], start and start.name, left and left.name,
                   sorted(differing(expected, resumed)))


def differing(one, other, name: str = '') -> Iterator[str]:
    """Yield the names of the values that differ in any bit."""
    if isinstance(one, dict):
        for key in one.keys() | other.keys():
            if name or key not in ('meta', 'message_hub'):  # which tell of the time
                yield from differing(one.get(key), other.get(key), f'{name}.{key}' if name else str(key))
    elif isinstance(one, (list, tuple)) and len(one) == len(other):
        for index, pair in enumerate(zip(one, other)):
            yield from differing(*pair, f'{name}.{index}')
    elif not (torch.equal(one, other) if isinstance(one, torch.Tensor) else one == other):
        yield name
