"""A dry run is short, and leaves what it changes and writes behind nowhere."""
import copy
from argparse import Namespace
from pathlib import Path

import pytest
import torch
from conftest import CONFIGS
from mmengine.config import Config
from mmengine.model import BaseModel
from mmengine.registry import init_default_scope

from layeragg_mm.engine import RunConfig, protect_training, shortened
from layeragg_mm.engine.config import read_config
from layeragg_mm.engine.dry_run import DryRunHook
from layeragg_mm.engine.model_checks import build_model, learns_from_one


@pytest.mark.parametrize('config', ['mask_rcnn_mrla_r50.py', 'fcos_mrla_tiny_digits.py', 'dla34_ida_camvid.py'])
def test_one_batch_in_a_folder_that_is_removed(config, monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    cfg = RunConfig(Config.fromfile(CONFIGS / config), 'mine', work_dir='runs')
    cfg.train_dataloader.batch_size = 16
    protect_training(cfg)
    before = cfg.to_dict()
    with shortened(cfg) as short:
        assert short.train_cfg == dict(type='IterBasedTrainLoop', max_iters=1, val_interval=1)
        assert short.train_dataloader.batch_size == 2 and short.train_dataloader.num_workers == 0
        assert short.default_hooks.checkpoint is None and not short.log_processor.by_epoch
        folder = Path(short.work_dir)
        assert folder.is_dir()
    assert not folder.exists() and cfg.to_dict() == before


@pytest.mark.parametrize('config, enough', [
    ('mask_rcnn_mrla_r50.py', True),
    ('retinanet_rla_r50.py', True),
    ('mmdet::ssd/ssdlite_mobilenetv2-scratch_8xb24-600e_coco.py', False),  # batch norm of a map of 1 x 1
    ('mmseg::pspnet/pspnet_r18-d8_4xb2-80k_cityscapes-512x1024.py', False),  # batch norm after global pooling
])
def test_one_image_is_enough_unless_a_batch_norm_gets_a_single_value(config, enough):
    cfg = read_config(config if '::' in config else str(CONFIGS / config))
    init_default_scope(cfg.default_scope)
    model = build_model(cfg.model).train()
    before = copy.deepcopy(model.state_dict())
    assert learns_from_one(cfg, model) is enough
    assert model.training and all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


class Detector(BaseModel):
    """Notes of how many images a batch is."""

    def __init__(self) -> None:
        super().__init__()
        self.stacked, self.data_preprocessor.forward = [], self.preprocess

    def preprocess(self, data, training):
        self.stacked.append(len(data['inputs']))

    def forward(self):
        """Not called: a batch is only prepared."""


@pytest.mark.parametrize('enough', [True, False])
def test_a_batch_is_stacked_whole_and_learnt_from_in_part(enough, monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    monkeypatch.setattr('layeragg_mm.engine.dry_run.learns_from_one', lambda cfg, model: enough)
    runner, batch = Namespace(model=Detector(), cfg=Config()), dict(inputs=[0, 1], data_samples=[2, 3])
    DryRunHook().before_train_iter(runner, 0, batch)
    assert runner.model.stacked == [2]
    assert batch == (dict(inputs=[0], data_samples=[2]) if enough else dict(inputs=[0, 1], data_samples=[2, 3]))
