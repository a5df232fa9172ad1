"""Configs with a layer aggregation in their backbone: what they differ in, and detectors of other kinds."""
import pytest
import torch
from conftest import CONFIGS
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DATASETS, MODELS, init_default_scope
from test_detectors import small_config

pytestmark = pytest.mark.slow

PAIRS = {
    'retinanet_mrla_swin_t': 'retinanet_swin_t',
    'mask_rcnn_mrla_swin_t': 'mask_rcnn_swin_t',
    'retinanet_mrla_pvt_v2_b0': 'retinanet_pvt_v2_b0',
    'mask_rcnn_mrla_pvt_v2_b0': 'mask_rcnn_pvt_v2_b0',
    'rtmdet_mrla_tiny': 'rtmdet_tiny',
    'centernet_mrla_dla34': 'centernet_dla34',
}


@pytest.mark.parametrize('name', PAIRS)
def test_it_differs_from_the_plain_one_in_the_backbone_alone(name):
    ours, plain = (Config.fromfile(CONFIGS / f'{each}.py').to_dict() for each in (name, PAIRS[name]))
    backbone = ours['model'].pop('backbone')
    assert backbone == dict(type='LayerAggregation', backbone=plain['model'].pop('backbone'),
                            aggregation=dict(type='LightLayerAttention'))
    assert ours == plain


def small_dino() -> Config:
    cfg = Config.fromstring("_base_ = 'mmdet::dino/dino-4scale_r50_8xb2-12e_coco.py'", '.py')
    cfg.model.num_queries = 30
    cfg.model.dn_cfg.group_cfg.num_dn_queries = 4
    cfg.model.encoder.num_layers = cfg.model.decoder.num_layers = 1
    return cfg


@pytest.mark.parametrize('detector', ['faster_rcnn', pytest.param('dino', marks=pytest.mark.slow)])
@pytest.mark.parametrize('aggregation', ['LightLayerAttention', 'RecurrentAggregation'])
def test_over_a_resnet_it_trains_in_other_detectors(detector, aggregation, coco, tmp_path):
    init_default_scope('mmdet')
    if detector == 'dino':
        small_dino().dump(tmp_path / 'detector.py')
    else:
        (tmp_path / 'detector.py').write_text(Config.fromfile(CONFIGS / 'faster_rcnn_r50.py').pretty_text)
    cfg = small_config(tmp_path / 'detector', coco)
    cfg.model.backbone.update(base_channels=8, stem_channels=8, zero_init_residual=False)
    cfg.model.neck.in_channels = [8 * channels // 64 for channels in cfg.model.neck.in_channels]
    cfg.model.backbone = dict(type='LayerAggregation', backbone=cfg.model.backbone, aggregation=dict(type=aggregation))
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    model.init_weights()
    model.train()
    assert not any(parameter.requires_grad for parameter in model.backbone.aggregation[0].parameters()), 'frozen stage'
    wrapper, data = build_optim_wrapper(model, cfg.optim_wrapper), DATASETS.build(cfg.train_dataloader.dataset)
    before = model.backbone.aggregation[2].state_dict()
    before = {key: value.clone() for key, value in before.items()}
    for _ in range(2):
        losses = model.train_step(pseudo_collate([data[0], data[1]]), wrapper)
        assert all(torch.isfinite(torch.as_tensor(loss)).all() for loss in losses.values())
    after = model.backbone.aggregation[2].state_dict()
    assert any(not torch.equal(after[key], value) for key, value in before.items())
