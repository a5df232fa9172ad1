"""Checks of the label maps of MMSegmentation's data sets."""
import os
from collections.abc import Sequence

import numpy as np
from mmcv.transforms import LoadAnnotations, LoadImageFromFile
from mmengine.dataset import BaseDataset, Compose

from ..errors import InputError
from .image_loading import UNREADABLE

__all__ = ['check_label_maps']


def check_label_maps(name: str, dataset: BaseDataset, indices: Sequence[int]) -> None:
    """Raise an :class:`InputError` unless every image has its label map, and those of ``indices`` fit.

    A map fits if it can be read, has its image's size and holds class indices and ``ignore_index`` only, as the
    loading transform of the pipeline leaves it; and not all may be ignored throughout. Data sets of other libraries
    than MMSegmentation pass.

    Args:
        name: of the data set in messages.
        dataset: a data set without wrappers.
        indices: the images that are read.
    """
    loading = [transform for transform in dataset.pipeline.transforms
               if isinstance(transform, (LoadImageFromFile, LoadAnnotations))]
    if 'seg_fields' not in dataset.get_data_info(0) or not any(
            isinstance(transform, LoadAnnotations) for transform in loading):
        return
    for index in range(len(dataset)):
        info = dataset.get_data_info(index)
        if '://' not in info['seg_map_path'] and not os.path.isfile(info['seg_map_path']):
            raise InputError(f'{name}: {info["img_path"]} has no label map: {info["seg_map_path"]} is not there',
                             'Check data_prefix and seg_map_suffix of the data set.')
    load = Compose(loading)
    labels = [_check_label_map(name, load, dataset, index) for index in indices]
    if all((found == dataset.ignore_index).all() for found in labels):
        raise InputError(f'{name}: nothing to learn from: every pixel is ignored in {len(labels)} label maps looked at',
                         f'Give maps with class indices; {dataset.ignore_index} is ignored.')


def _check_label_map(name: str, load: Compose, dataset: BaseDataset, index: int) -> np.ndarray:
    """Check one label map and return the labels that it has."""
    info = dataset.get_data_info(index)
    file = info['seg_map_path']
    try:
        loaded = load(info)
    except UNREADABLE as error:
        if isinstance(error, InputError):  # names the image
            raise
        raise InputError(f'{name}: unreadable label map {file}: {error}', 'Replace the file.') from error
    height, width = loaded['img'].shape[:2]
    if loaded['gt_seg_map'].shape != (height, width):
        size = ' x '.join(map(str, loaded['gt_seg_map'].shape[::-1]))
        raise InputError(f'{name}: {file} is {size} pixels, but its image is {width} x {height}',
                         'Give each image a label map of its own size, with one channel.')
    labels = np.unique(loaded['gt_seg_map'])
    classes = len(dataset.metainfo['classes'])
    outside = labels[(labels >= classes) & (labels != dataset.ignore_index)]
    if len(outside):
        raise InputError(
            f'{name}: {file} has labels {", ".join(map(str, outside[:5]))}, outside of the {classes} classes '
            f'(0 to {classes - 1}); {dataset.ignore_index} is ignored',
            'Correct the map or the classes; if 0 stands for no class, set reduce_zero_label=True of the data set.')
    return labels
