"""Predictions as a file in COCO's format."""
import json

import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData
from pycocotools.coco import COCO

from layeragg_mm.evaluation.coco_file import CocoFile


def found(count: int, masks: bool) -> InstanceData:
    boxes = torch.tensor([[1., 2., 5., 4.], [0., 0., 3., 6.]])[:count]
    data = InstanceData(bboxes=boxes, scores=torch.tensor([.75, .5])[:count], labels=torch.tensor([1, 0])[:count])
    if masks:
        data.masks = torch.zeros(count, 6, 8, dtype=torch.bool)
        data.masks[:, 2:4, 1:4] = True
    return data


@pytest.mark.parametrize('masks', [False, True])
def test_pycocotools_reads_it_as_data_set_and_as_results(masks, tmp_path):
    with CocoFile(tmp_path / 'found.json', ['cell', 'dust']) as file:
        file.add('a/1.png', 6, 8, found(2, masks))
        file.add('b/1.png', 6, 8, found(0, masks))
        file.add('c.png', 6, 8, found(1, masks))
    coco = COCO(str(tmp_path / 'found.json'))
    assert [coco.imgs[i]['file_name'] for i in (1, 2, 3)] == ['a/1.png', 'b/1.png', 'c.png']
    assert {i: each['name'] for i, each in coco.cats.items()} == {1: 'cell', 2: 'dust'}
    assert [each['image_id'] for each in coco.dataset['annotations']] == [1, 1, 3]
    first = coco.anns[1]
    assert (first['category_id'], first['bbox'], first['score']) == (2, [1, 2, 4, 2], .75)
    assert first['area'] == (6 if masks else 8)
    if masks:
        expected = np.zeros((6, 8))
        expected[2:4, 1:4] = 1
        np.testing.assert_array_equal(coco.annToMask(first), expected)
    assert len(coco.loadRes(coco.dataset['annotations']).anns) == 3


def test_without_objects_it_is_whole_too(tmp_path):
    with CocoFile(tmp_path / 'found.json', ['cell']) as file:
        file.add('a.png', 6, 8, found(0, masks=True))
    assert json.loads((tmp_path / 'found.json').read_text())['annotations'] == []


def test_scores_that_are_no_numbers_are_no_json(tmp_path):
    data = found(1, masks=False)
    data.scores[:] = float('nan')
    with pytest.raises(ValueError, match='not JSON compliant'), CocoFile(tmp_path / 'found.json', ['a', 'b']) as file:
        file.add('a.png', 6, 8, data)
