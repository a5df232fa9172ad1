"""Heads that tell boxes at every place of the maps: RetinaNet's, FCOS's and their kind, RPN."""
import torch
from mmdet.models.dense_heads import RPNHead
from mmdet.models.dense_heads.base_dense_head import BaseDenseHead
from mmdet.models.task_modules.coders import DeltaXYWHBBoxCoder, DistancePointBBoxCoder
from mmengine.config import ConfigDict
from torch import Tensor, nn

from .nms_and_roi_align import top
from .refusals import check_nms, check_part, refuse
from .selection import clip, drop_small, keep_best, take

__all__ = ['DenseDetections']


class DenseDetections(nn.Module):
    """What a dense head of MMDetection predicts for a batch, with its own layers, priors and box coder.

    Args:
        head: one that selects boxes as MMDetection's ``BaseDenseHead``, or its ``RPNHead``.
        cfg: its test_cfg.

    Raises:
        InputError: the head selects them in a way of its own.
    """

    def __init__(self, head: BaseDenseHead, cfg: ConfigDict) -> None:
        super().__init__()
        self.is_rpn = isinstance(head, RPNHead)
        base = RPNHead if self.is_rpn else BaseDenseHead
        check_part(head, base, 'predict', 'predict_by_feat', '_predict_by_feat_single', '_bbox_post_process')
        if type(head.bbox_coder) not in (DeltaXYWHBBoxCoder, DistancePointBBoxCoder):
            refuse(head.bbox_coder)
        if getattr(head.loss_cls, 'custom_cls_channels', False):
            refuse(head.loss_cls)
        for key in ('nms_pre', 'max_per_img'):
            if cfg.get(key, -1) <= 0:
                refuse(head, f'with {key}={cfg.get(key)}')
        self.head = head
        self.most_priors, self.most = cfg.nms_pre, cfg.max_per_img
        self.score_thr = None if self.is_rpn else cfg.get('score_thr', 0)
        self.smallest = cfg.get('min_bbox_size', -1)
        self.iou_threshold = check_nms(head, cfg.nms)

    def forward(self, features: tuple[Tensor, ...], size: tuple[int, int]) -> tuple[Tensor, Tensor, Tensor]:
        """Return boxes (N, k, 4), scores (N, k) and labels (N, k) for the maps of images of the ``size``."""
        cls_scores, bbox_preds, *factors = self.head(features)
        first = cls_scores[0]
        priors = self.head.prior_generator.grid_priors(
            [maps.shape[-2:] for maps in cls_scores], dtype=first.dtype, device=first.device)
        factors = factors[0] if factors else [None] * len(cls_scores)
        levels = [self.candidates(*level) for level in zip(cls_scores, bbox_preds, factors, priors)]
        boxes, scores, labels = (torch.cat(parts, 1) for parts in zip(*levels))
        if self.head.bbox_coder.clip_border:
            boxes = clip(boxes, size)
        scores = drop_small(boxes, scores, self.smallest)
        groups = labels
        if self.is_rpn:
            groups = torch.cat([torch.full_like(level[2], i) for i, level in enumerate(levels)], 1)
        boxes, scores, places = keep_best(boxes, scores, groups, self.most, self.iou_threshold)
        return boxes, scores, labels.gather(1, places)

    def candidates(self, cls_score: Tensor, bbox_pred: Tensor, factor: Tensor | None,
                   priors: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return boxes (N, k, 4), scores (N, k) and labels (N, k) of one level, those with the best scores."""
        head, coder = self.head, self.head.bbox_coder
        classes = head.cls_out_channels if head.use_sigmoid_cls else head.cls_out_channels - 1
        scores = _by_prior(cls_score, head.cls_out_channels)
        scores = scores.sigmoid() if head.use_sigmoid_cls else scores.softmax(-1)[..., :-1]
        deltas = _by_prior(bbox_pred, coder.encode_size)
        # The k best pairs of prior and class have k priors at most: those with the best class.
        best, places = top(scores.amax(-1), self.most_priors)
        if classes > 1:
            best, pairs = top(take(scores, places).flatten(1), self.most_priors)
            places = places.gather(1, pairs // classes)
            labels = pairs % classes
        else:
            labels = torch.zeros_like(places)
        priors, deltas = priors[places], take(deltas, places)
        boxes = coder.decode(priors.flatten(0, 1), deltas.flatten(0, 1)).reshape(deltas.shape)
        if self.score_thr is not None:
            best = best * (best > self.score_thr)
        if factor is not None:
            best = best * take(_by_prior(factor, 1), places).squeeze(-1).sigmoid()
        return boxes, best, labels


def _by_prior(maps: Tensor, values: int) -> Tensor:
    """Return maps (N, priors * values, H, W) as (N, H * W * priors, values)."""
    return maps.permute(0, 2, 3, 1).reshape(maps.shape[0], -1, values)
