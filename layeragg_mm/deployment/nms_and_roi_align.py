"""Operators that ONNX has and torch has not: in torch they compute with mmcv, in an exported file they are ONNX's own.

Where a size depends on the image (a level of a small image has fewer priors than are kept), so does what is exported.
"""
import torch
from mmcv.ops import nms, roi_align
from torch import Tensor
from torch.autograd import Function

__all__ = ['sample_rois', 'select_apart', 'top']


def top(values: Tensor, most: int) -> tuple[Tensor, Tensor]:
    """Return the ``most`` largest of each row of ``values`` (N, n), or all n, in falling order, and their places."""
    return _Top.apply(values, most)


def select_apart(boxes: Tensor, scores: Tensor, most: int, iou_threshold: float) -> Tensor:
    """Return which boxes non-maximum suppression keeps, as pairs image, place (M, 2).

    Args:
        boxes: (N, n, 4).
        scores: (N, n); what has none above 0 is not there.
        most: boxes that are kept of an image.
        iou_threshold: of two boxes with a larger IoU, the one with the smaller score goes.
    """
    return _NonMaxSuppression.apply(boxes, scores, most, iou_threshold)[:, ::2]


def sample_rois(feature: Tensor, rois: Tensor, *, output_size: tuple[int, int], spatial_scale: float,
                sampling_ratio: int, aligned: bool) -> Tensor:
    """Return what RoIAlign (average) reads of a map (N, C, H, W) in ``rois`` (M, 5): index of the image, box."""
    return _RoIAlign.apply(feature, rois, output_size, spatial_scale, sampling_ratio, aligned)


class _Top(Function):

    @staticmethod
    def forward(ctx, values: Tensor, most: int) -> tuple[Tensor, Tensor]:
        return values.topk(min(most, values.shape[1]))

    @staticmethod
    def symbolic(g, values, most):
        length = g.op('Gather', g.op('Shape', values), _constant(g, [1]), axis_i=0)
        return g.op('TopK', values, g.op('Min', _constant(g, [most]), length), axis_i=1, outputs=2)


class _NonMaxSuppression(Function):

    @staticmethod
    def forward(ctx, boxes: Tensor, scores: Tensor, most: int, iou_threshold: float) -> Tensor:
        kept = []
        for image in range(len(boxes)):
            there = scores[image].gt(0).nonzero().squeeze(1)
            _, places = nms(boxes[image, there], scores[image, there], iou_threshold, max_num=most)
            kept.append(torch.stack([torch.full_like(places, image), torch.zeros_like(places), there[places]], 1))
        return torch.cat(kept)

    @staticmethod
    def symbolic(g, boxes, scores, most, iou_threshold):
        return g.op('NonMaxSuppression', boxes, g.op('Unsqueeze', scores, _constant(g, [1])), _constant(g, [most]),
                    _constant(g, [iou_threshold]), _constant(g, [0.]))


class _RoIAlign(Function):

    @staticmethod
    def forward(ctx, feature: Tensor, rois: Tensor, output_size: tuple[int, int], spatial_scale: float,
                sampling_ratio: int, aligned: bool) -> Tensor:
        return roi_align(feature, rois, output_size, spatial_scale, sampling_ratio, 'avg', aligned)

    @staticmethod
    def symbolic(g, feature, rois, output_size, spatial_scale, sampling_ratio, aligned):
        images = g.op('Gather', rois, g.op('Constant', value_t=torch.tensor(0)), axis_i=1)
        boxes = g.op('Gather', rois, _constant(g, [1, 2, 3, 4]), axis_i=1)
        return g.op('RoiAlign', feature, boxes, g.op('Cast', images, to_i=7), mode_s='avg',
                    coordinate_transformation_mode_s='half_pixel' if aligned else 'output_half_pixel',
                    output_height_i=output_size[0], output_width_i=output_size[1], sampling_ratio_i=sampling_ratio,
                    spatial_scale_f=spatial_scale)


def _constant(g, values: list):
    return g.op('Constant', value_t=torch.tensor(values))
