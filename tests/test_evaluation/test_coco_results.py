"""What pycocotools would compute nonsense from, or crash on, is refused with the entry and the reason."""
import copy
import json

import pytest
from coco_case import make_case

from layeragg_mm.datasets.annotations import check_annotations, load_annotations
from layeragg_mm.errors import InputError
from layeragg_mm.evaluation import check_results, choose_iou_types, load_results

ANNOTATIONS, _, RESULTS = make_case(images=6)
VALUES = [None, True, 3, -1, 2.5, float('nan'), float('inf'), 10**400, 'text', [], [[]], [1, 2], {}, {'size': [1, 2]}]


def changed(entries: list[dict], number: int, key: str, value) -> list[dict]:
    entries = copy.deepcopy(entries)
    entries[number][key] = value
    return entries


def without(entries: list[dict], number: int, key: str) -> list[dict]:
    return [{k: v for k, v in entry.items() if i != number or k != key} for i, entry in enumerate(entries)]


def masked(**change) -> list[dict]:
    return changed(RESULTS, 4, 'segmentation', {**RESULTS[4]['segmentation'], **change})


def test_takes_what_is_right():
    check_annotations(ANNOTATIONS, 'a.json')
    check_results(RESULTS, ANNOTATIONS, 'r.json')
    assert choose_iou_types(None, ANNOTATIONS, 'a.json', {'r.json': RESULTS}) == ['bbox', 'segm']


@pytest.mark.parametrize('content, said', [
    ([], 'r.json: it is empty'),
    ({}, 'r.json: it is no list'),
    (RESULTS[:3] + [7], 'r.json: entry [3]: 7 is no object'),
    (changed(RESULTS, 4, 'image_id', 11), 'entry [4]: image_id 11 is not in the annotation file'),
    (changed(RESULTS, 4, 'image_id', '10'), "entry [4]: image_id is '10', which is no integer"),
    ([dict(entry, category_id=7) for entry in RESULTS[:3]], 'entry [0]: category_id 7 is not in the annotation file (2 '
                                                            'more like it)'),
    (without(RESULTS, 4, 'score'), "entry [4]: lacks 'score'"),
    (changed(RESULTS, 4, 'score', 1.5), 'entry [4]: score 1.5 is not within 0..1'),
    (changed(RESULTS, 4, 'score', -.1), 'entry [4]: score -0.1 is not within 0..1'),
    (changed(RESULTS, 4, 'score', float('nan')), 'entry [4]: score is nan, which is no finite number'),
    (changed(RESULTS, 4, 'score', True), 'entry [4]: score is True'),
    (changed(RESULTS, 4, 'bbox', [1, 2, -3, 4]), 'entry [4]: bbox [1, 2, -3, 4] has a negative width or height'),
    (changed(RESULTS, 4, 'bbox', [1, 2, 3]), 'entry [4]: bbox is [1, 2, 3], not x, y, width, height'),
    (changed(RESULTS, 4, 'bbox', [1, 2, 3, None]), 'not four finite numbers'),
    (without(RESULTS, 4, 'bbox'), "entry [4]: lacks 'bbox'"),
    ([{k: entry[k] for k in ('image_id', 'category_id', 'score')} for entry in RESULTS], 'neither bbox nor segm'),
    (masked(size=[300, 240]), 'entry [4]: the mask has size [300, 240], its image [240, 300]'),
    (masked(size=[240., 300.]), 'the mask has size [240.0, 300.0]'),
    (masked(counts=[240 * 300]), 'not compressed RLE'),
    (masked(counts=RESULTS[4]['segmentation']['counts'][:-1]), 'does not decode to a mask of its image'),
    (masked(counts=''), 'does not decode'),
    (masked(counts='\u00e9'), 'does not decode'),
])
def test_refuses_results(content, said):
    with pytest.raises(InputError) as error:
        check_results(content, ANNOTATIONS, 'r.json')
    assert said in error.value.what and 'r.json' in error.value.what and '\n' not in error.value.what


@pytest.mark.parametrize('key, entries, said', [
    ('images', [], 'images is empty'),
    ('annotations', {}, 'annotations is no list'),
    ('annotations', without(ANNOTATIONS['annotations'], 2, 'iscrowd'), "annotations[2]: lacks 'iscrowd'"),
    ('annotations', changed(ANNOTATIONS['annotations'], 2, 'id', 1), 'annotations[2]: id 1 was there before'),
    ('annotations', changed(ANNOTATIONS['annotations'], 2, 'image_id', 1), 'image_id 1 is not in images of a.json'),
    ('annotations', changed(ANNOTATIONS['annotations'], 2, 'category_id', 1), 'category_id 1 is not in categories'),
    ('annotations', changed(ANNOTATIONS['annotations'], 2, 'area', None), 'area is None'),
    ('annotations', changed(ANNOTATIONS['annotations'], 2, 'iscrowd', 2), 'iscrowd is neither 0 nor 1'),
    ('images', changed(ANNOTATIONS['images'], 2, 'height', 0), 'images[2]: height is 0'),
    ('images', changed(ANNOTATIONS['images'], 2, 'height', 2**30), 'more than pycocotools can count'),
    ('images', changed(ANNOTATIONS['images'], 2, 'id', 10), 'images[2]: id 10 was there before'),
    ('categories', changed(ANNOTATIONS['categories'], 1, 'name', 'cat'), "name 'cat' was there before"),
])
def test_refuses_annotations(key, entries, said):
    with pytest.raises(InputError) as error:
        check_annotations({**ANNOTATIONS, key: entries}, 'a.json')
    assert said in error.value.what and 'a.json' in error.value.what


def test_refuses_annotations_without_a_part():
    with pytest.raises(InputError, match=r'a\.json lacks annotations'):
        check_annotations({key: ANNOTATIONS[key] for key in ('images', 'categories')}, 'a.json')


@pytest.mark.parametrize('mask, said', [
    (None, 'has no mask'),
    ([], 'has no mask'),
    (3, 'neither polygons nor RLE'),
    ([[1, 2, 3, 4]], 'no mask of its image'),
    ([[1, 2, 3, 4, 5, 6, 7]], 'no mask of its image'),
    ([[1, 2, 3, 4, 5, 1e300]], 'no mask of its image'),
    ({'size': [240, 300], 'counts': [1, 2]}, 'no mask of its image'),
    ({'size': [240, 300], 'counts': 'x'}, 'no mask of its image'),
    ({'size': [24, 30], 'counts': [720]}, 'the mask has size [24, 30], its image [240, 300]'),
])
def test_refuses_true_masks_where_they_are_needed(mask, said):
    broken = {**ANNOTATIONS, 'annotations': changed(ANNOTATIONS['annotations'], 1, 'segmentation', mask)}
    check_annotations(broken, 'a.json')
    assert choose_iou_types(['bbox'], broken, 'a.json', {'r.json': RESULTS}) == ['bbox']
    with pytest.raises(InputError) as error:
        choose_iou_types(None, broken, 'a.json', {'r.json': RESULTS})
    assert 'a.json: annotations[1]' in error.value.what and said in error.value.what


@pytest.mark.parametrize('mask', [[[1, 2, 30, 4, 5, 60]], {'size': [240, 300], 'counts': [10, 20, 240 * 300 - 30]}])
def test_takes_polygons_and_runs(mask):
    content = {**ANNOTATIONS, 'annotations': changed(ANNOTATIONS['annotations'], 1, 'segmentation', mask)}
    assert 'segm' in choose_iou_types(None, content, 'a.json', {'r.json': RESULTS})


def test_every_value_in_every_place_is_taken_or_refused():
    for value in VALUES:
        for check in (lambda v: check_annotations(v, 'a.json'), lambda v: check_results(v, ANNOTATIONS, 'r.json')):
            with pytest.raises(InputError):
                check(value)
        for key in RESULTS[0]:
            attempt(check_results, changed(RESULTS, 4, key, value), ANNOTATIONS, 'r.json')
        for part in ('images', 'annotations', 'categories'):
            for key in ANNOTATIONS[part][0]:
                content = {**ANNOTATIONS, part: changed(ANNOTATIONS[part], 1, key, value)}
                if attempt(check_annotations, content, 'a.json'):
                    attempt(choose_iou_types, ['segm'], content, 'a.json', {'r.json': RESULTS})


def attempt(check, *arguments) -> bool:
    try:
        check(*arguments)
    except InputError:
        return False
    return True


def test_chooses_what_all_files_hold():
    boxes, masks = without_key('segmentation'), without_key('bbox')
    assert choose_iou_types(None, ANNOTATIONS, 'a.json', {'b.json': boxes, 'r.json': RESULTS}) == ['bbox']
    assert choose_iou_types(None, ANNOTATIONS, 'a.json', {'m.json': masks, 'r.json': RESULTS}) == ['segm']
    with pytest.raises(InputError, match=r'b\.json and m\.json have neither'):
        choose_iou_types(None, ANNOTATIONS, 'a.json', {'b.json': boxes, 'm.json': masks})
    with pytest.raises(InputError, match=r'b\.json holds no masks'):
        choose_iou_types(['segm'], ANNOTATIONS, 'a.json', {'b.json': boxes, 'r.json': RESULTS})


def without_key(key: str) -> list[dict]:
    return [{k: v for k, v in entry.items() if k != key} for entry in RESULTS]


@pytest.mark.parametrize('text', ['', '[{"image_id": 1', '[' * 100000, '\udcff', '[NaN'],
                         ids=['empty', 'cut', 'deep', 'no text', 'NaN'])
def test_refuses_what_is_no_json(tmp_path, text):
    (tmp_path / 'cut.json').write_bytes(text.encode(errors='surrogateescape'))
    for load in (load_annotations, lambda path: load_results(path, ANNOTATIONS)):
        with pytest.raises(InputError, match=r'cut\.json is not whole JSON'):
            load(tmp_path / 'cut.json')
        with pytest.raises(InputError, match=r'none\.json: No such file'):
            load(tmp_path / 'none.json')
        with pytest.raises(InputError, match='Is a directory'):
            load(tmp_path)


def test_files_come_back_as_they_are(tmp_path):
    for name, content in (('a', ANNOTATIONS), ('r', RESULTS)):
        (tmp_path / f'{name}.json').write_text(json.dumps(content))
    annotations = load_annotations(tmp_path / 'a.json')
    assert annotations == ANNOTATIONS and load_results(tmp_path / 'r.json', annotations) == RESULTS
