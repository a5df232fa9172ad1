"""Run lengths are read as pycocotools reads them."""
import numpy as np
from pycocotools import mask as rle

from layeragg_mm.datasets.mask_checks import fits_rle


def test_rle_is_read_as_pycocotools_reads_it():
    rng = np.random.default_rng(0)
    counts, pixels = [], []
    for _ in range(300):
        height, width = rng.integers(1, 200, 2)
        region = np.asfortranarray(rng.random((height, width)) < rng.choice([0, .01, .5, 1]), dtype=np.uint8)
        counts.append(rle.encode(region)['counts'].decode())
        pixels.append(height * width)
    assert fits_rle(counts, pixels).all()
    assert not fits_rle(counts, [number + 1 for number in pixels]).any()
    assert not fits_rle([text[:-1] for text in counts], pixels).any()
    assert not fits_rle([text + 'o' for text in counts], pixels).any()
    assert not fits_rle(['o' * 20 + '0'], [5]).any()
    assert fits_rle([], []).shape == (0,)
