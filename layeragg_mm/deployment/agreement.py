"""Whether an exported file computes what the network in torch computes, image by image, object by object."""
from typing import NamedTuple

import numpy as np
import torch
from mmdet.models import BaseDetector
from mmdet.structures import DetDataSample
from mmengine.structures import BaseDataElement
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn

__all__ = ['Agreement', 'DisagreementError', 'compare', 'predict']

PIXELS, SCORE, IOU = .1, 1e-3, .99  # what may differ: a box's corners, scores, and masks, which must overlap so much
LOGITS = 1e-3  # of a segmenter, relative to the largest
# Where two boxes overlap as much as suppression allows, a rounding decides which are kept: in torch, too, the same
# network with its norms folded finds an object more or less among many.
LACKING = .02


class DisagreementError(Exception):
    """A file computes something else than the network."""


class Agreement(NamedTuple):
    """How near they are.

    Attributes:
        objects: that both found; of a segmenter pixels.
        pixels: largest difference of boxes; of a segmenter 0.
        score: largest difference of scores; of a segmenter of logits, relative to the largest.
        iou: lowest IoU of masks, a pixel aside; of a segmenter the share of pixels with equal labels.
        lacking: objects that only one of both found, other than where its list ends.
        at_the_end: those where it ends, by its length or the lowest score.
    """

    objects: int = 0
    pixels: float = 0.
    score: float = 0.
    iou: float = 1.
    lacking: int = 0
    at_the_end: int = 0

    def joined(self, other: 'Agreement') -> 'Agreement':
        return Agreement(self.objects + other.objects, max(self.pixels, other.pixels), max(self.score, other.score),
                         min(self.iou, other.iou), self.lacking + other.lacking, self.at_the_end + other.at_the_end)

    def check(self) -> None:
        """Raise a :class:`DisagreementError` if they are too far apart."""
        if self.lacking > LACKING * (self.objects + self.lacking):
            raise DisagreementError(f'{self.lacking} objects are found by one of both only, and {self.objects} by both')
        if self.iou < IOU:
            raise DisagreementError(f'masks overlap with an IoU of {self.iou:.4f} only')


@torch.no_grad()
def predict(model: nn.Module, images: Tensor) -> list[BaseDataElement]:
    """Return what a detector or segmenter of the mm libraries predicts for images (N, 3, H, W) as they are read."""
    size = tuple(images.shape[2:])
    meta = dict(img_shape=size, ori_shape=size, scale_factor=(1., 1.), border=np.array([0, size[0], 0, size[1]]))
    if isinstance(model, BaseDetector):
        samples = [DetDataSample(metainfo=meta) for _ in images]
    else:
        from mmseg.structures import SegDataSample
        samples = [SegDataSample(metainfo=meta) for _ in images]
    return model(**model.data_preprocessor(dict(inputs=list(images), data_samples=samples), False), mode='predict')


def compare(expected: list[BaseDataElement], found: dict[str, np.ndarray]) -> Agreement:
    """Return how near the outputs ``found`` of a file are to a batch's samples from :func:`predict`."""
    of_image = _compare_objects if 'boxes' in found else _compare_maps
    result = Agreement()
    for index, sample in enumerate(expected):
        result = result.joined(of_image(sample, {name: value[index] for name, value in found.items()}))
    return result


def _compare_objects(sample: BaseDataElement, found: dict[str, np.ndarray]) -> Agreement:
    there = found['scores'] != 0
    found = {name: value[there] for name, value in found.items()}
    true = sample.pred_instances.numpy()
    boxes = np.abs(true.bboxes[:, None] - found['boxes'][None]).max(-1)
    scores = np.abs(true.scores[:, None] - found['scores'][None])
    fits = (boxes <= PIXELS) & (scores <= SCORE) & (true.labels[:, None] == found['labels'][None])
    rows, columns = linear_sum_assignment(np.where(fits, boxes + scores, 1e6))
    matched = fits[rows, columns]
    rows, columns = rows[matched], columns[matched]
    unmatched = np.concatenate([np.delete(true.scores, rows), np.delete(found['scores'], columns)])
    end = max(min(values, default=0.) for values in (true.scores, found['scores']))
    at_the_end = int((unmatched <= end + SCORE).sum())
    pixels, score = (float(differences[rows, columns].max(initial=0)) for differences in (boxes, scores))
    result = Agreement(len(rows), pixels, score, lacking=len(unmatched) - at_the_end, at_the_end=at_the_end)
    if 'masks' not in found or not len(rows):
        return result
    ones, others = true.masks[rows], found['masks'][columns]
    differing, union = (ones != others).sum((1, 2)), (ones | others).sum((1, 2))
    # A pixel at the threshold of a mask of less than 100 would be more than may differ.
    ious = 1 - np.maximum(differing - 1, 0) / np.maximum(union, 1)
    return result._replace(iou=float(ious.min()))


def _compare_maps(sample: BaseDataElement, found: dict[str, np.ndarray]) -> Agreement:
    labels, logits = sample.pred_sem_seg.data[0].numpy(), sample.seg_logits.data.numpy()
    difference = 0.
    if len(logits) > 1:  # of one class mm gives probabilities
        difference = float(np.abs(logits - found['logits']).max() / np.abs(logits).max())
    if not difference <= LOGITS:
        raise DisagreementError(f'logits differ by {difference:.1e} of the largest')
    return Agreement(labels.size, score=difference, iou=float((labels == found['labels']).mean()))
