"""Released detectors with PSConv, of MMDetection 0.6: the file is read as it is, every weight in its place."""
from functools import cache

import golden
import mmdet2
import pytest
import torch
from conftest import CONFIGS
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope

from layeragg_mm.layers import ReleasedPSConv2d

CLASSES = 81  # background first
KINDS = ('faster_rcnn', 'mask_rcnn', 'cascade_rcnn', 'cascade_mask_rcnn')
DEEPER = [f'{kind}_psconv_{network}_mmdet1' for kind in KINDS for network in ('r101', 'x101_32x4d')]


def heads(kind: str) -> list[tuple[str, tuple[int, ...]]]:
    """Return names and shapes of what follows the backbone, as MMDetection 0.6 has them."""
    cascade = kind.startswith('cascade')
    layers = [*mmdet2.FPN, ('rpn_head.rpn_conv', (256, 256, 3, 3)), ('rpn_head.rpn_cls', (3, 256, 1, 1)),
              ('rpn_head.rpn_reg', (12, 256, 1, 1))]
    for stage in ['.0', '.1', '.2'] if cascade else ['']:
        box, mask = f'bbox_head{stage}', f'mask_head{stage}'
        layers += [(f'{box}.shared_fcs.0', (1024, 256 * 7 * 7)), (f'{box}.shared_fcs.1', (1024, 1024)),
                   (f'{box}.fc_cls', (CLASSES, 1024)), (f'{box}.fc_reg', (4 if cascade else 4 * CLASSES, 1024))]
        if 'mask' in kind:
            layers += [*((f'{mask}.convs.{i}.conv', (256, 256, 3, 3)) for i in range(4)),
                       (f'{mask}.upsample', (256, 256, 2, 2)), (f'{mask}.conv_logits', (CLASSES, 256, 1, 1))]
    return layers


@cache
def released(kind: str) -> dict[str, torch.Tensor]:
    """Return a detector's seeded file; the backbone's weights are those behind the golden outputs."""
    state = {f'backbone.{key}': value for key, value in golden.state_dict(golden.load('psconv_resnet50')).items()
             if not key.startswith('fc.')}
    for name, shape in heads(kind):
        for part, size in (('weight', shape), ('bias', shape[:1])):
            state[f'{name}.{part}'] = golden.weight(f'{name}.{part}', size)
    return state


def build(name: str) -> torch.nn.Module:
    init_default_scope('mmdet')
    return MODELS.build(Config.fromfile(CONFIGS / f'{name}.py').model).eval()


@pytest.mark.slow
@pytest.mark.parametrize('kind', KINDS)
def test_every_weight_finds_its_place(kind):
    """The backbone is the published one; each class has the scores, box and mask that the released order gives it."""
    state, model = released(kind), build(f'{kind}_psconv_r50_mmdet1').double()
    model.load_state_dict(dict(state))
    description = golden.load('psconv_resnet50')
    expected = [value for key, value in description['outputs'].items() if key.startswith('st')]
    for out, summary in zip(model.backbone(golden.image(description['input'])), expected, strict=True):
        golden.check(out, summary)

    def stages(heads):
        return heads if kind.startswith('cascade') else [heads]

    def linear(name: str, x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.linear(x, state[f'{name}.weight'], state[f'{name}.bias'])

    x = torch.randn(3, 1024, dtype=torch.float64)
    for i, head in enumerate(stages(model.roi_head.bbox_head)):
        name = f'bbox_head.{i}' if kind.startswith('cascade') else 'bbox_head'
        background, *classes = linear(f'{name}.fc_cls', x).unbind(1)
        torch.testing.assert_close(head.fc_cls(x), torch.stack([*classes, background], 1))
        boxes = linear(f'{name}.fc_reg', x)
        torch.testing.assert_close(head.fc_reg(x), boxes if kind.startswith('cascade') else boxes[:, 4:])
    if 'mask' in kind:
        for i, head in enumerate(stages(model.roi_head.mask_head)):
            name = f'mask_head.{i}' if kind.startswith('cascade') else 'mask_head'
            assert torch.equal(head.conv_logits.weight, state[f'{name}.conv_logits.weight'][1:])
    assert torch.equal(model.neck.fpn_convs[0].conv.weight, state['neck.fpn_convs.0.conv.weight'])


@pytest.mark.slow
@pytest.mark.parametrize('name', DEEPER)
def test_deeper_backbones_store_what_the_released_ones_do(name):
    """Millions of parameters, and of those behind the mask, which with 32 groups misses rows."""
    backbone = build(name).backbone
    stored = sum(parameter.numel() for parameter in backbone.parameters())
    layers = [module for module in backbone.modules() if isinstance(module, ReleasedPSConv2d)]
    masked = sum(9 * layer.masked.sum().item() for layer in layers)
    expected = (43.463, .167) if 'x101' in name else (53.172, 10.672)
    assert (stored / 1e6, masked / 1e6) == pytest.approx(expected, abs=6e-4)


@pytest.mark.parametrize('kind', KINDS)
def test_boxes_are_of_that_version(kind):
    cfg = Config.fromfile(CONFIGS / f'{kind}_psconv_r50_mmdet1.py').model
    cascade, roi_head = kind.startswith('cascade'), cfg.roi_head
    heads = roi_head.bbox_head if cascade else [roi_head.bbox_head]
    assert {coder.type for coder in (cfg.rpn_head.bbox_coder, *(head.bbox_coder for head in heads))} == {
        'LegacyDeltaXYWHBBoxCoder'}
    assert heads[-1].bbox_coder.target_stds[0] == (.033 if cascade else .1)
    generator = cfg.rpn_head.anchor_generator
    assert (generator.type, generator.strides) == ('LegacyAnchorGenerator', [4, 8, 16, 32, 64])
    for extractor in [roi_head.bbox_roi_extractor, *([roi_head.mask_roi_extractor] if 'mask' in kind else [])]:
        assert (extractor.roi_layer.aligned, extractor.roi_layer.sampling_ratio) == (False, 2)
    for part, threshold in (('rpn', .7), ('rcnn', .5)):
        assert (cfg.test_cfg[part].nms.offset, cfg.test_cfg[part].nms.iou_threshold) == (1, threshold)
