"""Which checkpoint a run goes on from, and what is refused since it is of another training."""
import os
import shutil

import pytest
import torch
from conftest import CONFIGS, refused
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner
from toy import toy_config, train, validate_toy

from layeragg_mm.checkpoints import read_checkpoint
from layeragg_mm.engine import find_checkpoint, resume
from layeragg_mm.engine.resumed_checks import config_in
from layeragg_mm.errors import InputError

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group('resuming')]  # share what one of them trains

FCOS = CONFIGS / 'fcos_mrla_tiny_digits.py'
TWO = ['train_cfg.max_iters=2', 'train_cfg.val_interval=9', 'default_hooks.checkpoint.interval=2']


@HOOKS.register_module()
class CountHook(Hook):
    """Notes which iterations of which epoch are trained."""
    trained = []

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch=None, outputs=None) -> None:
        self.trained.append((runner.epoch + 1, runner.iter + 1))


def checkpoint(path, run=None, time='20261127_120000', **meta) -> None:
    torch.save(dict(meta=dict(meta, time=time), message_hub=dict(runtime_info=dict(run=run) if run else {})), path)


# Which one

def test_what_the_files_hold_decides_and_neither_their_times_nor_a_pointer(tmp_path, capsys):
    work_dir, elsewhere = tmp_path / 'copy', tmp_path / 'original'
    for folder in (work_dir, elsewhere):
        folder.mkdir()
        for iteration in (2, 4):
            checkpoint(folder / f'iter_{iteration}.pth', iter=iteration, epoch=0)
        (folder / 'last_checkpoint').write_text(str(elsewhere / 'iter_2.pth'))
    os.utime(work_dir / 'iter_4.pth', (0, 0))
    assert find_checkpoint(work_dir) == work_dir / 'iter_4.pth'
    checkpoint(work_dir / 'epoch_1.pth', iter=10, epoch=1)
    assert find_checkpoint(work_dir).name == 'epoch_1.pth'
    assert 'passed over' not in capsys.readouterr().out


def test_an_earlier_run_s_checkpoints_are_not_taken_for_the_last_one_s(tmp_path, capsys):
    checkpoint(tmp_path / 'iter_90.pth', 'first', '20261127_110000', iter=90, epoch=0)
    for iteration, time in ((10, '115959'), (20, '110001')):  # moved to where it is an hour earlier
        checkpoint(tmp_path / f'iter_{iteration}.pth', 'second', f'20261127_{time}', iter=iteration, epoch=0)
    assert find_checkpoint(tmp_path).name == 'iter_20.pth'
    assert 'iter_90.pth is of an earlier run; passed over' in capsys.readouterr().out


def test_a_run_is_the_same_over_stops_and_another_in_its_folder_is_another(tmp_path):
    def run_of(name: str) -> str:
        return read_checkpoint(tmp_path / name)['message_hub']['runtime_info']['run']

    assert train(toy_config(tmp_path, False, dict(type='SignalHook', iteration=3))) == 143
    cfg = toy_config(tmp_path, False, dict(type='SignalHook', iteration=6))
    resume(cfg, 'auto')
    assert train(cfg) == 143 and run_of('iter_3.pth') == run_of('iter_6.pth')
    assert train(toy_config(tmp_path, False, dict(type='SignalHook', iteration=2))) == 143
    assert run_of('iter_2.pth') != run_of('iter_6.pth')
    assert find_checkpoint(tmp_path).name in ('iter_2.pth', 'iter_6.pth')  # a second is the clock's finest step


def test_a_copied_run_leaves_the_best_checkpoint_of_the_original(tmp_path):
    def config(name: str, *hooks: dict):
        cfg = toy_config(tmp_path / name, False, *hooks, save_best='score', rule='greater', interval=4)
        validate_toy(cfg, interval=4)
        return cfg

    assert train(config('a', dict(type='SignalHook', iteration=9))) == 143
    shutil.copytree(tmp_path / 'a', tmp_path / 'b')
    cfg = config('b')
    resume(cfg, 'auto')
    assert train(cfg) == 0
    assert [path.name for path in (tmp_path / 'a').glob('best*')] == ['best_score_iter_8.pth']
    assert [path.name for path in (tmp_path / 'b').glob('best*')] == ['best_score_iter_20.pth']


# Of another training

@pytest.fixture(scope='module')
def stopped(tmp_path_factory):
    """The work dir of a toy training by epochs that was stopped in the middle of its third."""
    work_dir = tmp_path_factory.mktemp('stopped')
    assert train(toy_config(work_dir, True, dict(type='SignalHook', iteration=13), interval=1)) == 143
    return work_dir


def changed(cfg, key: str, value):
    cfg.merge_from_dict({key: value})
    return cfg


@pytest.mark.parametrize('key, value, said', [
    ('optim_wrapper.optimizer', dict(_delete_=True, type='AdamW', lr=.01), 'optim_wrapper.optimizer.type: SGD, now Ad'),
    ('optim_wrapper.optimizer.lr', .1, 'optim_wrapper.optimizer.lr: 0.01, now 0.1'),
    ('param_scheduler', dict(type='CosineAnnealingLR', by_epoch=False, T_max=9), 'param_scheduler.T_max: 20, now 9'),
    ('custom_hooks', [], 'EMAHook averaged its weights, now none does'),
    ('train_cfg', dict(_delete_=True, type='ResumableIterLoop', max_iters=30), 'train_cfg: by epoch, now the other'),
    ('train_dataloader.batch_size', 5, 'train_dataloader.batch_size: 2, now 5, in the middle of an epoch'),
])
def test_what_differs_is_told(stopped, tmp_path, key, value, said):
    with pytest.raises(InputError, match='is of another training: ') as error:
        resume(changed(toy_config(stopped, True), key, value), 'auto')
    assert said in error.value.what and 'load_from=' in error.value.remedy
    resume(changed(toy_config(stopped, True), 'train_cfg.max_epochs', 9), 'auto')  # longer is the same


def test_by_iterations_another_batch_size_is_told(tmp_path):
    assert train(toy_config(tmp_path, False, dict(type='SignalHook', iteration=13))) == 143
    with pytest.raises(InputError, match=r'train_dataloader\.batch_size: 2, now 5'):
        resume(changed(toy_config(tmp_path, False), 'train_dataloader.batch_size', 5), 'auto')


@pytest.mark.parametrize('batch_size, iterations', [(5, [2, 1, 2]), (1, [20, 11, 30]), (2, [10, 6, 15])])
def test_after_a_whole_epoch_another_batch_size_goes_on_with_the_next(tmp_path, batch_size, iterations):
    def config(max_epochs: int):
        cfg = toy_config(tmp_path, True, dict(type='CountHook'), interval=1)
        cfg.param_scheduler = dict(type='MultiStepLR', milestones=[1])
        return changed(cfg, 'train_cfg.max_epochs', max_epochs)

    assert train(config(2)) == 0
    cfg = changed(config(3), 'train_dataloader.batch_size', batch_size)
    resume(cfg, 'auto')
    CountHook.trained.clear()
    assert train(cfg) == 0
    length = 10 // batch_size
    assert CountHook.trained == [(3, 2 * length + 1 + index) for index in range(length)]
    meta = read_checkpoint(tmp_path / 'epoch_3.pth')['meta']
    assert (meta['epoch'], meta['iter']) == (3, 3 * length)


def test_a_schedule_by_iterations_fits_no_other_batch_size(tmp_path):
    assert train(toy_config(tmp_path, True, interval=1)) == 0
    cfg = changed(toy_config(tmp_path, True), 'train_dataloader.batch_size', 5)
    with pytest.raises(InputError, match='now 5, and the learning rate follows iterations'):
        resume(cfg, str(tmp_path / 'epoch_2.pth'))


@pytest.mark.parametrize('images', [4, 20])
def test_in_the_middle_of_an_epoch_other_images_are_told(stopped, tmp_path, images):
    cfg = changed(toy_config(tmp_path, True), 'train_dataloader.dataset.length', images)
    resume(cfg, str(stopped / 'iter_13.pth'))
    with pytest.raises(InputError, match='3 batches of an epoch of 5 were used, and an epoch has'):
        train(cfg)


def test_a_dumped_config_is_read_and_not_run(tmp_path):
    text = ("model = dict(type='mmdet.FCOS', head=dict(classes=('a', 'b'), scale=-1.5, end=inf), **{'a-b': None})\n"
            f"import os\nstart = os.mkdir('{tmp_path}/trace')\nlr = float('nan')\nlist = [dict(a=1), {{'b': True}}]\n")
    config = config_in(text)
    assert config['model'] == dict(type='FCOS', head=dict(classes=['a', 'b'], scale=-1.5, end='inf'))
    assert config['list'] == [dict(a=1), dict(b=True)] and config['lr'] == "float('nan')"
    assert not list(tmp_path.iterdir()) and config_in('no config') == {}


@pytest.fixture(scope='module')
def ten(tmp_path_factory):
    """The folder for two iterations of training the smallest detector, of ten classes."""
    return tmp_path_factory.mktemp('ten')


@pytest.mark.parametrize('options, said', [
    (['model.bbox_head.num_classes=9', 'train_dataloader.dataset.metainfo.classes=(0,1,2,3,4,5,6,7,8)',
      'val_dataloader.dataset.metainfo.classes=(0,1,2,3,4,5,6,7,8)'], 'model.bbox_head.num_classes: 10, now 9'),
    (['model.neck.out_channels=32', 'model.bbox_head.in_channels=32'],
     'model.bbox_head.in_channels: 16, now 32; model.neck.out_channels: 16, now 32'),
    (['model.backbone.depth=101'], 'model.backbone.depth: 50, now 101'),
])
def test_another_model_is_told_at_the_door(run, capsys, digits, ten, options, said):
    arguments = ['train', FCOS, '--data-root', digits, '--work-dir', ten / 'run', '--cfg-options', *TWO]
    if not (ten / 'run').exists():
        assert run(*arguments) == 0
    told = refused(run, capsys, *arguments, *options, '--resume', ten / 'run/iter_2.pth')
    assert said in told
