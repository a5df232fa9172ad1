"""--pretrained: a file, or nothing and what that needs."""
import pytest
from conftest import CONFIGS

from layeragg_mm.engine import start_from
from layeragg_mm.engine.config import read_config
from layeragg_mm.errors import InputError


def test_a_file_takes_the_place_of_the_start(capsys):
    cfg = read_config(str(CONFIGS / 'mask_rcnn_mrla_r50.py'))
    start_from(cfg, 'mine.pth')
    assert cfg.model.backbone.init_cfg == dict(type='Pretrained', checkpoint='mine.pth')
    assert (cfg.model.backbone.frozen_stages, cfg.model.backbone.norm_eval) == (1, True)
    assert "model.backbone.init_cfg={'type': 'Pretrained', 'checkpoint': 'mine.pth'}" in capsys.readouterr().out


@pytest.mark.parametrize('config', [
    str(CONFIGS / 'mask_rcnn_mrla_r50.py'),
    'mmdet::faster_rcnn/faster-rcnn_r50-caffe_fpn_1x_coco.py',  # norms that do not learn
    'mmseg::pspnet/pspnet_r50-d8_4xb2-40k_cityscapes-512x1024.py',  # the model names the start
    str(CONFIGS / 'dla34_ida_camvid.py'),
])
def test_at_random_all_learns(config, capsys):
    cfg = read_config(config)
    start_from(cfg, 'none')
    backbone = cfg.model.backbone
    assert backbone.get('init_cfg') is None and cfg.model.get('pretrained') is None
    assert backbone.get('frozen_stages', -1) == -1 and not backbone.norm_eval
    assert backbone.get('norm_cfg', {}).get('requires_grad', True)
    assert 'set for it' in capsys.readouterr().out


def test_a_norm_that_evaluates_by_default_learns():
    cfg = read_config(str(CONFIGS / 'mask_rcnn_mrla_r50.py'), cfg_options={'model.backbone.norm_eval': None})
    del cfg.model.backbone['norm_eval']
    start_from(cfg, 'none')
    assert cfg.model.backbone.norm_eval is False


def test_a_model_without_a_backbone_is_refused():
    cfg = read_config(str(CONFIGS / 'mask_rcnn_mrla_r50.py'))
    del cfg.model['backbone']
    with pytest.raises(InputError, match='has no backbone'):
        start_from(cfg, 'none')
