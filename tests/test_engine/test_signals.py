"""A handler of ours is this process's own: what others fork ends as it would without us."""
import multiprocessing
import os
import signal
import time

import pytest
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner
from toy import run_processes, toy_config, train

from layeragg_mm.engine.signals import answer_signal, leave_signal


def answer_of(number: int) -> str:
    answer = signal.getsignal(number)
    return getattr(answer, '__name__', str(answer))


@HOOKS.register_module()
class PoolHook(Hook):
    """Does in training what VOCMetric does at each validation: it forks a pool, and terminates it."""

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch=None, outputs=None) -> None:
        with multiprocessing.get_context('fork').Pool(2) as pool:
            if 'sigterm' in pool.apply(answer_of, [signal.SIGTERM]):
                os._exit(3)  # a pool that cannot be terminated would keep the test waiting


def train_with_pools(work_dir) -> None:
    raise SystemExit(train(toy_config(work_dir, False, dict(type='PoolHook'),
                                      dict(type='SignalHook', iteration=5))))


@pytest.mark.slow
@pytest.mark.xdist_group('processes')
def test_pools_end_in_training_and_sigterm_is_answered_all_the_same(tmp_path):
    assert run_processes(1, train_with_pools, tmp_path) == [143]
    assert (tmp_path / 'iter_5.pth').is_file()


def test_what_answered_before_answers_again():
    def theirs(number, frame):
        came.append('theirs')

    came, at_first = [], signal.signal(signal.SIGUSR1, theirs)
    try:
        answer_signal(signal.SIGUSR1, lambda number, frame: came.append('ours'))
        signal.raise_signal(signal.SIGUSR1)
        with multiprocessing.get_context('fork').Pool(1) as pool:
            assert pool.apply(answer_of, [signal.SIGUSR1]) == 'theirs'
        leave_signal(signal.SIGUSR1)
        signal.raise_signal(signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGUSR1, at_first)
    assert came == ['ours', 'theirs']


def test_a_signal_reaches_what_was_forked_a_moment_ago():
    answer_signal(signal.SIGUSR1, lambda number, frame: None)
    try:
        for _ in range(20):
            child = os.fork()
            if child == 0:
                time.sleep(5)
                os._exit(0)
            os.kill(child, signal.SIGUSR1)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGUSR1
    finally:
        leave_signal(signal.SIGUSR1)
