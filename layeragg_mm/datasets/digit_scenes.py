"""DigitScenes: real handwritten digits on textured backgrounds, in COCO's instance format.

The digits are scikit-learn's (1,797 images of 8x8, part of its package), so nothing is downloaded.
The same arguments give the same bytes on every machine. Three rules keep it so: every draw is an
int64 drawn by a ``RandomState``, whose stream numpy has frozen; all arithmetic is on integers; and
the image format is uncompressed.
"""
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image
from pycocotools import mask as coco_mask
from sklearn.datasets import load_digits

from layeragg_mm.errors import InputError

__all__ = ['CLASSES', 'SPLITS', 'Digits', 'compose_scene', 'load_digits_of', 'make_digit_scenes']

CLASSES = tuple('0123456789')
SPLITS = ('train', 'val')

MIN_SIZE = 64  # the smallest digits are then 7 pixels high; below that one cannot read them
MAX_SEED = 2**32 - 1  # RandomState takes words of 32 bits
DIGITS_PER_SCENE = (4, 10)
DIGIT_HEIGHT = (20, 60)  # pixels in a scene of 128, from which it scales with the size
DIGIT_WIDTH_PERCENT = (80, 120)  # of the height
PLACE_TRIES = 20
MIN_VISIBLE_PERCENT = 92  # no digit is placed so that less than this is left of another
MASK_LEVEL = 102  # 40% of 255
SOFT_EDGE = 38  # the blend goes from 0 to full over MASK_LEVEL -+ this, so it is half on the edge
BACKGROUND_LEVEL = (30, 120)  # of R, G and B each, before the texture
DIGIT_LEVEL = (110, 255)  # of R, G and B each
TEXTURES = ((4, 30), (16, 15))  # (cells a side, amplitude in grey levels) of the two noise scales
MIN_CONTRAST = 210  # between a digit and what it covers, summed over R, G and B


class Digits(NamedTuple):
    """Handwritten digits: ``images`` (N, 8, 8) of 0..255, ``labels`` (N,) of 0..9, all int64.

    ``indices`` (N,) are the digits' positions in scikit-learn's set.
    """

    images: np.ndarray
    labels: np.ndarray
    indices: np.ndarray


def load_digits_of(split: str) -> Digits:
    """Return the digits that ``split`` ('train' or 'val') may use; the two have none in common.

    Every fifth image of each class is for validation, so both have all classes and all writers.

    Raises:
        ValueError: there is no such split.
    """
    if split not in SPLITS:
        raise ValueError(f'split is {split!r}, not one of {SPLITS}')
    data = load_digits()
    labels = data.target.astype(np.int64)
    for_val = np.zeros(len(labels), dtype=bool)
    for label in range(len(CLASSES)):
        for_val[np.flatnonzero(labels == label)[::5]] = True
    indices = np.flatnonzero(for_val if split == 'val' else ~for_val)
    images = data.images.astype(np.int64) * 255 // 16
    return Digits(images[indices], labels[indices], indices)


def compose_scene(
    digits: Digits, size: int, rng: np.random.RandomState
) -> tuple[np.ndarray, list[tuple[int, np.ndarray]]]:
    """Compose one scene; it depends on the arguments (and the state of ``rng``) alone.

    Args:
        digits: the digits to draw from.
        size: height and width of the scene in pixels.
        rng: source of every draw; its state advances.

    Returns:
        The image, (size, size, 3) uint8 RGB, and one (label 0..9, mask) for each digit from back
        to front. A mask is (size, size) bool, True where that digit is what one sees: masks are
        disjoint, and each holds at least 70% of its digit.
    """
    canvas = _background(size, rng)
    placed: list[_Placed] = []
    for _ in range(_draw(rng, *DIGITS_PER_SCENE)):
        which = _draw(rng, 0, len(digits.labels) - 1)
        height = _draw(rng, *(pixels * size // 128 for pixels in DIGIT_HEIGHT))
        width = height * _draw(rng, *DIGIT_WIDTH_PERCENT) // 100
        ink = _find_room(_enlarged(digits.images[which], height, width), placed, size, rng)
        if ink is None:
            continue
        mask = ink >= MASK_LEVEL
        _paint(canvas, ink, mask, rng)
        placed = [digit._replace(visible=digit.visible & ~mask) for digit in placed]
        placed.append(_Placed(int(digits.labels[which]), mask, int(mask.sum())))
    return canvas.astype(np.uint8), [(digit.label, digit.visible) for digit in placed]


def make_digit_scenes(
    out_dir: str | os.PathLike,
    train: int = 400,
    val: int = 100,
    size: int = 128,
    seed: int = 0,
    track: Callable[[Sequence[Any]], Iterable[Any]] = iter,
) -> None:
    """Write a DigitScenes data set to ``out_dir``: all of it, or nothing.

    Writes ``annotations/instances_{train,val}.json`` (masks as compressed RLE, category ids 1..10
    for '0'..'9') and the images as ``train/*.bmp`` and ``val/*.bmp``. The bytes depend on the
    arguments alone, and a larger ``train`` or ``val`` adds scenes without changing the others.

    Args:
        out_dir: folder to make; it may exist if it is empty.
        train: number of training scenes, at least 1.
        val: number of validation scenes, at least 1.
        size: height and width of a scene in pixels, at least 64. Digits scale with it.
        seed: 0..2**32 - 1.
        track: wraps the sequence of scenes to make, to show progress (``rich.progress.track``).

    Raises:
        InputError: an argument is out of its range, or ``out_dir`` is in use or cannot be made.
    """
    _check_range('train', train, 1)
    _check_range('val', val, 1)
    _check_range('size', size, MIN_SIZE)
    _check_range('seed', seed, 0, MAX_SEED)
    with _whole_folder(Path(out_dir).resolve()) as folder:
        digits = {split: load_digits_of(split) for split in SPLITS}
        writers = {split: _CocoWriter(folder, split) for split in SPLITS}
        scenes = [('train', i) for i in range(train)] + [('val', i) for i in range(val)]
        for split, index in track(scenes):
            # A generator of its own for each scene: more scenes do not change the earlier ones.
            rng = np.random.RandomState([seed, SPLITS.index(split), index])
            writers[split].add(*compose_scene(digits[split], size, rng))
        for writer in writers.values():
            writer.close()


# Composing a scene


class _Placed(NamedTuple):
    label: int
    visible: np.ndarray
    full_area: int


def _draw(rng: np.random.RandomState, low: int, high: int) -> int:
    """Draw one integer of low..high, both included."""
    return int(_draws(rng, low, high, ()))


def _draws(rng: np.random.RandomState, low: int, high: int, shape: tuple[int, ...]) -> np.ndarray:
    # The default dtype is 32 bits on some platforms.
    return rng.randint(low, high + 1, shape, dtype=np.int64)


def _resized(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize (h, w, ...) integers bilinearly, in fixed point with 8 bits of fraction."""
    for axis, length in enumerate((height, width)):
        old = image.shape[axis]
        # Centre of each new pixel, in 1/256 of the old ones.
        at = (2 * np.arange(length, dtype=np.int64) + 1) * old * 128 // length - 128
        at = at.clip(0, (old - 1) * 256)
        low = at // 256
        fraction = (at % 256).reshape((-1,) + (1,) * (image.ndim - 1 - axis))
        first = image.take(low, axis)
        second = image.take((low + 1).clip(max=old - 1), axis)
        image = (first * (256 - fraction) + second * fraction) // 256
    return image


def _enlarged(digit: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize a digit so that its 8 rows are ``height`` pixels; a margin lets strokes fade out."""
    return _resized(np.pad(digit, 1), height * 10 // 8, width * 10 // 8)


def _background(size: int, rng: np.random.RandomState) -> np.ndarray:
    canvas = np.zeros((size, size, 3), dtype=np.int64) + _draws(rng, *BACKGROUND_LEVEL, (3,))
    for cells, amplitude in TEXTURES:
        canvas += _resized(_draws(rng, -amplitude, amplitude, (cells, cells, 3)), size, size)
    return canvas.clip(0, 255)


def _find_room(
    ink: np.ndarray, placed: list[_Placed], size: int, rng: np.random.RandomState
) -> np.ndarray | None:
    """Put ``ink`` where every digit below stays visible enough; None where no try succeeds."""
    height, width = ink.shape
    for _ in range(PLACE_TRIES):
        top, left = _draw(rng, 0, size - height), _draw(rng, 0, size - width)
        whole = np.zeros((size, size), dtype=np.int64)
        whole[top:top + height, left:left + width] = ink
        clear = whole < MASK_LEVEL
        if all(100 * int((digit.visible & clear).sum()) >= MIN_VISIBLE_PERCENT * digit.full_area
               for digit in placed):
            return whole
    return None


def _paint(
    canvas: np.ndarray, ink: np.ndarray, mask: np.ndarray, rng: np.random.RandomState
) -> None:
    """Blend ``ink`` into ``canvas``, in a colour that stands out from what it covers."""
    covered = canvas[mask].sum(axis=0) // int(mask.sum())
    while True:  # ends: from any colour some corner of DIGIT_LEVEL's cube is more than 215 away
        colour = _draws(rng, *DIGIT_LEVEL, (3,))
        if int(abs(colour - covered).sum()) >= MIN_CONTRAST:
            break
    alpha = ((ink - MASK_LEVEL + SOFT_EDGE) * 256 // (2 * SOFT_EDGE)).clip(0, 256)[..., None]
    canvas += (colour - canvas) * alpha // 256


# Writing


class _CocoWriter:
    """Writes the scenes of one split, then (``close``) their annotations."""

    def __init__(self, folder: Path, split: str) -> None:
        self.images_dir = folder / split
        self.json_path = folder / 'annotations' / f'instances_{split}.json'
        self.images_dir.mkdir()
        self.json_path.parent.mkdir(exist_ok=True)
        self.images: list[dict[str, Any]] = []
        self.annotations: list[dict[str, Any]] = []

    def add(self, image: np.ndarray, objects: list[tuple[int, np.ndarray]]) -> None:
        # Ids start at 1: COCOeval takes a match with annotation 0 for no match.
        image_id = len(self.images) + 1
        name = f'{image_id:06d}.bmp'
        height, width = image.shape[:2]
        self.images.append(dict(id=image_id, file_name=name, height=height, width=width))
        # BMP is not compressed: the bytes of a PNG differ between builds of zlib and zlib-ng.
        Image.fromarray(image).save(self.images_dir / name, format='BMP')
        for label, mask in objects:
            self.annotations.append(dict(
                id=len(self.annotations) + 1, image_id=image_id, category_id=label + 1, iscrowd=0,
                **_described(mask)))

    def close(self) -> None:
        content = dict(
            info=dict(description='DigitScenes'),
            licenses=[],
            categories=[dict(id=i, name=name, supercategory='digit')
                        for i, name in enumerate(CLASSES, start=1)],
            images=self.images,
            annotations=self.annotations)
        text = json.dumps(content, sort_keys=True, separators=(',', ':'))
        self.json_path.write_bytes(text.encode('ascii') + b'\n')


def _described(mask: np.ndarray) -> dict[str, Any]:
    """Return COCO's segmentation, area and bbox ([x, y, width, height], pixels) of a mask."""
    rle = coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    left, top = int(columns[0]), int(rows[0])
    return dict(
        segmentation=dict(size=list(mask.shape), counts=rle['counts'].decode('ascii')),
        area=int(mask.sum()),
        bbox=[left, top, int(columns[-1]) + 1 - left, int(rows[-1]) + 1 - top])


@contextmanager
def _whole_folder(out: Path) -> Iterator[Path]:
    """Yield a folder to fill; it becomes ``out`` if the block ends well, else it is removed.

    Raises:
        InputError: ``out`` holds something already, or cannot be made.
    """
    try:
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise InputError(f'{out} exists and is not an empty folder',
                             'name a folder that does not exist yet, or remove this one')
        out.parent.mkdir(parents=True, exist_ok=True)
        beside = tempfile.TemporaryDirectory(prefix=f'.{out.name}-', dir=out.parent)
    except OSError as error:
        raise InputError(f'cannot make {out}: {error}',
                         'name a folder where you may write') from error
    with beside as temporary:
        # A folder inside it, since the temporary one itself is closed to other users.
        filling = Path(temporary) / 'filling'
        filling.mkdir()
        yield filling
        if out.exists():
            out.rmdir()  # refuses if something has come into it meanwhile
        filling.rename(out)


def _check_range(name: str, value: int, low: int, high: int | None = None) -> None:
    if value < low or (high is not None and value > high):
        wanted = f'at least {low}' if high is None else f'{low} to {high}'
        raise InputError(f'{name} is {value}', f'give a {name} of {wanted}')
