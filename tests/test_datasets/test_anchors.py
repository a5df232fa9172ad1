"""How well anchors fit boxes, against a comparison with each of them."""
import numpy as np
import pytest
import torch
from conftest import CONFIGS
from mmengine.config import Config, ConfigDict

from layeragg_mm.datasets.anchors import find_anchors


def test_best_overlap_is_the_best_of_all_anchors():
    model = ConfigDict(
        rpn_head=dict(anchor_generator=dict(type='mmdet.AnchorGenerator', scales=[2], ratios=[.5, 1], strides=[8, 16])),
        data_preprocessor=dict(pad_size_divisor=32),
        train_cfg=dict(rpn=dict(assigner=dict(type='MaxIoUAssigner', pos_iou_thr=.7, neg_iou_thr=.3, min_pos_iou=.3))))
    fit = find_anchors(model)
    boxes = torch.tensor([[3., 4., 21., 17.], [-8., -8., 8., 8.], [90., 50., 96., 64.]])
    best = []
    for left, top, right, bottom in boxes.tolist():
        overlaps = []
        for stride in (8, 16):  # the image of 40 x 90 is padded to 64 x 96
            for x in range(0, 96, stride):
                for y in range(0, 64, stride):
                    for ratio in (.5, 1):  # height by width
                        width, height = 2 * stride / ratio**.5, 2 * stride * ratio**.5
                        inner = (max(0, min(right, x + width / 2) - max(left, x - width / 2))
                                 * max(0, min(bottom, y + height / 2) - max(top, y - height / 2)))
                        overlaps.append(inner / ((right - left) * (bottom - top) + width * height - inner))
        best.append(max(overlaps))
    np.testing.assert_allclose(fit.best_overlaps(boxes, 40, 90), best, rtol=1e-5)
    assert fit.best_overlaps(boxes, 40, 90)[1] == pytest.approx(1)
    assert len(fit.best_overlaps(boxes[:0], 40, 90)) == 0
    assert fit.thresholds == {'never learnt': .3, 'learnt by its best anchor only': .7}


def test_thresholds_of_one_stage_detectors():
    fit = find_anchors(Config.fromfile(CONFIGS / 'retinanet_mrla_r50.py').model)
    assert fit.thresholds == {'learnt as background but for its best anchor': .4, 'learnt by its best anchor only': .5}
    points = dict(type='MlvlPointGenerator', strides=[8])
    assert find_anchors(ConfigDict(bbox_head=dict(prior_generator=points))) is None
