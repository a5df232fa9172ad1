"""Configs in mmengine's python style, whose types are classes, are served as those of text."""
import shutil

import pytest
from conftest import CONFIGS, refused

from layeragg_mm.checkpoints import read_checkpoint
from layeragg_mm.configs import type_of
from layeragg_mm.engine import protect_training, use_amp
from layeragg_mm.engine.config import read_config

CONFIG = """
from mmcv.transforms import LoadImageFromFile
from mmdet.datasets import CocoDataset
from mmdet.datasets.transforms import LoadAnnotations, PackDetInputs, Resize
from mmdet.evaluation import CocoMetric
from mmdet.models import FCOS, FPN, DetDataPreprocessor, FCOSHead
from mmengine.dataset import DefaultSampler
from mmengine.hooks import CheckpointHook, EMAHook
from mmengine.model import PretrainedInit
from mmengine.optim import OptimWrapper
from mmengine.runner import IterBasedTrainLoop, ValLoop
from torch.optim import SGD

from layeragg_mm.backbones import MRLAResNet

default_scope = None
model = dict(
    type=FCOS, data_preprocessor=dict(type=DetDataPreprocessor, pad_size_divisor=32),
    backbone=dict(type=MRLAResNet, depth=50, base_channels=8, out_indices=(1, 2, 3)),
    neck=dict(type=FPN, in_channels=[64, 128, 256], out_channels=16, num_outs=3),
    bbox_head=dict(type=FCOSHead, num_classes=10, in_channels=16, feat_channels=16, stacked_convs=1,
                   strides=[8, 16, 32], regress_ranges=((-1, 16), (16, 32), (32, 1e8)), norm_cfg=None),
    test_cfg=dict(nms_pre=100, score_thr=0.05, nms=dict(type='nms', iou_threshold=0.5), max_per_img=10))
pipeline = [dict(type=LoadImageFromFile), dict(type=LoadAnnotations, with_bbox=True), dict(type=Resize, scale=(64, 64)),
            dict(type=PackDetInputs, meta_keys=('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor'))]
data = dict(type=CocoDataset, data_root='{root}', metainfo=dict(classes=tuple('0123456789')), pipeline=pipeline)
train_dataloader = dict(
    batch_size=2, num_workers=0, sampler=dict(type=DefaultSampler, shuffle=True),
    dataset=dict(data, ann_file='annotations/instances_train.json', data_prefix=dict(img='train/')))
val_dataloader = dict(
    batch_size=1, num_workers=0, sampler=dict(type=DefaultSampler, shuffle=False),
    dataset=dict(data, test_mode=True, ann_file='annotations/instances_val.json', data_prefix=dict(img='val/')))
val_evaluator = dict(type=CocoMetric, metric='bbox', ann_file='{root}/annotations/instances_val.json')
train_cfg = dict(type=IterBasedTrainLoop, max_iters=2, val_interval=2)
val_cfg = dict(type=ValLoop)
optim_wrapper = dict(type=OptimWrapper, optimizer=dict(type=SGD, lr=0.001))
default_hooks = dict(checkpoint=dict(type=CheckpointHook, by_epoch=False, interval=2))
custom_hooks = [dict(type=EMAHook, momentum=0.1)]
"""


@pytest.fixture
def config(digits, tmp_path):
    """A config of the smallest detector, and the data it reads beside it."""
    shutil.copytree(digits, tmp_path / 'data')
    file = tmp_path / 'python_style.py'
    file.write_text(CONFIG.replace('{root}', str(tmp_path / 'data')))
    return file


@pytest.mark.slow
def test_trains_with_amp_resumable_and_goes_on(config, run, tmp_path):
    cfg = read_config(str(config))
    use_amp(cfg)
    protect_training(cfg)
    assert [type_of(node) for node in (cfg.train_cfg, cfg.optim_wrapper, cfg.default_hooks.checkpoint)] == [
        'ResumableIterLoop', 'BFloat16OptimWrapper', 'ResumableCheckpointHook']
    train = ['train', config, '--work-dir', tmp_path / 'run', '--amp', '--resume']
    assert run(*train) == 0
    assert 'random_states' in read_checkpoint(tmp_path / 'run/iter_2.pth')
    assert run(*train, '--cfg-options', 'train_cfg.max_iters=3', 'default_hooks.checkpoint.interval=1') == 0
    assert read_checkpoint(tmp_path / 'run/iter_3.pth')['meta']['iter'] == 3
    again = read_config(str(tmp_path / 'run/python_style.py'))  # what the run wrote
    assert again.model.backbone.depth == 50


@pytest.mark.parametrize('damage, said', [
    (lambda data: (data / 'annotations/instances_val.json').write_text('[]'), 'instances_val.json'),
    (lambda data: (data / 'annotations/instances_train.json').write_text('{}'), 'instances_train.json lacks images'),
    (lambda data: min((data / 'train').iterdir()).write_bytes(b'none'), 'unreadable image'),
    (lambda data: shutil.rmtree(data / 'train'), 'image folder (img) not found'),
])
def test_its_files_are_checked(config, run, capsys, tmp_path, damage, said):
    damage(tmp_path / 'data')
    assert said in refused(run, capsys, 'train', config, '--work-dir', tmp_path / 'run')


@pytest.mark.parametrize('options, said', [
    (['model.backbone.init_cfg.checkpoint=gone.pth'], 'checkpoint file not found: gone.pth'),
    (['custom_hooks.0.momentums=1'], "custom_hooks.0: EMAHook has no argument 'momentums'"),
])
def test_its_classes_are_known(config, run, capsys, tmp_path, options, said):
    text = config.read_text().replace("base_channels=8,", "base_channels=8, init_cfg=dict(type=PretrainedInit),")
    config.write_text(text if 'init_cfg' in options[0] else config.read_text())
    assert said in refused(run, capsys, 'train', config, '--work-dir', tmp_path / 'run', '--cfg-options', *options)


def test_what_it_cannot_import_is_told(config, run, capsys):
    config.write_text(config.read_text().replace('SGD', 'SGDD'))
    assert 'SGDD' in refused(run, capsys, 'train', config)


def test_text_is_as_before():
    assert read_config(str(CONFIGS / 'fcos_mrla_tiny_digits.py')).model.type == 'FCOS'
