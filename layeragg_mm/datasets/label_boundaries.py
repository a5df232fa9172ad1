"""Boundaries of label maps, to learn boundaries from any segmentation data set."""
from mmengine.registry import TRANSFORMS
from mmseg.datasets.transforms import LoadAnnotations

from ..evaluation.boundary import boundaries_between

__all__ = ['LoadLabelBoundaries']


@TRANSFORMS.register_module()
class LoadLabelBoundaries(LoadAnnotations):
    """Loads a label map as MMSegmentation's ``LoadAnnotations`` and leaves its boundaries as ``gt_seg_map``.

    They are those of :func:`~layeragg_mm.evaluation.boundary.boundaries_between`: 1 on a boundary, else 0, and 255
    where the label is ignored.
    """

    def _load_seg_map(self, results: dict) -> None:
        super()._load_seg_map(results)
        results['gt_seg_map'] = boundaries_between(results['gt_seg_map'])
