"""Faster and Mask R-CNN: proposals, then boxes and masks of what RoIAlign reads in them."""
import torch
from mmcv.ops import RoIAlign
from mmdet.models.roi_heads import StandardRoIHead
from mmdet.models.roi_heads.bbox_heads import BBoxHead
from mmdet.models.roi_heads.mask_heads import FCNMaskHead
from mmdet.models.roi_heads.roi_extractors import SingleRoIExtractor
from mmdet.models.task_modules.coders import DeltaXYWHBBoxCoder
from mmengine.config import ConfigDict
from torch import Tensor, nn

from .nms_and_roi_align import sample_rois
from .refusals import check_nms, check_part, refuse
from .selection import clip, keep_best

__all__ = ['RoIDetections']


class RoIReader(nn.Module):
    """What an extractor of MMDetection reads in boxes, each on the level of the pyramid that its size belongs to."""

    def __init__(self, extractor: SingleRoIExtractor) -> None:
        super().__init__()
        check_part(extractor, SingleRoIExtractor, 'forward', 'map_roi_levels')
        for layer in extractor.roi_layers:
            if type(layer) is not RoIAlign or layer.pool_mode != 'avg':
                refuse(layer)
        self.extractor = extractor

    def forward(self, features: tuple[Tensor, ...], rois: Tensor) -> Tensor:
        """Return (M, C, height, width) for the boxes ``rois`` (M, 5): index of the image, box."""
        features = features[:self.extractor.num_inputs]
        layers = self.extractor.roi_layers
        if len(features) == 1:
            return _aligned(layers[0], features[0], rois)
        levels = self.extractor.map_roi_levels(rois, len(features))
        places = [(levels == level).nonzero()[:, 0] for level in range(len(features))]
        read = torch.cat([_aligned(*level, rois[place]) for *level, place in zip(layers, features, places)])
        order = torch.cat(places)
        return read[torch.zeros_like(order).scatter(0, order, torch.arange(order.shape[0], device=order.device))]


def _aligned(layer: RoIAlign, feature: Tensor, rois: Tensor) -> Tensor:
    return sample_rois(feature, rois, output_size=tuple(layer.output_size), spatial_scale=layer.spatial_scale,
                       sampling_ratio=layer.sampling_ratio, aligned=layer.aligned)


class RoIDetections(nn.Module):
    """What the RoI head of Faster or Mask R-CNN predicts for a batch, with its own layers and box coder.

    Args:
        head: MMDetection's ``StandardRoIHead``.
        cfg: its test_cfg.

    Raises:
        InputError: the head, or a part of it, predicts in a way of its own.
    """

    def __init__(self, head: StandardRoIHead, cfg: ConfigDict) -> None:
        super().__init__()
        check_part(head, StandardRoIHead, 'predict', 'predict_bbox', 'predict_mask', '_bbox_forward', '_mask_forward')
        check_part(head.bbox_head, BBoxHead, 'predict_by_feat', '_predict_by_feat_single')
        if type(head.bbox_head.bbox_coder) is not DeltaXYWHBBoxCoder:
            refuse(head.bbox_head.bbox_coder)
        if head.bbox_head.custom_cls_channels:
            refuse(head.bbox_head.loss_cls)
        self.head, self.bbox_head = head, head.bbox_head
        self.read_boxes = RoIReader(head.bbox_roi_extractor)
        self.score_thr, self.most = cfg.score_thr, cfg.max_per_img
        self.iou_threshold = check_nms(head, cfg.nms)
        if head.with_mask:
            check_part(head.mask_head, FCNMaskHead, 'predict_by_feat', '_predict_by_feat_single')
            self.read_masks = RoIReader(head.mask_roi_extractor)
            self.mask_thr = cfg.mask_thr_binary
            if self.mask_thr < 0:
                refuse(head.mask_head, f'with mask_thr_binary={self.mask_thr}')

    def forward(self, features: tuple[Tensor, ...], proposals: Tensor, objectness: Tensor,
                size: tuple[int, int]) -> tuple[Tensor, ...]:
        """Return boxes (N, k, 4), scores (N, k), labels (N, k) and, of Mask R-CNN, masks (N, k, H, W).

        Args:
            features: of the pyramid.
            proposals: boxes (N, p, 4).
            objectness: (N, p), 0 where there is no proposal.
            size: height and width (H, W) of the images.
        """
        head = self.bbox_head
        rois = _with_images(proposals)
        cls_scores, deltas = head(self.shared(self.read_boxes(features, rois)))
        scores = cls_scores.softmax(-1)[:, :-1]
        classes = scores.shape[1]
        boxes = head.bbox_coder.decode(rois[:, 1:], deltas).reshape(rois.shape[0], -1, 4).expand(-1, classes, -1)
        if head.bbox_coder.clip_border:
            boxes = clip(boxes, size)
        scores = scores * (scores > self.score_thr) * (objectness.reshape(-1, 1) > 0)
        images = proposals.shape[0]
        labels = torch.arange(classes, device=scores.device).expand_as(scores).reshape(images, -1)
        boxes, scores, places = keep_best(boxes.reshape(images, -1, 4), scores.reshape(images, -1), labels, self.most,
                                          self.iou_threshold)
        labels = places % classes
        if not self.head.with_mask:
            return boxes, scores, labels
        return boxes, scores, labels, self.masks(features, boxes, labels, size)

    def shared(self, read: Tensor) -> Tensor:
        return self.head.shared_head(read) if self.head.with_shared_head else read

    def masks(self, features: tuple[Tensor, ...], boxes: Tensor, labels: Tensor, size: tuple[int, int]) -> Tensor:
        logits = self.head.mask_head(self.shared(self.read_masks(features, _with_images(boxes))))
        of_class = torch.zeros_like(labels) if self.head.mask_head.class_agnostic else labels
        places = of_class.reshape(-1, 1, 1, 1).expand(-1, -1, *logits.shape[2:])
        pasted = paste(logits.gather(1, places)[:, 0].sigmoid(), boxes.reshape(-1, 4), size)
        return (pasted >= self.mask_thr).reshape(boxes.shape[0], boxes.shape[1], *pasted.shape[1:])


def _with_images(boxes: Tensor) -> Tensor:
    """Return ``boxes`` (N, k, 4) as (N * k, 5), each behind the index of its image."""
    images = torch.arange(boxes.shape[0], dtype=boxes.dtype, device=boxes.device)
    return torch.cat([images[:, None, None].expand(-1, boxes.shape[1], 1), boxes], -1).reshape(-1, 5)


def paste(masks: Tensor, boxes: Tensor, size: tuple[int, int]) -> Tensor:
    r"""Return ``masks`` (M, h, w) laid into their ``boxes`` (M, 4) in images of the ``size`` (H, W): (M, H, W).

    Bilinear interpolation, which is a product of two matrices around the mask, R m C^T: in row y of R stand the shares
    of the mask's rows in the image's row y, and likewise in C of the columns.
    """
    (height, width), (x1, y1, x2, y2) = size, boxes.unbind(-1)
    rows = _shares(y1, y2, height, masks.shape[1])
    columns = _shares(x1, x2, width, masks.shape[2])
    return rows @ masks @ columns.transpose(1, 2)


def _shares(low: Tensor, high: Tensor, length: int, cells: int) -> Tensor:
    """Return (M, length, cells): the share of each cell between ``low`` and ``high`` in each pixel of a line."""
    pixels = torch.arange(length, dtype=low.dtype, device=low.device) + .5
    at = (pixels - low[:, None]) / (high - low)[:, None] * cells - .5
    return (1 - (at.unsqueeze(-1) - torch.arange(cells, dtype=low.dtype, device=low.device)).abs()).clamp(min=0)
