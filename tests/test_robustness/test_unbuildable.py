"""What a config or --cfg-options names and nothing is called: told in two lines, with what was meant."""
import shutil
from pathlib import Path

import pytest
import torch
from conftest import CONFIGS, refused

from layeragg_mm.engine.config import read_config

FCOS = CONFIGS / 'fcos_mrla_tiny_digits.py'
ONE = ['train_cfg.max_iters=1', 'train_cfg.val_interval=1', 'default_hooks.checkpoint.interval=1']


def none_of(path: str, kind: str, name: str, meant: str) -> str:
    return f'{path}.type: there is no {kind} {name!r}; did you mean {meant!r}?'


def no_argument(path: str, name: str, key: str, meant: str) -> str:
    return f'{path}: {name} has no argument {key!r}; did you mean {meant!r}?'


def nothing_at(place: str, key: str, meant: str) -> str:
    return f'{place} has no {key!r}; did you mean {meant!r}?'


# An option of --cfg-options, and what the two lines say.
MISTAKES = {
    # model
    'model.backbone.type=MRLAResnet': [none_of('model.backbone', 'model', 'MRLAResnet', 'MRLAResNet')],
    'model.backbone.deph=50': [no_argument('model.backbone', 'MRLAResNet', 'deph', 'depth'), 'variant'],
    'model.backbone.depth=20': ['model.backbone: MRLAResNet', 'depth=20', '18, 34, 50, 101, 152'],
    'model.backbone.variant=heavy': ['model.backbone: MRLAResNet', "'heavy'", 'light', 'base'],
    'model.backbone.frozen_stages=7': ['model.backbone: MRLAResNet', 'frozen_stages=7'],
    'model.neck.norm_cfg.type=GNN': [none_of('model.neck.norm_cfg', 'model', 'GNN', 'GN')],
    'model.neck.norm_cfg.numgroups=4': [no_argument('model.neck.norm_cfg', 'GN', 'numgroups', 'num_groups')],
    'model.bbox_head.loss_cls.type=FocallLoss': [
        none_of('model.bbox_head.loss_cls', 'model', 'FocallLoss', 'FocalLoss')],
    'model.bbox_head.centre_sampling=True': [
        no_argument('model.bbox_head', 'FCOSHead', 'centre_sampling', 'center_sampling')],
    'model.bbox_head.type=FCNHead': [none_of('model.bbox_head', 'model', 'FCNHead', 'mmseg.FCNHead')],
    'model.backbone.init_cfg.type=Pretraind': [
        none_of('model.backbone.init_cfg', 'weight initializer', 'Pretraind', 'Pretrained')],
    'model.typ=FCOS': ["model: FCOS has no argument 'typ'"],
    'model.bakbone.depth=50': [no_argument('model', 'FCOS', 'bakbone', 'backbone')],
    # channels
    'model.neck.in_channels=[256,512,1024]': [
        'model.neck (FPN) takes [256, 512, 1024] channels, but model.backbone (MRLAResNet) gives [64, 128, 256]',
        'Set model.neck.in_channels=[64, 128, 256].'],
    'model.neck.in_channels=[64,128]': ['model.neck (FPN) takes [64, 128] channels', 'gives [64, 128, 256]'],
    'model.bbox_head.in_channels=256': [
        'model.bbox_head (FCOSHead) takes 256 channels, but model.neck (FPN) gives [16, 16, 16]',
        'Set model.bbox_head.in_channels=16.'],
    # data
    'val_dataloader.dataset.pipeline.1.img_scale=(64,64)': [
        no_argument('val_dataloader.dataset.pipeline.1', 'Resize', 'img_scale', 'scale')],
    'train_dataloader.dataset.pipeline.2.flip_ratio=0.5': [
        "train_dataloader.dataset.pipeline.2: RandomFlip has no argument 'flip_ratio'", 'prob'],
    'train_dataloader.dataset.pipeline.2.type=RandomFlipp': [
        none_of('train_dataloader.dataset.pipeline.2', 'transform', 'RandomFlipp', 'RandomFlip')],
    'train_dataloader.dataset.type=CocoDatset': [
        none_of('train_dataloader.dataset', 'dataset', 'CocoDatset', 'CocoDataset')],
    'train_dataloader.dataset.anno_file=a.json': [
        no_argument('train_dataloader.dataset', 'CocoDataset', 'anno_file', 'ann_file')],
    'train_dataloader.persistent_workers=True': ['train_dataloader: persistent_workers', 'num_workers'],
    'train_dataloader.batchsize=2': ["train_dataloader: there is no argument 'batchsize'; did you mean 'batch_size'?"],
    'train_dataloader.sampler.type=InfinitSampler': [
        none_of('train_dataloader.sampler', 'data sampler', 'InfinitSampler', 'InfiniteSampler')],
    'train_dataloader.sampler.shufle=True': [
        no_argument('train_dataloader.sampler', 'InfiniteSampler', 'shufle', 'shuffle')],
    # optimizer and schedules
    'optim_wrapper.optimizer.type=AdamWW': [none_of('optim_wrapper.optimizer', 'optimizer', 'AdamWW', 'AdamW')],
    'optim_wrapper.optimizer.learning_rate=0.1': [
        "optim_wrapper.optimizer: AdamW has no argument 'learning_rate'", 'AdamW takes lr,'],
    'optim_wrapper.clip_grad.maxnorm=1': [nothing_at('optim_wrapper.clip_grad', 'maxnorm', 'max_norm')],
    'optim_wrapper.paramwise_cfg.norm_decay=0': [
        nothing_at('optim_wrapper.paramwise_cfg', 'norm_decay', 'norm_decay_mult')],
    'optim_wrapper.typo=1': ["optim_wrapper: OptimWrapper has no argument 'typo'"],
    'param_scheduler.0.type=LinearLRR': [none_of('param_scheduler.0', 'parameter scheduler', 'LinearLRR', 'LinearLR')],
    'param_scheduler.0.start_facto=0.1': [
        no_argument('param_scheduler.0', 'LinearLR', 'start_facto', 'start_factor')],
    # loops, hooks, evaluators, the rest
    'train_cfg.type=IterBasedTrainLop': [
        none_of('train_cfg', 'loop', 'IterBasedTrainLop', 'IterBasedTrainLoop'), 'EpochBasedTrainLoop'],
    'train_cfg.max_iter=1': [no_argument('train_cfg', 'IterBasedTrainLoop', 'max_iter', 'max_iters')],
    'train_cfg.val_interval=0': ['train_cfg.val_interval is 0'],
    'custom_hooks.0.type=EMAHok': [none_of('custom_hooks.0', 'hook', 'EMAHok', 'EMAHook')],
    'custom_hooks.0.momentun=0.1': [no_argument('custom_hooks.0', 'EMAHook', 'momentun', 'momentum')],
    'custom_hooks.3.momentum=0.1': ["custom_hooks is a list of 1, and has no '3'"],
    'default_hooks.checkpoint.max_keep_ckpt=1': [
        no_argument('default_hooks.checkpoint', 'CheckpointHook', 'max_keep_ckpt', 'max_keep_ckpts')],
    'default_hooks.chekpoint.interval=1': [nothing_at('default_hooks', 'chekpoint', 'checkpoint')],
    'val_evaluator.metric=bboxx': ['val_evaluator: CocoMetric(', 'bboxx', 'proposal_fast'],
    'val_evaluator.type=CocoMetrics': [none_of('val_evaluator', 'metric', 'CocoMetrics', 'CocoMetric')],
    'val_evaluator.class_wise=True': [no_argument('val_evaluator', 'CocoMetric', 'class_wise', 'classwise')],
    'val_dataloader=None': ['the config has val_cfg and val_evaluator, but no val_dataloader'],
    'randomness.sed=1': [nothing_at('randomness', 'sed', 'seed')],
    'visualizer.type=DetLocalVisualiser': [
        none_of('visualizer', 'visualizer', 'DetLocalVisualiser', 'DetLocalVisualizer')],
    'log_processor.window=2': [no_argument('log_processor', 'LogProcessor', 'window', 'window_size')],
    'default_scope=mmdett': ["default_scope='mmdett': there is no library of this name; did you mean 'mmdet'?"],
    # keys
    'trian_cfg.max_epochs=1': ['--cfg-options trian_cfg.max_epochs: '
                               + nothing_at('the config', 'trian_cfg', 'train_cfg')],
    'model.test_cfg.scorethr=0.1': [nothing_at('model.test_cfg', 'scorethr', 'score_thr')],
    'max_iters.x=1': ['max_iters is 12'],
}


@pytest.mark.parametrize('option', MISTAKES)
def test_training_tells(run, capsys, digits, tmp_path, option):
    told = refused(run, capsys, 'train', FCOS, '--data-root', digits, '--work-dir', tmp_path / 'run', '--cfg-options',
                   *ONE, option)
    for words in MISTAKES[option]:
        assert words in told
    assert not (tmp_path / 'run').exists()


def test_a_config_and_a_checkpoint_that_are_exchanged(run, capsys, digits, tmp_path):
    torch.save(dict(state_dict={}), tmp_path / 'one.pth')
    for tool, arguments in (('test', [tmp_path / 'one.pth', FCOS]), ('train', [tmp_path / 'one.pth'])):
        told = refused(run, capsys, tool, *arguments)
        assert 'one.pth is a checkpoint, and a config should stand there' in told and 'CONFIG CHECKPOINT' in told
    told = refused(run, capsys, 'train', FCOS, '--data-root', digits, '--cfg-options', f'load_from={FCOS}')
    assert f'load_from: {FCOS} is a config' in told


@pytest.mark.parametrize('launcher, lacks', [('pytorch', 'RANK'), ('slurm', 'SLURM_PROCID')])
def test_a_launcher_that_did_not_start_the_process(run, capsys, digits, monkeypatch, launcher, lacks):
    monkeypatch.delenv(lacks, raising=False)
    told = refused(run, capsys, 'train', FCOS, '--data-root', digits, '--launcher', launcher)
    assert f'--launcher {launcher} did not start this process' in told and lacks in told


def test_nothing_to_delete_is_no_mistake(digits, tmp_path):
    base = tmp_path / 'base.py'
    base.write_text(f"_base_ = '{FCOS}'\nmodel = dict(backbone=dict(init_cfg=None, plugins=None))\n")
    child = tmp_path / 'child.py'
    start = dict(type='Constant', layer='Conv2d', val=0.)
    child.write_text("_base_ = 'base.py'\nmodel = dict(backbone=dict("
                     f'init_cfg=dict(_delete_=True, **{start}), drop_path=dict(_delete_=True, a=1)))\n')
    backbone = read_config(str(child)).model.backbone
    assert backbone.init_cfg == start and backbone.drop_path == dict(a=1)
    options = {f'model.backbone.init_cfg.{key}': value for key, value in start.items()}
    assert read_config(str(base), cfg_options=options).model.backbone.init_cfg == start


def test_options_may_name_what_is_read_but_not_there(digits):
    options = {'load_from': 'a.pth', 'randomness.deterministic': True, 'model.test_cfg.min_bbox_size': 3,
               'train_dataloader.dataset.indices': 4, 'test_evaluator.outfile_prefix': 'run/val', 'sync_bn': 'torch',
               'model.train_cfg': dict(debug=True), 'default_hooks.visualization.draw': True,
               'custom_hooks.0.priority': 'LOW', 'work_dir': 'somewhere', 'tta_model.type': 'DetTTAModel'}
    cfg = read_config(str(FCOS), cfg_options=options)
    assert (cfg.randomness.deterministic, cfg.model.test_cfg.min_bbox_size, cfg.tta_model.type) == (
        True, 3, 'DetTTAModel')


def test_a_setting_that_the_model_needs_and_the_config_lacks(run, capsys, semantic_digits, tmp_path):
    small = ['model.backbone.arch=46x_c', 'model.neck.in_channels=[32,64,64,128,256]']
    told = refused(run, capsys, 'train', CONFIGS / 'dla34_ida_digits.py', '--data-root', semantic_digits,
                   '--work-dir', tmp_path / 'run', '--cfg-options', *small, 'model.test_cfg.mode=slide',
                   'model.test_cfg.crop_size=(32,32)')
    assert "model.test_cfg lacks 'stride', which DLASegmentor needs" in told


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file): file.read_bytes() if file.is_file() else b'' for file in sorted(folder.rglob('*'))}


@pytest.mark.slow
@pytest.mark.parametrize('damage', ['option', 'data', 'checkpoint'])
def test_a_refused_run_leaves_the_work_dir_of_the_last_good_one(run, capsys, digits, tmp_path, damage):
    shutil.copytree(digits, tmp_path / 'data')
    arguments = ['train', FCOS, '--data-root', tmp_path / 'data', '--work-dir', tmp_path / 'run', '--skip-bad-images',
                 '--cfg-options', *ONE]
    image = min((tmp_path / 'data/train').iterdir())
    image.write_bytes(b'none')
    assert run(*arguments) == 0
    before = contents(tmp_path / 'run')
    assert any(name.endswith('skipped_images.txt') for name in before)
    if damage == 'data':
        (tmp_path / 'data/annotations/instances_val.json').write_text('[]')
    option = dict(option='train_cfg.max_iter=2', checkpoint=f'load_from={tmp_path}/none.pth',
                  data='max_iters=2')[damage]
    refused(run, capsys, *arguments, option)
    assert contents(tmp_path / 'run') == before
