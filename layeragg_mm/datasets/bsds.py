"""BSDS500 for MMSegmentation: natural images whose boundaries several people drew."""
import numpy as np
from mmengine.registry import DATASETS, TRANSFORMS
from mmseg.datasets import BaseSegDataset
from mmseg.datasets.transforms import LoadAnnotations
from scipy.io import loadmat

from ..errors import DataError
from ..tracebacks import described

__all__ = ['BSDS500Dataset', 'LoadBSDSBoundaries', 'load_annotators']


def load_annotators(path: str) -> list[np.ndarray]:
    """Return each annotator's boundary map, (H, W) bool, of one of BSDS500's ``groundTruth`` files.

    Raises:
        DataError: names the file that cannot be read, or that holds something else.
    """
    try:
        annotators = loadmat(path, squeeze_me=True, struct_as_record=False)['groundTruth']
        return [annotator.Boundaries.astype(bool) for annotator in np.atleast_1d(annotators)]
    except Exception as error:  # scipy has one for each way in which a file can be broken
        raise DataError(f'unreadable label map {path}: {described(error)}',
                        'Replace it by a file of BSDS500: groundTruth, of each annotator its Boundaries.') from error


@DATASETS.register_module()
class BSDS500Dataset(BaseSegDataset):
    """The Berkeley segmentation data set of 500 images (Arbelaez et al., PAMI 2011), for boundaries.

    Of ``data_root`` (``BSDS500/data`` of the archive) it reads ``images/{split}/*.jpg`` and
    ``groundTruth/{split}/*.mat``; the pipeline needs :class:`LoadBSDSBoundaries`.

    Args:
        data_root: folder of the data.
        split: 'train' (200 images), 'val' (100) or 'test' (200).
        kwargs: the arguments of MMSegmentation's ``BaseSegDataset`` (``pipeline``, ``indices``, ``test_mode``, ...).
    """

    METAINFO = dict(classes=('background', 'boundary'), palette=[[0, 0, 0], [255, 255, 255]])

    def __init__(self, data_root: str, *, split: str = 'train', **kwargs) -> None:
        prefixes = dict(img_path=f'images/{split}', seg_map_path=f'groundTruth/{split}')
        super().__init__(data_root=data_root, data_prefix=prefixes, seg_map_suffix='.mat', **kwargs)


@TRANSFORMS.register_module()
class LoadBSDSBoundaries(LoadAnnotations):
    """Loads BSDS500's boundaries as ``gt_seg_map``: 1 where any annotator drew one, else 0."""

    def _load_seg_map(self, results: dict) -> None:
        results['gt_seg_map'] = np.any(load_annotators(results['seg_map_path']), axis=0).astype(np.uint8)
        results['seg_fields'].append('gt_seg_map')
