"""Checkpoints from which a run goes on as if it had never stopped, and that no kill or full disk can take."""
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from uuid import uuid4

from mmengine.dist import all_gather_object, get_rank, get_world_size
from mmengine.fileio import LocalBackend, register_backend
from mmengine.hooks import CheckpointHook
from mmengine.registry import HOOKS
from mmengine.runner import Runner

from ..errors import RunError
from ..words import did_you_mean, some
from .distributed import any_process
from .random_state import random_state, set_random_state
from .signals import answer_signal, leave_signal

__all__ = ['RUN', 'ResumableCheckpointHook']

TERMINATED = 128 + signal.SIGTERM
# Under this name mmengine's message hub, which is part of a checkpoint, knows the run.
RUN = 'run'


def _init_worker(init: Callable[[int], None] | None, worker: int) -> None:
    """Take a data worker out of reach of the SIGTERM that a batch system sends to a whole process group."""
    os.setpgrp()
    if init is not None:
        init(worker)


class WholeFileBackend(LocalBackend):
    """mmengine's local files; a file is there whole or as it was, whenever the writing process or the machine stops."""

    def put(self, obj: bytes, filepath: str | Path) -> None:
        path = Path(filepath)
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(path.name + '.part')
        try:
            with open(part, 'wb') as file:
                file.write(obj)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, path)
        except OSError as error:
            error.filename = str(path)  # a full disk is told without
            raise
        finally:
            part.unlink(missing_ok=True)
        folder = os.open(path.parent, os.O_RDONLY)
        os.fsync(folder)  # the new name, too, is on the disk
        os.close(folder)


@HOOKS.register_module()
class ResumableCheckpointHook(CheckpointHook):
    """mmengine's CheckpointHook for runs that must not lose work.

    - A checkpoint is written under another name and renamed, and older ones are removed only then: whenever the process
      is killed, the last one is whole.
    - It tells of which run it is, so that those of an earlier one in the same folder are not taken for its own.
    - It holds the states of every process's random generators, and a resumed run sets them; validation does not touch
      them. On the CPU with ``num_workers=0`` a resumed run ends with the weights of one that never stopped, bit for
      bit, where the loop is a resumable one (:mod:`layeragg_mm.engine.loops`).
    - ``SIGTERM`` in any process makes all of them stop at the end of the iteration, after a checkpoint, with exit code
      143. A second one ends the process at once.

    With gradient accumulation, a checkpoint between two steps of the optimizer lacks what was accumulated.

    Args: those of ``CheckpointHook``.

    Raises:
        RunError: a checkpoint cannot be written; names it, the reason and the last whole one.
        SystemExit: code 143, see above.
    """

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        register_backend('local', WholeFileBackend, force=True, prefixes='')
        self.terminated = False
        self._saved_states = self._resumed_states = self._state_before_val = None

    def before_train(self, runner: Runner) -> None:
        super().before_train(runner)
        if RUN not in runner.message_hub.runtime_info:  # as in a resumed run, by its checkpoint
            runner.message_hub.update_info(RUN, uuid4().hex)
        self._written = self.last_ckpt
        self._look_for_best_here()
        answer_signal(signal.SIGTERM, self._on_sigterm)
        for loop in filter(None, (runner.train_loop, runner.val_loop)):
            loop.dataloader.worker_init_fn = partial(_init_worker, loop.dataloader.worker_init_fn)

    def _look_for_best_here(self) -> None:
        """Let a resumed run replace the best checkpoint of its own folder, not that of the folder that this was."""

        def here(path: str | None) -> str | None:
            return path and self.file_backend.join_path(self.out_dir, Path(path).name)

        if getattr(self, 'best_ckpt_path', None):
            self.best_ckpt_path = here(self.best_ckpt_path)
        if getattr(self, 'best_ckpt_path_dict', None):
            self.best_ckpt_path_dict = {key: here(path) for key, path in self.best_ckpt_path_dict.items()}

    def _on_sigterm(self, number: int, frame) -> None:
        self.terminated = True
        leave_signal(signal.SIGTERM)

    def after_train(self, runner: Runner) -> None:
        super().after_train(runner)
        leave_signal(signal.SIGTERM)

    # The random generators

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        if not runner._resume:
            return
        states = checkpoint.get('random_states', ())
        if len(states) == get_world_size():
            self._resumed_states = states[get_rank()]
        else:
            runner.logger.warning(f'The checkpoint has the random generators of {len(states)} processes, and this run '
                                  f'has {get_world_size()}: they start from the seed.')

    def before_train_epoch(self, runner: Runner) -> None:
        if self._resumed_states is not None:
            set_random_state(self._resumed_states)
            self._resumed_states = None

    def before_val(self, runner: Runner) -> None:
        self._state_before_val = random_state()

    def after_val(self, runner: Runner) -> None:
        set_random_state(self._state_before_val)
        self._state_before_val = None

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        if self._saved_states is not None:
            checkpoint['random_states'] = self._saved_states

    # Writing

    def _save_best_checkpoint(self, runner: Runner, metrics: dict) -> None:
        for score in self.save_best or ():
            if score != 'auto' and score not in metrics:
                raise RunError(f'save_best: the validation gives no {score!r}{did_you_mean(score, metrics)}',
                               f'It gives {some(metrics)}: change save_best, and go on with --resume.')
        super()._save_best_checkpoint(runner, metrics)

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict) -> None:
        self._saved_states = all_gather_object(self._state_before_val or random_state())
        super()._save_checkpoint_with_step(runner, step, meta)
        self._saved_states = None  # a best checkpoint, from which nobody resumes, has none
        self._written = self.last_ckpt

    @contextmanager
    def _removing_last(self, runner: Runner) -> Iterator[None]:
        """Within, files to remove are kept until everything is written; mmengine removes them before it writes."""
        obsolete = []
        self.file_backend.remove = obsolete.append
        try:
            yield
        except OSError as error:
            raise RunError(f'a checkpoint could not be written at iteration {runner.iter + 1}: {error}; last whole '
                           f'checkpoint: {self._written or "none was written yet"}',
                           'Make room on the disk, then go on with --resume.') from error
        finally:
            del self.file_backend.remove
        for path in obsolete:
            self.file_backend.remove(path)

    def after_train_epoch(self, runner: Runner) -> None:
        with self._removing_last(runner):
            super().after_train_epoch(runner)

    def after_val_epoch(self, runner: Runner, metrics: dict) -> None:
        with self._removing_last(runner):
            super().after_val_epoch(runner, metrics)

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch=None, outputs=None) -> None:
        with self._removing_last(runner):
            super().after_train_iter(runner, batch_idx, data_batch, outputs)
            if not any_process(self.terminated):
                return
            self._save_in_between(runner)
        runner.logger.info(f'SIGTERM: stopped after iteration {runner.iter + 1}; go on with --resume')
        sys.exit(TERMINATED)

    def _save_in_between(self, runner: Runner) -> None:
        """Save at the end of this iteration, wherever in an epoch that is, beside the regular checkpoints."""
        regular = self.filename_tmpl, self.by_epoch, self.max_keep_ckpts
        self.filename_tmpl, self.by_epoch, self.max_keep_ckpts = 'iter_{}.pth', False, -1
        self._save_checkpoint(runner)
        self.filename_tmpl, self.by_epoch, self.max_keep_ckpts = regular
