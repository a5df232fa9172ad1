"""Released detectors with PSConv, of MMDetection 0.6: the file is read as it is, every weight in its place."""
from functools import cache

import golden
import mmdet2
import pytest
import torch
from conftest import CONFIGS, slow_but
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope

from layeragg_mm.layers import ReleasedPSConv2d

CLASSES = 81  # background first
KINDS = ('faster_rcnn', 'mask_rcnn', 'cascade_rcnn', 'cascade_mask_rcnn')
RPN = ('rpn_head.rpn_conv', (256, 256, 3, 3)), ('rpn_head.rpn_cls', (3, 256, 1, 1)), ('rpn_head.rpn_reg', (12, 256, 1, 1))


def heads(kind: str) -> list[tuple[str, tuple[int, ...]]]:
    """Return names and shapes of what follows the backbone, as MMDetection 0.6 has them."""
    cascade = kind.startswith('cascade')
    stages = [f'.{i}' for i in range(3)] if cascade else ['']
    layers = [*mmdet2.FPN, *RPN]
    for stage in stages:
        layers += [(f'bbox_head{stage}.shared_fcs.0', (1024, 256 * 7 * 7)), (f'bbox_head{stage}.shared_fcs.1', (1024, 1024)),
                   (f'bbox_head{stage}.fc_cls', (CLASSES, 1024)),
                   (f'bbox_head{stage}.fc_reg', (4 if cascade else 4 * CLASSES, 1024))]
        if 'mask' in kind:
            layers += [*((f'mask_head{stage}.convs.{i}.conv', (256, 256, 3, 3)) for i in range(4)),
                       (f'mask_head{stage}.upsample', (256, 256, 2, 2)), (f'mask_head{stage}.conv_logits', (CLASSES, 256, 1, 1))]
    return layers


@cache
def released(kind: str) -> dict[str, torch.Tensor]:
    """Return a detector's seeded file; the backbone's weights are those behind the golden outputs."""
    state = {f'backbone.{key}': value for key, value in golden.state_dict(golden.load('psconv_resnet50')).items()
             if not key.startswith('fc.')}
    for name, shape in heads(kind):
        width = shape[1] if name.endswith('upsample') else shape[0]
        state |= {f'{name}.weight': golden.weight(f'{name}.weight', shape), f'{name}.bias': golden.weight('bias', (width,))}
    return state


def build(name: str) -> torch.nn.Module:
    init_default_scope('mmdet')
    return MODELS.build(Config.fromfile(CONFIGS / f'{name}.py').model).double().eval()


@pytest.mark.parametrize('kind', slow_but(['mask_rcnn'], KINDS))
def test_every_weight_finds_its_place(kind):
    """The backbone is the published one, and a class has the scores, boxes and masks of the released order of classes."""
    state = released(kind)
    model = build(f'{kind}_psconv_r50_mmdet1')
    model.load_state_dict(dict(state))
    description = golden.load('psconv_resnet50')
    outs = model.backbone(golden.image(description['input']))
    expected = [value for key, value in description['outputs'].items() if key.startswith('st')]
    for out, summary in zip(outs, expected, strict=True):
        golden.check(out, summary)

    roi_head, x = model.roi_head, torch.randn(3, 1024, dtype=torch.float64)
    staged = kind.startswith('cascade')
    for i, head in enumerate(roi_head.bbox_head if staged else [roi_head.bbox_head]):
        stage = f'.{i}' if staged else ''

        def linear(layer):
            return torch.nn.functional.linear(x, *(state[f'bbox_head{stage}.{layer}.{part}'] for part in ('weight', 'bias')))

        background, *classes = linear('fc_cls').unbind(1)
        torch.testing.assert_close(head.fc_cls(x), torch.stack([*classes, background], 1))
        torch.testing.assert_close(head.fc_reg(x), linear('fc_reg') if staged else linear('fc_reg')[:, 4:])
        if 'mask' in kind:
            mask = roi_head.mask_head[i] if staged else roi_head.mask_head
            assert torch.equal(mask.conv_logits.weight, state[f'mask_head{stage}.conv_logits.weight'][1:])
    assert torch.equal(model.neck.fpn_convs[0].conv.weight, state['neck.fpn_convs.0.conv.weight'])


@pytest.mark.parametrize('name', slow_but([], [f'{kind}_psconv_{net}_mmdet1' for kind in KINDS for net in ('r101', 'x101_32x4d')]))
def test_deeper_backbones_are_the_released_code_s(name):
    backbone = build(name).backbone
    masked = sum(module.masked.sum().item() * 9 for module in backbone.modules() if isinstance(module, ReleasedPSConv2d))
    stored = sum(parameter.numel() for parameter in backbone.parameters())
    expected = (43.463, .167) if 'x101' in name else (53.172, 10.672)
    assert (stored / 1e6, masked / 1e6) == pytest.approx(expected, abs=.0005 + 1e-9)


@pytest.mark.parametrize('kind', KINDS)
def test_boxes_are_of_that_version(kind):
    cfg = Config.fromfile(CONFIGS / f'{kind}_psconv_r50_mmdet1.py').model
    heads = cfg.roi_head.bbox_head if kind.startswith('cascade') else [cfg.roi_head.bbox_head]
    coders = [cfg.rpn_head.bbox_coder, *(head.bbox_coder for head in heads)]
    assert {coder.type for coder in coders} == {'LegacyDeltaXYWHBBoxCoder'}
    assert heads[-1].bbox_coder.target_stds[0] == (.033 if kind.startswith('cascade') else .1)
    assert cfg.rpn_head.anchor_generator.type == 'LegacyAnchorGenerator'
    assert cfg.rpn_head.anchor_generator.strides == [4, 8, 16, 32, 64]
    extractors = [cfg.roi_head.bbox_roi_extractor] + ([cfg.roi_head.mask_roi_extractor] if 'mask' in kind else [])
    assert {(extractor.roi_layer.aligned, extractor.roi_layer.sampling_ratio) for extractor in extractors} == {(False, 2)}
    assert all(cfg.test_cfg[part].nms.offset == 1 for part in ('rpn', 'rcnn'))
    assert (cfg.test_cfg.rpn.nms.iou_threshold, cfg.test_cfg.rcnn.nms.iou_threshold) == (.7, .5)
    assert cfg.backbone.dcn.form == 'literal' and cfg.backbone.init_cfg is None
