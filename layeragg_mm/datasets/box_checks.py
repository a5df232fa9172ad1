"""Boxes that mean something else than COCO's: parts of the image, two corners, a centre; all together tell it."""
import numpy as np

from ..errors import InputError

__all__ = ['beyond_image', 'check_meaning']

FEWEST = 10  # boxes from which something can be told
MANY = 50  # and from which a reading that fits all of them is no chance
TOLERANCE = 1.  # pixels by which a box may reach beyond its image
READINGS = {
    'two corners (x1, y1, x2, y2)': lambda start, end: (start, end),
    'centre, width and height': lambda centre, size: (centre - size / 2, centre + size / 2),
}
REMEDY = 'Boxes are x, y of the upper left corner, width and height, in pixels: write them so.'


def check_meaning(file: str, boxes: np.ndarray, sizes: np.ndarray) -> None:
    """Raise an :class:`InputError` if most boxes of an annotation file can hardly be x, y, width, height in pixels.

    Args:
        file: name of it.
        boxes: (n, 4), as they are read.
        sizes: (n, 2), width and height of each box's image.
    """
    solid = (boxes[:, 2:] > 0).all(1)
    boxes, sizes = boxes[solid], sizes[solid]
    if len(boxes) < FEWEST:
        return
    parts = ((boxes >= 0) & (boxes <= 1)).all(1) & (sizes > 2).all(1)
    if parts.mean() > .5:
        raise InputError(f'{file}: {parts.sum()} of {len(boxes)} boxes lie within 0..1, as parts of the image do',
                         REMEDY)
    beyond = beyond_image(boxes, sizes)
    fit = {name: fits(*corners(boxes[:, :2], boxes[:, 2:]), sizes).mean() for name, corners in READINGS.items()}
    best = max(fit, key=fit.get)
    if beyond.mean() > .5 or (beyond.mean() > .1 and fit[best] == 1 and len(boxes) >= MANY):
        guess = f'; as {best} they would not' if fit[best] > .9 else ': are they of images of another size?'
        raise InputError(f'{file}: {beyond.sum()} of {len(boxes)} boxes reach beyond their image{guess}', REMEDY)


def beyond_image(boxes: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Tell which boxes (n, 4), as x, y, width, height, reach beyond images of ``sizes`` (n, 2); (n,) bool."""
    ends = boxes[:, :2] + boxes[:, 2:]
    return ((boxes[:, :2] < -TOLERANCE) | (ends > sizes + TOLERANCE)).any(1)


def fits(start: np.ndarray, end: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Tell which pairs of corners (n, 2) and (n, 2) are boxes within images of ``sizes`` (n, 2); (n,) bool."""
    return ((start < end) & (start >= -TOLERANCE) & (end <= sizes + TOLERANCE)).all(1)
