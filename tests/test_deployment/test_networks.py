"""Exported networks find in ONNX Runtime what they find in torch, for any number and size of images."""
import drawn
import numpy as np
import onnx
import onnxruntime
import pytest
import torch
import trunks
from conftest import CONFIGS
from mmcv.ops import DeformConv2dPack, ModulatedDeformConv2dPack
from mmdet.models.roi_heads.mask_heads.fcn_mask_head import _do_paste_mask
from mmdet.structures import DetDataSample
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope

import layeragg_mm.segmentation  # noqa: F401  (registers)
from layeragg_mm.deployment import ExportedFile, compare, export, exportable, predict
from layeragg_mm.deployment.agreement import DisagreementError
from layeragg_mm.deployment.deformable import SampledConv2d
from layeragg_mm.deployment.replacing import AdaptivePool2d
from layeragg_mm.deployment.runtime import fill_detections
from layeragg_mm.deployment.two_stage import paste
from layeragg_mm.errors import InputError
from layeragg_mm.necks.deformable import DeformableConv2d

pytestmark = pytest.mark.slow


NARROW = {'retinanet_mrla_swin_t': {'model.backbone.backbone.embed_dims': 24, 'model.neck.in_channels': [48, 96, 192]}}


def build(name):
    """Return a config's model with seeded weights, calibrated on noise; narrower where that is told."""
    cfg = Config.fromfile(CONFIGS / f'{name}.py')
    init_default_scope(cfg.default_scope)
    cfg.merge_from_dict(NARROW.get(name, {}))
    torch.manual_seed(0)
    return drawn.draw(trunks.draw(MODELS.build(cfg.model), 'backbone.aggregation.'), noise(2, 128, 160), predict)


def noise(*size):
    batch, height, width = size
    return 255 * torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(sum(size)))


@pytest.mark.parametrize('name', [
    'fcos_mrla_tiny_digits', 'dla34_ida_digits', 'retinanet_dla34_ida', 'centernet_dla34', 'retinanet_mrla_swin_t',
    'retinanet_mrla_pvt_v2_b0'])
def test_one_file_for_any_batch_and_size(name, tmp_path):
    model = build(name)
    export(exportable(model), tmp_path / 'model.onnx', classes=['a'], size=None, batch=None)
    nodes = onnx.load(tmp_path / 'model.onnx').graph.node
    assert {node.domain for node in nodes} <= {'', 'ai.onnx'}, 'operators of others than ONNX'
    file = ExportedFile(tmp_path / 'model.onnx')
    for size in [(1, 128, 160), (3, 128, 160), (2, 126, 93)]:
        agreement = compare(predict(model, noise(*size)), file(noise(*size).numpy()))
        agreement.check()
        assert agreement.objects >= 10 * size[0]


def test_what_differs_is_not_taken_for_equal(tmp_path):
    model = build('fcos_mrla_tiny_digits')
    expected = predict(model, noise(1, 128, 160))
    found = expected[0].pred_instances
    outputs = dict(boxes=found.bboxes, scores=found.scores, labels=found.labels)
    outputs = {name: value[None].numpy().copy() for name, value in outputs.items()}
    compare(expected, outputs).check()
    for name, change in (('boxes', .2), ('scores', .002), ('labels', 1), ('boxes', np.nan), ('scores', np.nan)):
        changed = {**outputs, name: (outputs[name] + change).astype(outputs[name].dtype)}
        with pytest.raises(DisagreementError, match='objects are found by one of both only'):
            compare(expected, changed).check()


@pytest.mark.parametrize('conv', [
    lambda: DeformableConv2d(8, 6),
    lambda: ModulatedDeformConv2dPack(8, 6, 3, stride=2, padding=2, dilation=2, groups=2, deform_groups=2),
    lambda: DeformConv2dPack(8, 6, 3, padding=1, deform_groups=4)])
def test_sampled_convolution_equals_the_deformable_one(conv):
    torch.manual_seed(0)
    conv = conv()
    torch.nn.init.normal_(conv.conv_offset.weight, 0, .3)
    x = torch.randn(3, 8, 11, 14)
    torch.testing.assert_close(SampledConv2d(conv)(x), conv(x), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize('size', [1, 3, 6, (2, 5)])
def test_adaptive_pooling_equals_torch_s(size):
    pool = torch.nn.AdaptiveAvgPool2d(size)
    for height, width in ((6, 6), (7, 13), (4, 5)):
        x = torch.randn(2, 3, height, width)
        torch.testing.assert_close(AdaptivePool2d(pool)(x), pool(x))


def test_masks_are_pasted_as_mmdetection_does():
    torch.manual_seed(0)
    masks, corners = torch.rand(5, 28, 28), torch.rand(5, 2, 2) * torch.tensor([60., 40.])
    boxes = torch.cat([corners.amin(1), corners.amax(1) + 1], 1)
    expected, _ = _do_paste_mask(masks[:, None], boxes, 44, 66, skip_empty=False)
    torch.testing.assert_close(paste(masks, boxes, (44, 66)), expected, rtol=0, atol=1e-4)


def test_what_has_no_form_is_named():
    init_default_scope('mmdet')
    model = MODELS.build(Config.fromfile(CONFIGS / 'cascade_rcnn_dca_gc_r50.py').model).eval()
    with pytest.raises(InputError, match='CascadeRoIHead cannot be exported'):
        exportable(model)


def test_an_image_without_objects(tmp_path):
    model = build('fcos_mrla_tiny_digits')
    model.bbox_head.conv_cls.bias.data.fill_(-50)
    export(exportable(model), tmp_path / 'model.onnx', classes=['a'], size=(64, 64), batch=1)
    session = onnxruntime.InferenceSession(tmp_path / 'model.onnx')
    assert session.run(['boxes'], dict(images=noise(1, 64, 64).numpy()))[0].shape == (1, 0, 4)


def test_boxes_of_an_image_that_centernet_s_pipeline_padded():
    """It resizes nothing, and notes the border: top, bottom, left, right."""
    sample = DetDataSample(metainfo=dict(ori_shape=(96, 112), border=np.array([16, 112, 8, 120])))
    found = dict(boxes=torch.tensor([[20., 30., 60., 70.], [0., 0., 0., 0.]]), scores=torch.tensor([.5, 0.]),
                 labels=torch.tensor([3, -1]))
    fill_detections(sample, found, (128, 128))
    assert sample.pred_instances.bboxes.tolist() == [[12., 14., 52., 54.]]
    assert sample.pred_instances.labels.tolist() == [3]
