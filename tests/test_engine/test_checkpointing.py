"""Runs that are stopped in every way go on as if they had not been, and lose nothing."""
import errno
import os
import shutil
import signal

import pytest
import torch
from toy import run_processes, toy_config, train, validate_toy

from layeragg_mm.checkpoints import read_checkpoint
from layeragg_mm.engine import find_checkpoint, resume
from layeragg_mm.engine.kill_test import differing
from layeragg_mm.errors import InputError, RunError

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group('processes')]  # share the server that forks them


def ends_alike(one, other) -> bool:
    return not list(differing(*(read_checkpoint(find_checkpoint(work_dir)) for work_dir in (one, other))))


@pytest.mark.parametrize('by_epoch', [True, False])
@pytest.mark.parametrize('iteration', [2, 10, 13])
def test_sigterm_stops_after_a_checkpoint_and_the_run_goes_on_bit_for_bit(tmp_path, by_epoch, iteration):
    whole, stopped = tmp_path / 'whole', tmp_path / 'stopped'
    assert train(toy_config(whole, by_epoch)) == 0
    assert train(toy_config(stopped, by_epoch, dict(type='SignalHook', iteration=iteration))) == 143
    assert find_checkpoint(stopped).name == f'iter_{iteration}.pth'
    cfg = toy_config(stopped, by_epoch)
    resume(cfg, 'auto')
    assert train(cfg) == 0
    assert ends_alike(whole, stopped)


def test_validation_and_a_best_checkpoint_leave_training_as_it_is(tmp_path):
    assert train(toy_config(tmp_path / 'plain', False)) == 0
    cfg = toy_config(tmp_path / 'validated', False, save_best='score', rule='greater')
    validate_toy(cfg, interval=4)
    assert train(cfg) == 0
    plain, validated = (read_checkpoint(tmp_path / name / 'iter_20.pth') for name in ('plain', 'validated'))
    assert not list(differing(plain, validated))
    assert [path.name for path in (tmp_path / 'validated').glob('best*')] == ['best_score_iter_20.pth']


def test_a_seed_drawn_at_random_is_kept(tmp_path):
    cfg = toy_config(tmp_path, False, dict(type='SignalHook', iteration=3))
    cfg.randomness.seed = None
    assert train(cfg) == 143
    drawn = read_checkpoint(tmp_path / 'iter_3.pth')['meta']['seed']
    cfg = toy_config(tmp_path, False)
    cfg.randomness.seed = None
    resume(cfg, 'auto')
    assert cfg.randomness.seed == drawn


def train_as_one_of_several(work_dir) -> None:
    cfg = toy_config(work_dir, True, dict(type='SignalHook', iteration=2))
    cfg.launcher = 'pytorch'
    cfg.auto_scale_lr = dict(enable=True, base_batch_size=2)
    raise SystemExit(train(cfg))


def test_sigterm_in_one_process_stops_all_and_each_keeps_its_generators(tmp_path):
    assert run_processes(2, train_as_one_of_several, tmp_path) == [143, 143]
    checkpoint = read_checkpoint(tmp_path / 'iter_2.pth')
    assert len(checkpoint['random_states']) == 2
    assert checkpoint['optimizer']['param_groups'][0]['initial_lr'] == .02  # two processes' batch, twice the base


def train_with_a_worker(work_dir) -> None:
    os.setpgrp()
    cfg = toy_config(work_dir, False, dict(type='SignalHook', iteration=2, process=0))  # its whole group
    cfg.train_dataloader.num_workers = 1
    raise SystemExit(train(cfg))


def test_sigterm_to_the_process_group_spares_the_data_workers(tmp_path):
    assert run_processes(1, train_with_a_worker, tmp_path) == [143]
    assert find_checkpoint(tmp_path).name == 'iter_2.pth'


def test_a_damaged_checkpoint_is_named_and_passed_over(tmp_path, capsys):
    assert train(toy_config(tmp_path, False, interval=5)) == 0
    size = (tmp_path / 'iter_20.pth').stat().st_size
    os.truncate(tmp_path / 'iter_20.pth', size // 2)
    content = bytearray((tmp_path / 'iter_15.pth').read_bytes())
    content[size // 2] ^= 1  # inside the values: only checksums tell
    (tmp_path / 'iter_15.pth').write_bytes(content)
    os.utime(tmp_path / 'iter_10.pth')
    os.utime(tmp_path / 'iter_5.pth', (0, 0))
    assert find_checkpoint(tmp_path).name == 'iter_10.pth'
    said = capsys.readouterr().out
    assert 'iter_20.pth is cut short' in said
    for name in ('iter_5.pth', 'iter_10.pth', 'iter_15.pth'):
        os.truncate(tmp_path / name, 100)
    with pytest.raises(InputError, match=r'no checkpoint in .* is whole'):
        find_checkpoint(tmp_path)
    assert find_checkpoint(tmp_path / 'nowhere') is None


def test_a_moved_work_dir_and_an_empty_pointer_do_not_matter(tmp_path):
    assert train(toy_config(tmp_path / 'here', False, interval=10)) == 0
    shutil.move(tmp_path / 'here', tmp_path / 'there')
    assert find_checkpoint(tmp_path / 'there').name == 'iter_20.pth'
    (tmp_path / 'there/last_checkpoint').write_text('')
    assert find_checkpoint(tmp_path / 'there').name == 'iter_20.pth'


@pytest.mark.parametrize('keep', [-1, 1])
def test_a_full_disk_ends_the_run_and_leaves_the_last_whole_checkpoint(tmp_path, monkeypatch, keep):
    fsync, calls = os.fsync, []

    def full(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) > 2:  # the first checkpoint's file and folder
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(descriptor)

    monkeypatch.setattr(os, 'fsync', full)
    with pytest.raises(RunError, match=r'could not be written at iteration 10: .*No space left on device: .*iter_10'
                                       r'.*; last whole checkpoint: .*iter_5\.pth'):
        train(toy_config(tmp_path, False, interval=5, max_keep_ckpts=keep))
    assert [path.name for path in tmp_path.glob('*.pth*')] == ['iter_5.pth']
    assert find_checkpoint(tmp_path).name == 'iter_5.pth'


def fill_the_disk(work_dir) -> None:
    import resource
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))  # room for the log, not for a checkpoint
    try:
        train(toy_config(work_dir, False, interval=5))
    except RunError:
        raise SystemExit(1) from None


def test_the_system_refuses_to_write(tmp_path):
    assert run_processes(1, fill_the_disk, tmp_path) == [1]
    assert not list(tmp_path.glob('*.pth*'))


def test_no_more_checkpoints_stay_than_asked_for(tmp_path):
    assert train(toy_config(tmp_path, False, interval=5, max_keep_ckpts=2)) == 0
    assert sorted(path.name for path in tmp_path.glob('*.pth')) == ['iter_15.pth', 'iter_20.pth']


def test_refuses_to_resume_from_weights_alone(tmp_path):
    torch.save(dict(state_dict=dict(weight=torch.ones(1))), tmp_path / 'weights.pth')
    with pytest.raises(InputError, match='holds no training state'):
        resume(toy_config(tmp_path, False), str(tmp_path / 'weights.pth'))
