"""Parts of a model that do not fit each other are told before a run, whatever the kind of model."""
import pytest
from conftest import CONFIGS
from mmengine.registry import init_default_scope

from layeragg_mm.engine.checks import check_config
from layeragg_mm.engine.config import read_config
from layeragg_mm.errors import InputError


@pytest.fixture(autouse=True)
def no_files_are_needed(monkeypatch):
    monkeypatch.setattr('layeragg_mm.engine.section_checks.check_paths', lambda path, node: None)


MASK = 'mask_rcnn_mrla_r50_digits'
SEG = 'upernet_rla_r50_cityscapes'
RESNET, FPN = [256, 512, 1024, 2048], [64] * 5
# config, override, what takes how many channels, what gives how many, and the value to set.
MISFITS = [
    (MASK, 'neck.in_channels', [256, 512, 1024, 1024], 'neck (FPN)', f'backbone (MRLAResNet) gives {RESNET}', RESNET),
    (MASK, 'rpn_head.in_channels', 128, 'rpn_head (RPNHead)', f'neck (FPN) gives {FPN}', 64),
    (MASK, 'roi_head.bbox_head.in_channels', 32, 'roi_head.bbox_head (Shared2FCBBoxHead)', f'neck (FPN) gives {FPN}',
     64),
    (MASK, 'roi_head.bbox_roi_extractor.out_channels', 32, 'roi_head.bbox_roi_extractor (SingleRoIExtractor)',
     f'neck (FPN) gives {FPN}', None),
    (MASK, 'roi_head.mask_head.in_channels', 32, 'roi_head.mask_head (FCNMaskHead)', f'neck (FPN) gives {FPN}', 64),
    (SEG, 'decode_head.in_channels', [256, 512, 1024, 2000], 'decode_head (UPerHead)',
     f'backbone (RLAResNet) gives {RESNET}', RESNET),
    (SEG, 'auxiliary_head.in_channels', 512, 'auxiliary_head (FCNHead)', f'backbone (RLAResNet) gives {RESNET}', None),
]


@pytest.mark.parametrize('config, key, value, taker, giver, right', MISFITS)
def test_channels_that_do_not_fit(config, key, value, taker, giver, right):
    cfg = read_config(str(CONFIGS / f'{config}.py'), cfg_options={f'model.{key}': value})
    with pytest.raises(InputError) as told:
        check_config(cfg, 'train', 'val')
    assert told.value.what == f'model.{taker} takes {value} channels, but model.{giver}'
    if right is not None:
        assert told.value.remedy == f'Set model.{key}={right}.'


FITTING = ['mmdet::detr/detr_r50_8xb2-150e_coco.py', 'mmdet::yolox/yolox_tiny_8xb8-300e_coco.py',
           'mmdet::cascade_rcnn/cascade-mask-rcnn_r50_fpn_1x_coco.py', 'mmdet::ssd/ssd300_coco.py',
           'mmseg::pspnet/pspnet_r18-d8_4xb2-80k_cityscapes-512x1024.py',
           'mmseg::segformer/segformer_mit-b0_8xb1-160k_cityscapes-1024x1024.py']


@pytest.mark.slow
@pytest.mark.parametrize('config', FITTING)
def test_configs_of_the_libraries_pass(config):
    cfg = read_config(config)
    init_default_scope(cfg.default_scope)
    check_config(cfg, 'train', 'val')
