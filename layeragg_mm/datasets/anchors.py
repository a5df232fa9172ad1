"""How well a detector's anchors fit the boxes that it is to learn."""
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from mmdet.registry import TASK_UTILS
from mmdet.structures.bbox import bbox_overlaps, get_box_tensor
from mmengine.config import ConfigDict
from torch import Tensor

from ..configs import type_of, walk

__all__ = ['AnchorFit', 'find_anchors', 'measure']

CHUNK = 32  # boxes that are compared with all anchors at a time


@dataclass
class AnchorFit:
    """The anchors of a config and the thresholds by which its boxes get them.

    Args:
        path: of the anchor generator in the config.
        generator: makes the anchors.
        assigner: of the config; it tells thresholds if it is a ``MaxIoUAssigner``.
        divisor: images are padded to a multiple of it.
    """

    path: str
    generator: object
    assigner: dict
    divisor: int

    @property
    def thresholds(self) -> dict[str, float]:
        """What happens to a box whose best anchor overlaps it by less than an IoU; empty for other assigners."""
        positive, negative = self.assigner.get('pos_iou_thr'), self.assigner.get('neg_iou_thr')
        if positive is None:
            return {}
        if isinstance(negative, (tuple, list)):
            negative = negative[1]
        least = self.assigner.get('min_pos_iou', 0.) if self.assigner.get('match_low_quality', True) else positive
        thresholds = {'never learnt': least, 'learnt as background but for its best anchor': negative,
                      'learnt by its best anchor only': positive}
        return {effect: threshold for effect, threshold in thresholds.items()
                if threshold > (0 if effect == 'never learnt' else least)}

    def best_overlaps(self, boxes: Tensor, height: int, width: int) -> np.ndarray:
        """Return for each of ``boxes`` (n, 4), in an image of this size in training, the IoU with its best anchor."""
        height, width = (-(-side // self.divisor) * self.divisor for side in (height, width))
        sizes = [(-(-height // stride[1]), -(-width // stride[0])) for stride in self.generator.strides]
        anchors = torch.cat(self.generator.grid_priors(sizes, device='cpu'))
        best = [bbox_overlaps(chunk, anchors).amax(1) for chunk in boxes.split(CHUNK)]
        return torch.cat(best).numpy() if best else np.zeros(0)


def find_anchors(model: ConfigDict) -> AnchorFit | None:
    """Return the first anchors of a config's ``model``, the ones that see the whole image; None if it has none."""
    for path, node in walk(model, 'model'):
        generator = node.get('anchor_generator') or node.get('prior_generator')
        if generator is None or 'Anchor' not in type_of(generator):
            continue
        train_cfg = model.get('train_cfg') or {}
        if 'rpn' in train_cfg and path.endswith('rpn_head'):
            train_cfg = train_cfg.rpn
        divisor = (model.get('data_preprocessor') or {}).get('pad_size_divisor', 1)
        return AnchorFit(path, TASK_UTILS.build(generator), train_cfg.get('assigner') or {}, divisor)
    return None


def measure(fit: AnchorFit, samples: Iterable[dict]) -> tuple[np.ndarray, np.ndarray]:
    """Return the areas and the best IoUs, both (n,), of the boxes in ``samples`` as a training pipeline gives them."""
    areas, overlaps = [np.zeros(0)], [np.zeros(0)]
    for sample in samples:
        boxes = get_box_tensor(sample['data_samples'].gt_instances.bboxes)
        areas.append((boxes[:, 2:] - boxes[:, :2]).prod(1).numpy())
        overlaps.append(fit.best_overlaps(boxes, *sample['inputs'].shape[-2:]))
    return np.concatenate(areas), np.concatenate(overlaps)
