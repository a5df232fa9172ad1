"""The demos compute on the cores that others leave free."""
import pytest
import torch

from layeragg_mm.engine import free_cores

BEFORE = 'cpu  1000 0 200 5000 10 0 0 0\ncpu0 500 0 100 2500 5 0 0 0\ncpu1 500 0 100 2500 5 0 0 0\nintr 7\n'


def after(user: int, idle: int) -> str:
    return BEFORE.replace('cpu  1000 0 200 5000', f'cpu  {1000 + user} 0 200 {5000 + idle}')


@pytest.mark.parametrize('user, idle, threads', [(0, 100, 2), (20, 80, 2), (50, 50, 1), (100, 0, 1), (0, 0, 1)])
def test_one_thread_for_each_idle_core(monkeypatch, tmp_path, user, idle, threads):
    stat = tmp_path / 'stat'
    stat.write_text(BEFORE)
    monkeypatch.delenv('OMP_NUM_THREADS', raising=False)
    monkeypatch.setattr(free_cores, 'STAT', stat)
    monkeypatch.setattr(free_cores.time, 'sleep', lambda seconds: stat.write_text(after(user, idle)))
    used = []
    monkeypatch.setattr(torch, 'get_num_threads', lambda: 2)
    monkeypatch.setattr(torch, 'set_num_threads', used.append)
    free_cores.use_free_cores()
    assert used == [threads]


def test_the_environment_decides_first(monkeypatch):
    monkeypatch.setenv('OMP_NUM_THREADS', '2')
    monkeypatch.setattr(torch, 'set_num_threads', lambda threads: pytest.fail('the user had chosen'))
    free_cores.use_free_cores()
