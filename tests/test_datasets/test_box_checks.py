"""What boxes mean is told by all of them; boxes of COCO's form are taken, however they lie."""
import numpy as np
import pytest

from layeragg_mm.datasets.box_checks import check_meaning
from layeragg_mm.errors import InputError

WIDTH, HEIGHT = 640, 480


def true_boxes(count: int = 200, seed: int = 0) -> np.ndarray:
    """Return boxes x, y, width, height anywhere within an image of WIDTH x HEIGHT."""
    rng = np.random.RandomState(seed)
    sizes = np.exp(rng.uniform(np.log(8), np.log([WIDTH * .8, HEIGHT * .8]), (count, 2)))
    return np.concatenate([rng.uniform(size=(count, 2)) * ([WIDTH, HEIGHT] - sizes), sizes], 1)


def said(boxes: np.ndarray) -> str:
    with pytest.raises(InputError) as told:
        check_meaning('train.json', boxes, np.tile([WIDTH, HEIGHT], (len(boxes), 1)))
    return told.value.what


def corners(boxes):
    return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], 1)


def centred(boxes):
    return np.concatenate([boxes[:, :2] + boxes[:, 2:] / 2, boxes[:, 2:]], 1)


def test_other_meanings_are_told():
    boxes, scale = true_boxes(), np.array([WIDTH, HEIGHT] * 2)
    assert said(boxes / scale) == said(centred(boxes) / scale) == (
        'train.json: 200 of 200 boxes lie within 0..1, as parts of the image do')
    assert 'boxes reach beyond their image; as two corners (x1, y1, x2, y2) they would not' in said(corners(boxes))
    assert 'boxes reach beyond their image; as centre, width and height they would not' in said(centred(boxes))
    assert 'are they of images of another size?' in said(boxes * 4)
    most = np.where(np.arange(200)[:, None] % 5 > 0, boxes / scale, boxes)
    assert said(most) == 'train.json: 160 of 200 boxes lie within 0..1, as parts of the image do'


def sloppy(boxes):
    return boxes * [1, 1, 1.1, 1.1]


def centred_objects(boxes):
    """One large object in the middle of each image, whose width is more than its left."""
    return np.concatenate([boxes[:, :2] * .2, [WIDTH, HEIGHT] - boxes[:, :2] * .3], 1)


def tiny(boxes):
    return np.concatenate([boxes[:, :2], boxes[:, 2:] / 100], 1)


@pytest.mark.parametrize('drawn', [lambda boxes: boxes, sloppy, centred_objects, tiny, lambda boxes: boxes * 0,
                                   lambda boxes: corners(boxes)[:9], lambda boxes: boxes[:0]])
def test_boxes_of_the_right_form_are_taken(drawn):
    for seed in range(20):
        boxes = drawn(true_boxes(seed=seed))
        check_meaning('train.json', boxes, np.tile([WIDTH, HEIGHT], (len(boxes), 1)))
