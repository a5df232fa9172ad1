"""From many scored boxes of each image to the few that are detections, in plain torch that ONNX can express.

A batch's images have their boxes in one tensor (N, n, 4); where an image has fewer, the score is 0.
"""
import torch
from torch import Tensor

from .nms_and_roi_align import select_apart, top

__all__ = ['clip', 'drop_small', 'keep_best', 'take']


def take(values: Tensor, places: Tensor) -> Tensor:
    """Return ``values`` (N, n, C) at ``places`` (N, k) of its second dimension: (N, k, C)."""
    return values.gather(1, places.unsqueeze(-1).expand(-1, -1, values.shape[-1]))


def clip(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Return ``boxes`` (..., 4) within an image of the ``size`` (height, width)."""
    x1, y1, x2, y2 = boxes.unbind(-1)
    height, width = size
    return torch.stack([_within(x1, width), _within(y1, height), _within(x2, width), _within(y2, height)], -1)


def _within(values: Tensor, most: int) -> Tensor:
    return values.clamp(min=0).minimum(torch.as_tensor(most, dtype=values.dtype, device=values.device))


def drop_small(boxes: Tensor, scores: Tensor, smallest: float) -> Tensor:
    """Return ``scores``, 0 for boxes no wider or no higher than ``smallest``; -1 keeps all, as in mm's configs."""
    if smallest < 0:
        return scores
    width, height = (boxes[..., 2:] - boxes[..., :2]).unbind(-1)
    return scores * (width.minimum(height) > smallest)


def keep_best(boxes: Tensor, scores: Tensor, groups: Tensor, most: int,
              iou_threshold: float) -> tuple[Tensor, Tensor, Tensor]:
    """Return boxes (N, k, 4), scores (N, k) and places (N, k) of what non-maximum suppression keeps in each group.

    As MMDetection does it, boxes of different groups are moved apart first: the same boxes are kept in either. k is
    the number of boxes kept of the image with the most; behind an image's last one, scores are 0.

    Args:
        boxes: (N, n, 4).
        scores: (N, n).
        groups: (N, n): classes, or levels of the pyramid, which do not suppress each other.
        most: boxes that are kept of an image.
        iou_threshold: of the suppression.
    """
    reach = (boxes.amax(-1) * (scores > 0)).amax(1, keepdim=True) + 1
    image, place = select_apart(boxes + (groups * reach).unsqueeze(-1), scores, most, iou_threshold).unbind(1)
    kept = torch.zeros_like(scores).index_put((image, place), scores[image, place])
    scores, places = top(kept, most)
    count = (scores > 0).sum(1).amax()
    scores, places = scores[:, :count], places[:, :count]
    return take(boxes, places), scores, places
