"""Boundaries of label maps, to learn boundaries from any segmentation data set."""
import numpy as np
from mmengine.registry import TRANSFORMS
from mmseg.datasets.transforms import LoadAnnotations

__all__ = ['LoadLabelBoundaries', 'boundaries_between']


def boundaries_between(labels: np.ndarray, ignore_index: int = 255) -> np.ndarray:
    """Return the boundary map of a label map (H, W), uint8: 1 where the label is another than that of the pixel to the
    right, below or diagonally below right; ``ignore_index`` where the label is, which no boundary is drawn against.
    """
    padded = np.pad(labels, ((0, 1), (0, 1)), mode='edge')
    boundary = np.zeros(labels.shape, dtype=bool)
    for neighbour in (padded[:-1, 1:], padded[1:, :-1], padded[1:, 1:]):
        boundary |= (labels != neighbour) & (neighbour != ignore_index)
    return np.where(labels == ignore_index, ignore_index, boundary).astype(np.uint8)


@TRANSFORMS.register_module()
class LoadLabelBoundaries(LoadAnnotations):
    """Loads a label map as MMSegmentation's ``LoadAnnotations`` and leaves its boundaries as ``gt_seg_map``.

    They are those of :func:`boundaries_between`: 1 on a boundary, else 0, and 255 where the label is ignored.
    """

    def _load_seg_map(self, results: dict) -> None:
        super()._load_seg_map(results)
        results['gt_seg_map'] = boundaries_between(results['gt_seg_map'])
