"""What DigitScenes are drawn with: frozen random draws, integer resizing, backgrounds, ink."""
from typing import NamedTuple

import numpy as np

__all__ = ['MASK_LEVEL', 'Placed', 'background', 'draw', 'enlarged', 'find_room', 'paint']

PLACE_TRIES = 20
MASK_LEVEL = 102  # 40% of 255
SOFT_EDGE = 38  # the blend goes from 0 to full over MASK_LEVEL -+ this, so it is half on the edge
BACKGROUND_LEVEL = (30, 120)  # of R, G and B each, before the texture
INK_LEVEL = (110, 255)  # of R, G and B each
TEXTURES = ((4, 30), (16, 15))  # (cells a side, amplitude in grey levels) of the two noise scales


class Placed(NamedTuple):
    """A digit in a scene: ``visible`` (size, size) bool, and ``full_area``, its pixels, covered ones included."""

    label: int
    visible: np.ndarray
    full_area: int


def draw(rng: np.random.RandomState, low: int, high: int) -> int:
    """Draw one integer of low..high, both included."""
    return int(draws(rng, low, high, ()))


def draws(rng: np.random.RandomState, low: int, high: int, shape: tuple[int, ...]) -> np.ndarray:
    """Draw integers of low..high, both included."""
    # The default dtype is 32 bits on some platforms.
    return rng.randint(low, high + 1, shape, dtype=np.int64)


def resized(image: np.ndarray, height: int, width: int) -> np.ndarray:
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


def enlarged(ink: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize ink (h, w) so that its h rows are ``height`` pixels; a margin lets strokes fade out."""
    rows, columns = ink.shape
    return resized(np.pad(ink, 1), height * (rows + 2) // rows, width * (columns + 2) // columns)


def background(size: int, rng: np.random.RandomState) -> np.ndarray:
    """Draw a textured background, (size, size, 3) of 0..255."""
    canvas = np.zeros((size, size, 3), dtype=np.int64) + draws(rng, *BACKGROUND_LEVEL, (3,))
    for cells, amplitude in TEXTURES:
        canvas += resized(draws(rng, -amplitude, amplitude, (cells, cells, 3)), size, size)
    return canvas.clip(0, 255)


def find_room(ink: np.ndarray, placed: list[Placed], size: int, rng: np.random.RandomState,
              visible_percent: int) -> np.ndarray | None:
    """Return ``ink`` where so much of every digit below stays visible, (size, size); None if no try succeeds."""
    height, width = ink.shape
    for _ in range(PLACE_TRIES):
        top, left = draw(rng, 0, size - height), draw(rng, 0, size - width)
        whole = np.zeros((size, size), dtype=np.int64)
        whole[top:top + height, left:left + width] = ink
        clear = whole < MASK_LEVEL
        if all(100 * int((digit.visible & clear).sum()) >= visible_percent * digit.full_area for digit in placed):
            return whole
    return None


def paint(canvas: np.ndarray, ink: np.ndarray, mask: np.ndarray, rng: np.random.RandomState, contrast: int) -> None:
    """Blend ``ink`` into ``canvas``, in a colour that stands out from what it covers.

    Args:
        canvas: (size, size, 3) of 0..255; changed.
        ink: (size, size) of 0..255.
        mask: (size, size) bool, where the ink lies; not empty.
        rng: source of the colour.
        contrast: between the colour and the mean of what it covers, summed over R, G and B; up to 215.
    """
    covered = canvas[mask].sum(axis=0) // int(mask.sum())
    while True:  # ends: from any colour some corner of INK_LEVEL's cube is more than 215 away
        colour = draws(rng, *INK_LEVEL, (3,))
        if int(abs(colour - covered).sum()) >= contrast:
            break
    alpha = ((ink - MASK_LEVEL + SOFT_EDGE) * 256 // (2 * SOFT_EDGE)).clip(0, 256)[..., None]
    canvas += (colour - canvas) * alpha // 256
