"""Released detectors of MMDetection 0.6: read as they are, with that version's boxes, classes and order of them."""
import pickle
from functools import cache

import cv2
import dcanet
import golden
import mmdet2
import numpy as np
import pytest
import torch
from conftest import CONFIGS
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope
from test_released import SMALL, part

from layeragg_mm.checkpoints.mmdet1 import translate_mmdet1

CASCADE = [
    *mmdet2.FPN, ('rpn_head.rpn_conv', (256, 256, 3, 3)), ('rpn_head.rpn_cls', (3, 256, 1, 1)),
    ('rpn_head.rpn_reg', (12, 256, 1, 1)),
    *(entry for i in range(3) for entry in [
        (f'bbox_head.{i}.shared_fcs.0', (1024, 256 * 7 * 7)), (f'bbox_head.{i}.shared_fcs.1', (1024, 1024)),
        (f'bbox_head.{i}.fc_cls', (81, 1024)), (f'bbox_head.{i}.fc_reg', (4, 1024))])]
LAYOUTS = {'retinanet': mmdet2.LAYOUTS['retinanet'],
           'cascade': {f'{name}.{weight}': shape if weight == 'weight' else shape[:1]
                       for name, shape in CASCADE for weight in ('weight', 'bias')}}


@cache
def released(kind: str, connected: str) -> dict[str, torch.Tensor]:
    """Return a seeded checkpoint; the backbone's is that of the network written out in ``dcanet``."""
    backbone = {key: value for key, value in dcanet.ResNet(50, connected).state_dict().items()
                if not key.startswith('fc.')}
    state = {f'backbone.{key}': golden.weight(key, value.shape) for key, value in backbone.items()}
    state |= {key: golden.weight(key, shape) for key, shape in LAYOUTS[kind].items()}
    if kind == 'retinanet':  # few objects, as trained weights find
        state['bbox_head.retina_cls.weight'] *= 10
        state['bbox_head.retina_cls.bias'] -= 6
    return {key: value if value.dtype == torch.int64 else value.float() for key, value in state.items()}


def build(name: str) -> torch.nn.Module:
    init_default_scope('mmdet')
    return MODELS.build(Config.fromfile(CONFIGS / f'{name}.py').model)


@pytest.mark.slow
def test_retinanet_finds_what_it_finds_written_out(coco, run, tmp_path):
    """MMDetection 1's anchors, coding and suppression, in plain torch and NumPy, on the features of our backbone."""
    name, state = 'retinanet_dca_se_r50_mmdet1', released('retinanet', 'se')
    torch.save(dict(meta=dict(mmdet_version='0.6.0', epoch=24), state_dict=state), tmp_path / 'released.pth')
    assert run('test', CONFIGS / f'{name}.py', tmp_path / 'released.pth', '--data-root', coco, '--work-dir', tmp_path,
               '--out', tmp_path / 'out.pkl', '--cfg-options', *(f'{key}={value}' for key, value in SMALL.items())) == 0
    backbone = build(name).backbone.eval()
    backbone.load_state_dict(part('backbone', state))
    samples = pickle.loads((tmp_path / 'out.pkl').read_bytes())
    assert len(samples) == 2
    for sample in samples:
        image = cv2.imread(sample['img_path'])[..., ::-1]
        image = (image - np.array([123.675, 116.28, 103.53])) / [58.395, 57.12, 57.375]
        with torch.no_grad():
            features = backbone(torch.from_numpy(image.transpose(2, 0, 1)).float()[None])
            expected = mmdet2.retinanet(features, state, legacy=True)
        instances = sample['pred_instances']
        assert len(instances['scores']) == len(expected) > 10
        torch.testing.assert_close(instances['bboxes'], expected[:, :4], rtol=1e-4, atol=1e-3)
        torch.testing.assert_close(instances['scores'], expected[:, 4], rtol=1e-4, atol=1e-5)
        assert instances['labels'].tolist() == expected[:, 5].tolist()


@pytest.mark.slow
def test_cascade_rcnn_reads_background_first():
    """Every weight finds its place, and a class has the score that the released order of classes gives it."""
    state = released('cascade', 'gc')
    model = build('cascade_rcnn_dca_gc_r50_mmdet1').eval()
    model.load_state_dict(dict(state))
    x = torch.randn(3, 1024)
    for i, head in enumerate(model.roi_head.bbox_head):
        weight, bias = (state[f'bbox_head.{i}.fc_cls.{name}'] for name in ('weight', 'bias'))
        scores = torch.nn.functional.linear(x, weight, bias)
        background, *classes = scores.softmax(1).unbind(1)
        ours = head.fc_cls(x).softmax(1)
        torch.testing.assert_close(ours, torch.stack([*classes, background], 1))
        torch.testing.assert_close(head.fc_reg.weight, state[f'bbox_head.{i}.fc_reg.weight'])
    torch.testing.assert_close(model.neck.fpn_convs[0].conv.weight, state['neck.fpn_convs.0.conv.weight'])
    generator = model.rpn_head.prior_generator
    assert generator.base_anchors[0][1].tolist() == [-14, -14, 17, 17]  # 32 pixels around the middle of pixel 1.5


def test_boxes_and_masks_of_each_class_lose_those_of_the_background():
    state = {'rpn_head.rpn_cls.bias': torch.zeros(3),
             'bbox_head.fc_cls.bias': torch.arange(4.), 'bbox_head.fc_reg.bias': torch.arange(16.),
             'mask_head.conv_logits.bias': torch.arange(4.), 'mask_head.convs.0.conv.bias': torch.arange(4.)}
    translated = translate_mmdet1(state)
    assert {key: value.tolist() for key, value in translated.items()} == {
        'rpn_head.rpn_cls.bias': [0, 0, 0], 'roi_head.bbox_head.fc_cls.bias': [1, 2, 3, 0],
        'roi_head.bbox_head.fc_reg.bias': list(range(4, 16)), 'roi_head.mask_head.conv_logits.bias': [1, 2, 3],
        'roi_head.mask_head.convs.0.conv.bias': [0, 1, 2, 3]}
    assert translate_mmdet1(translated) is translated
