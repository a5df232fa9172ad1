"""DigitScenes: real handwritten digits on textured backgrounds, in COCO's instance format.

The digits are scikit-learn's (1,797 images of 8x8, part of its package), so nothing is downloaded.
The same arguments give the same bytes on every machine. Three rules keep it so: every draw is an
int64 drawn by a ``RandomState``, whose stream numpy has frozen; all arithmetic is on integers; and
the image format is uncompressed.
"""
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..errors import InputError
from .coco_folder import SceneWriter, whole_folder
from .scene_parts import MASK_LEVEL, Placed, background, draw, enlarged, find_room, paint

__all__ = ['CLASSES', 'SPLITS', 'Digits', 'compose_scene', 'load_digits_of', 'make_digit_scenes']

CLASSES = tuple('0123456789')
SPLITS = ('train', 'val')
MAX_SEED = 2**32 - 1  # RandomState takes words of 32 bits
WIDTH_PERCENT = (80, 120)  # of the height


class Difficulty(NamedTuple):
    """What makes digits easy or hard to find; ranges include both ends, pixels are those of a scene of 128.

    ``least_size`` of a scene; ``digits`` in it; ``heights`` of a digit: each interval between neighbours is as likely;
    ``visible_percent`` that whatever is painted later leaves of every digit; ``contrast`` between a digit and what it
    covers (:func:`~.scene_parts.paint`); ``clutter``, pieces of digits behind all digits; ``distractor_percent`` of the
    digits have their quarters exchanged, and are no objects; ``occluders``, pieces of digits before all digits.
    """

    least_size: int
    digits: tuple[int, int]
    heights: tuple[int, ...]
    visible_percent: int
    contrast: int
    clutter: tuple[int, int] = (0, 0)
    distractor_percent: int = 0
    occluders: tuple[int, int] = (0, 0)


# The smallest digits are then 7 pixels high; below that one cannot read them.
EASY = Difficulty(least_size=64, digits=(4, 10), heights=(20, 60), visible_percent=92, contrast=210)
HARD = Difficulty(least_size=128, digits=(4, 9), heights=(8, 16, 24, 32, 48, 64, 96), visible_percent=80, contrast=200,
                  clutter=(1, 3), distractor_percent=10, occluders=(0, 1))
PIECE = 4  # rows and columns of a piece of a digit
PIECE_HEIGHT = (6, 40)


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
    from sklearn.datasets import load_digits  # whoever imports this package need not wait for it

    data = load_digits()
    labels = data.target.astype(np.int64)
    for_val = np.zeros(len(labels), dtype=bool)
    for label in range(len(CLASSES)):
        for_val[np.flatnonzero(labels == label)[::5]] = True
    indices = np.flatnonzero(for_val if split == 'val' else ~for_val)
    images = data.images.astype(np.int64) * 255 // 16
    return Digits(images[indices], labels[indices], indices)


def compose_scene(
    digits: Digits, size: int, rng: np.random.RandomState, difficulty: Difficulty = EASY
) -> tuple[np.ndarray, list[tuple[int, np.ndarray]]]:
    """Compose one scene; it depends on the arguments (and the state of ``rng``) alone.

    Args:
        digits: the digits to draw from.
        size: height and width of the scene in pixels.
        rng: source of every draw; its state advances.
        difficulty: what else is in the scene, and how well digits can be seen.

    Returns:
        The image, (size, size, 3) uint8 RGB, and one (label 0..9, mask) for each digit from back
        to front. A mask is (size, size) bool, True where that digit is what one sees: masks are
        disjoint, and each holds at least ``difficulty.visible_percent`` of its digit.
    """
    canvas = background(size, rng)
    placed: list[Placed] = []

    def add(ink: np.ndarray, height: int, label: int | None = None) -> None:
        nonlocal placed
        width = min(height * draw(rng, *WIDTH_PERCENT) // 100, size * 8 // 10)  # with its margin, it must fit in
        ink = find_room(enlarged(ink, height, width), placed, size, rng, difficulty.visible_percent)
        if ink is None or not (mask := ink >= MASK_LEVEL).any():
            return
        paint(canvas, ink, mask, rng, difficulty.contrast)
        placed = [digit._replace(visible=digit.visible & ~mask) for digit in placed]
        if label is not None:
            placed.append(Placed(label, mask, int(mask.sum())))

    def add_pieces(least: int, most: int) -> None:
        for _ in range(most and draw(rng, least, most)):
            which, top, left = draw(rng, 0, len(digits.labels) - 1), *(draw(rng, 0, 8 - PIECE) for _ in range(2))
            add(digits.images[which, top:top + PIECE, left:left + PIECE], draw_height(PIECE_HEIGHT))

    def draw_height(heights: Sequence[int]) -> int:
        first = draw(rng, 0, len(heights) - 2) if len(heights) > 2 else 0
        return draw(rng, *(pixels * size // 128 for pixels in heights[first:first + 2]))

    add_pieces(*difficulty.clutter)
    for _ in range(draw(rng, *difficulty.digits)):
        which = draw(rng, 0, len(digits.labels) - 1)
        image, label = digits.images[which], int(digits.labels[which])
        if difficulty.distractor_percent and draw(rng, 1, 100) <= difficulty.distractor_percent:
            image, label = np.roll(image, (4, 4), axis=(0, 1)), None
        add(image, draw_height(difficulty.heights), label)
    add_pieces(*difficulty.occluders)
    return canvas.astype(np.uint8), [(digit.label, digit.visible) for digit in placed]


def make_digit_scenes(
    out_dir: str | os.PathLike,
    train: int = 400,
    val: int = 100,
    size: int = 128,
    seed: int = 0,
    semantic: bool = False,
    hard: bool = False,
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
        size: height and width of a scene in pixels, at least 64, ``hard`` 128. Digits scale with it.
        seed: 0..2**32 - 1.
        semantic: also write label maps for semantic segmentation, ``semantic/{train,val}/*.bmp`` (0 for background,
            1..10 for '0'..'9').
        hard: digits of 8 to 96 pixels (in a scene of 128), occlusion up to 20%, clutter of pieces of digits, and
            distractors: digits whose quarters are exchanged.
        track: wraps the sequence of scenes to make, to show progress (``rich.progress.track``).

    Raises:
        InputError: an argument is out of its range, or ``out_dir`` is in use or cannot be made.
    """
    _check_range('train', train, 1)
    _check_range('val', val, 1)
    difficulty = HARD if hard else EASY
    _check_range('size', size, difficulty.least_size)
    _check_range('seed', seed, 0, MAX_SEED)
    with whole_folder(Path(out_dir).resolve()) as folder:
        digits = {split: load_digits_of(split) for split in SPLITS}
        writers = {split: SceneWriter(folder, split, CLASSES, semantic) for split in SPLITS}
        scenes = [('train', i) for i in range(train)] + [('val', i) for i in range(val)]
        for split, index in track(scenes):
            # A generator of its own for each scene: more scenes do not change the earlier ones.
            rng = np.random.RandomState([seed, SPLITS.index(split), index])
            writers[split].add(*compose_scene(digits[split], size, rng, difficulty))
        for writer in writers.values():
            writer.close()


def _check_range(name: str, value: int, low: int, high: int | None = None) -> None:
    if value < low or (high is not None and value > high):
        wanted = f'at least {low}' if high is None else f'{low} to {high}'
        raise InputError(f'{name} is {value}', f'give a {name} of {wanted}')
