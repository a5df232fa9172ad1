"""--pretrained: a file, or nothing and what that needs."""
from argparse import Namespace

import pytest
import torch
from conftest import CONFIGS
from mmengine.registry import init_default_scope

from layeragg_mm.engine import start_from
from layeragg_mm.engine.config import read_config
from layeragg_mm.errors import InputError


def start(cfg, pretrained, *options) -> None:
    init_default_scope(cfg.get('default_scope', 'mmdet'))
    start_from(cfg, Namespace(pretrained=str(pretrained), cfg_options=list(options)))


@pytest.fixture
def weights(tmp_path):
    torch.save({'backbone.conv1.weight': torch.zeros(1)}, tmp_path / 'mine.pth')
    return tmp_path / 'mine.pth'


def test_a_file_takes_the_place_of_the_start(weights, capsys):
    cfg = read_config(str(CONFIGS / 'mask_rcnn_mrla_r50.py'))
    start(cfg, weights)
    assert cfg.model.backbone.init_cfg == dict(type='Pretrained', checkpoint=str(weights))
    assert (cfg.model.backbone.frozen_stages, cfg.model.backbone.norm_eval) == (1, True)
    assert "model.backbone.init_cfg={'type': 'Pretrained', 'checkpoint': " in capsys.readouterr().out


def test_a_prefix_stays_where_the_file_has_it(weights):
    cfg = read_config(str(CONFIGS / 'rtmdet_tiny.py'))
    assert cfg.model.backbone.init_cfg.prefix == 'backbone.'
    start(cfg, weights)
    assert cfg.model.backbone.init_cfg.prefix == 'backbone.'
    torch.save({'conv1.weight': torch.zeros(1)}, weights)
    start(cfg, weights)
    assert 'prefix' not in cfg.model.backbone.init_cfg


def test_the_trunk_inside_an_aggregation_starts(weights):
    cfg = read_config(str(CONFIGS / 'mask_rcnn_mrla_swin_t.py'))
    assert cfg.model.backbone.type == 'LayerAggregation'
    start(cfg, weights)
    assert cfg.model.backbone.backbone.init_cfg.checkpoint == str(weights) and 'init_cfg' not in cfg.model.backbone
    start(cfg, 'none')
    assert cfg.model.backbone.backbone.init_cfg is None and 'norm_eval' not in cfg.model.backbone.backbone


def test_what_an_option_says_stays():
    cfg = read_config(str(CONFIGS / 'mask_rcnn_mrla_r50.py'))
    start(cfg, 'none', 'model.backbone.frozen_stages=1')
    assert (cfg.model.backbone.frozen_stages, cfg.model.backbone.norm_eval) == (1, False)


def test_a_file_that_is_no_checkpoint_is_refused(tmp_path):
    (tmp_path / 'mine.pth').write_text('none')
    with pytest.raises(InputError, match='--pretrained: '):
        start(read_config(str(CONFIGS / 'mask_rcnn_mrla_r50.py')), tmp_path / 'mine.pth')


@pytest.mark.parametrize('config', [
    str(CONFIGS / 'mask_rcnn_mrla_r50.py'),
    'mmdet::faster_rcnn/faster-rcnn_r50-caffe_fpn_1x_coco.py',  # norms that do not learn
    'mmseg::pspnet/pspnet_r50-d8_4xb2-40k_cityscapes-512x1024.py',  # the model names the start
    str(CONFIGS / 'dla34_ida_camvid.py'),
])
def test_at_random_all_learns(config, capsys):
    cfg = read_config(config)
    start(cfg, 'none')
    backbone = cfg.model.backbone
    assert backbone.get('init_cfg') is None and cfg.model.get('pretrained') is None
    assert backbone.get('frozen_stages', -1) == -1 and not backbone.norm_eval
    assert backbone.get('norm_cfg', {}).get('requires_grad', True)
    assert 'set for it' in capsys.readouterr().out


def test_a_norm_that_evaluates_by_default_learns():
    cfg = read_config(str(CONFIGS / 'mask_rcnn_mrla_r50.py'), cfg_options={'model.backbone.norm_eval': None})
    del cfg.model.backbone['norm_eval']
    start(cfg, 'none')
    assert cfg.model.backbone.norm_eval is False


def test_a_model_without_a_backbone_is_refused():
    cfg = read_config(str(CONFIGS / 'mask_rcnn_mrla_r50.py'))
    del cfg.model['backbone']
    with pytest.raises(InputError, match='has no backbone'):
        start(cfg, 'none')
