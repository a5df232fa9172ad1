"""Our numbers are pycocotools', overall and by class, whichever backend computes them."""
import copy

import numpy as np
import pytest
from coco_case import make_case, plain_coco_eval
from pycocotools.mask import toBbox

from layeragg_mm.evaluation import METRICS, coco


@pytest.fixture(scope='module')
def case():
    annotations, _, results = make_case()
    return annotations, results


def numbers(row: dict) -> list[float]:
    return [-1 if row[name] is None else row[name] for name in METRICS]


@pytest.mark.parametrize('iou_type', ['bbox', 'segm'])
@pytest.mark.parametrize('faster', [False, True])
def test_numbers_are_those_of_pycocotools_to_the_last_digit(case, iou_type, faster, monkeypatch):
    if faster:
        pytest.importorskip('faster_coco_eval')
    else:
        monkeypatch.setattr(coco, 'find_spec', lambda name: None)
    before = copy.deepcopy(case)
    done = []
    summary = coco.summarize(coco.evaluate(*case, iou_type, done.append))
    expected = plain_coco_eval(*case, iou_type)
    assert numbers(summary['overall']) == expected.stats.round(coco.DECIMALS).tolist()
    assert .1 < summary['overall']['AP'] < .9 and summary['overall']['AR1'] < summary['overall']['AR100']
    for index, row in enumerate(summary['classes']):
        values = expected.eval['precision'][:, :, index, 0, -1]
        assert row['AP'] == (None if row['name'] == 'unicorn' else round(values.mean(), coco.DECIMALS))
    assert sum(done) == pytest.approx(1)
    assert before == case


def test_an_object_of_id_0_can_be_found(case):
    annotations, results = copy.deepcopy(case)
    for number, entry in enumerate(annotations['annotations']):
        entry['id'] = number
    assert coco.summarize(coco.evaluate(annotations, results, 'bbox')) == coco.summarize(coco.evaluate(*case, 'bbox'))


def test_without_boxes_a_mask_has_its_bounding_box(case):
    annotations, results = case
    masks = [{key: value for key, value in entry.items() if key != 'bbox'} for entry in results]
    boxes = [dict(entry, bbox=toBbox(entry['segmentation']).tolist()) for entry in masks]
    summary = coco.summarize(coco.evaluate(annotations, masks, 'bbox'))
    # By size, a detection's area is then its mask's.
    assert np.allclose(numbers(summary['overall'])[:3], plain_coco_eval(annotations, boxes, 'bbox').stats[:3])
