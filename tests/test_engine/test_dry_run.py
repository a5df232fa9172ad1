"""A dry run is short, and leaves what it changes and writes behind nowhere."""
from pathlib import Path

import pytest
import torch
from conftest import CONFIGS
from mmengine.config import Config

from layeragg_mm.engine import RunConfig, protect_training, shortened


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
