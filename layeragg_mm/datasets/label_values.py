"""The values that a label map of MMSegmentation may hold."""
from collections.abc import Iterable

import numpy as np
from PIL import Image, UnidentifiedImageError

from ..errors import DataError

__all__ = ['check_bits', 'check_labels', 'listed']

FEW = 5  # labels that are listed


def check_bits(file: str) -> None:
    """Raise a :class:`DataError` if a label map has values that do not fit in 8 bits, as which they are read."""
    try:
        with Image.open(file) as image:
            values = np.asarray(image) if image.mode[0] in 'IF' else np.zeros(0)
    except (OSError, UnidentifiedImageError):  # told where it is read, or no image at all
        return
    beyond = np.unique(values[values > 255])
    if len(beyond):
        raise DataError(f'{file} has the labels {listed(beyond)}: MMSegmentation reads label maps of 16 bits as of 8, '
                        f'where they become {listed(beyond.astype(np.int64) % 256)}',
                        'Write maps of 8 bits that hold class indices, and 255 for what is ignored.')


def listed(labels: Iterable[int]) -> str:
    return ', '.join(map(str, list(labels)[:FEW]))


def check_labels(data: dict, classes: int, ignore_index: int) -> None:
    """Raise a :class:`DataError` unless a label map, as loaded, is of its image's size and holds classes only."""
    file, labels = data['seg_map_path'], data['gt_seg_map']
    height, width = data['img'].shape[:2] if 'img' in data else labels.shape
    if 1 in (height, width) and labels.shape != (height, width):
        raise DataError(f'{file}: MMSegmentation cannot read label maps that are one pixel high or wide',
                        'Leave this image out.')
    if labels.shape != (height, width):
        size = ' x '.join(map(str, labels.shape[::-1]))
        raise DataError(f'{file} is {size} pixels, but its image is {width} x {height}',
                        'Give each image a label map of its own size, with one channel.')
    outside = (labels >= classes) & (labels != ignore_index)
    if outside.any():
        raise DataError(
            f'{file} has labels {listed(np.unique(labels[outside]))}, outside of the {classes} classes '
            f'(0 to {classes - 1}); {ignore_index} is ignored',
            'Correct the map or the classes; if 0 stands for no class, set reduce_zero_label=True of the data set.')
