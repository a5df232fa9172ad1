"""From data sets and detectors to the objects that a sheet shows."""
from pathlib import Path

import numpy as np
from mmcv.transforms import LoadAnnotations, LoadImageFromFile
from mmdet.structures import DetDataSample
from mmengine.dataset import BaseDataset, Compose

from ..datasets.image_loading import LoadReadableImage
from ..errors import InputError
from .sheet import Objects

__all__ = ['load_label_map', 'load_labelled', 'predicted_objects', 'read_image']


def read_image(path: str | Path) -> np.ndarray:
    """Return an image (H, W, 3), RGB, as MMDetection reads it: 8 bits a channel, turned as its EXIF data say.

    Raises:
        UnreadableImageError: names the file.
    """
    return LoadReadableImage()(dict(img_path=str(path)))['img'][..., ::-1]


def load_labelled(dataset: BaseDataset, index: int) -> tuple[np.ndarray, Objects]:
    """Return image ``index`` (H, W, 3), RGB, and its true objects, as the loading transforms of the data set read them.

    What the other transforms of its pipeline do (resizing, augmentation) is left out.

    Raises:
        InputError: the pipeline loads no boxes.
    """
    load = Compose([transform for transform in dataset.pipeline.transforms
                    if isinstance(transform, (LoadImageFromFile, LoadAnnotations))])
    loaded = load(dataset.get_data_info(index))
    if 'gt_bboxes' not in loaded:
        raise InputError(f'no true boxes are loaded of {loaded["img_path"]}',
                         'Add LoadAnnotations(with_bbox=True) to the pipeline of the data set.')
    masks = loaded['gt_masks'].to_ndarray().astype(bool) if 'gt_masks' in loaded else None
    return loaded['img'][..., ::-1], Objects(
        loaded['gt_bboxes'].numpy(), loaded['gt_bboxes_labels'], masks, ignored=loaded['gt_ignore_flags'])


def load_label_map(dataset: BaseDataset, index: int) -> np.ndarray | None:
    """Return the true labels (H, W) of image ``index`` as the loading transforms read them; None if they load none."""
    load = Compose([transform for transform in dataset.pipeline.transforms
                    if isinstance(transform, (LoadImageFromFile, LoadAnnotations))])
    return load(dataset.get_data_info(index)).get('gt_seg_map')


def predicted_objects(sample: DetDataSample, min_score: float) -> Objects:
    """Return what a detector found in an image, of scores from ``min_score`` up."""
    found = sample.pred_instances.cpu().numpy()
    found = found[found.scores >= min_score]
    masks = found.masks.astype(bool) if 'masks' in found else None
    return Objects(found.bboxes, found.labels, masks, found.scores)
