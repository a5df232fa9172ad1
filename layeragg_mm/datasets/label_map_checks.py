"""Checks of the label maps of MMSegmentation's data sets."""
import os
from collections import Counter
from collections.abc import Iterable

import numpy as np
from mmcv.transforms import LoadAnnotations, LoadImageFromFile
from mmengine.dataset import BaseDataset
from torch import Tensor

from ..errors import InputError
from .checked_pipeline import CheckedPipeline
from .label_values import listed
from .sampling import SAMPLED_SIZES, images_of, infos_of, spread, stored_size

__all__ = ['check_label_map', 'check_learnable', 'check_stackable', 'check_there', 'has_label_maps']

# Images of other sizes that are put through the pipeline.
SIZES = 8


def has_label_maps(dataset: BaseDataset) -> bool:
    """Tell whether a data set without wrappers is one of MMSegmentation's whose pipeline loads label maps."""
    return len(dataset) > 0 and 'seg_fields' in dataset.get_data_info(0) and any(
        isinstance(transform, LoadAnnotations) for transform in dataset.pipeline.transforms)


def check_there(name: str, dataset: BaseDataset) -> None:
    """Raise an :class:`InputError` unless every image of ``dataset``, called ``name``, has its label map."""
    for info in infos_of(dataset):
        if '://' not in info['seg_map_path'] and not os.path.isfile(info['seg_map_path']):
            raise InputError(f'{name}: {info["img_path"]} has no label map: {info["seg_map_path"]} is not there',
                             'Check data_prefix and seg_map_suffix of the data set.')


def check_label_map(dataset: BaseDataset, index: int) -> Counter:
    """Raise a :class:`DataError` unless a label map fits, and return the number of pixels of each label in it.

    A map fits if it can be read, has its image's size and holds class indices and ``ignore_index`` only, as the
    loading transform of the pipeline leaves it.
    """
    load = CheckedPipeline(dataset)
    load.transforms = [transform for transform in load.transforms
                       if isinstance(transform, (LoadImageFromFile, LoadAnnotations))]
    loaded = load(dataset.get_data_info(index))
    if loaded is None:  # an image that is to be skipped
        return Counter()
    return Counter(dict(zip(*(each.tolist() for each in np.unique(loaded['gt_seg_map'], return_counts=True)))))


def check_learnable(name: str, dataset: BaseDataset, found: Iterable[Counter]) -> None:
    """Raise an :class:`InputError` unless two classes occur in the label maps of ``dataset``, or its only one.

    Args:
        name: of the data set in messages.
        dataset: a data set without wrappers.
        found: the labels of all its maps, which are read as far as is needed.
    """
    classes, ignored = dataset.metainfo['classes'], getattr(dataset, 'ignore_index', 255)
    seen, count = set(), 0
    for labels in found:
        seen |= set(labels)
        count += 1
        if len(seen - {ignored}) >= min(2, len(classes)):
            return
    remedy = f'Give maps with class indices, 0 to {len(classes) - 1}; {ignored} is ignored.'
    if seen == {ignored}:
        raise InputError(f'{name}: nothing to learn from: every pixel is ignored in all {count} label maps', remedy)
    if not seen:  # no image could be read
        return
    only, = seen - {ignored}
    lacking = [each for each in classes if each != classes[only]]
    beside = f' beside {ignored}, which is ignored' if ignored in seen else ''
    raise InputError(f'{name}: nothing to tell apart: in all {count} label maps there is only {only} ({classes[only]})'
                     f'{beside}; none has {listed(lacking)}', remedy)


def check_stackable(name: str, dataset, batch_size: int) -> None:
    """Raise an :class:`InputError` if images that come out of the pipeline in several sizes are to be in one batch.

    MMSegmentation pads images in training only.

    Args:
        name: of the data loader in messages.
        dataset: what it loads, for validation or testing.
        batch_size: its own.
    """
    if batch_size < 2:
        return
    images, of_size, found = images_of(dataset), {}, {}
    for position in spread(len(images), SAMPLED_SIZES):
        leaf, index = images[position]
        of_size.setdefault(tuple(stored_size(infos_of(leaf)[index]).values()), (leaf, index))
    for leaf, index in list(of_size.values())[:SIZES]:
        info = leaf.get_data_info(index)
        packed = CheckedPipeline(leaf)(info) or {}
        if isinstance(packed.get('inputs'), Tensor):  # with augmentation at test time, several
            found.setdefault(tuple(packed['inputs'].shape[:-3:-1]), info['img_path'])
    if len(found) > 1:
        sizes = ', '.join(f'{file} in {width} x {height}' for (width, height), file in list(found.items())[:2])
        raise InputError(f'{name}: batch_size={batch_size}, but images come out of the pipeline in several sizes, and '
                         f'MMSegmentation cannot stack them: {sizes}', f'Set {name}.batch_size=1.')
