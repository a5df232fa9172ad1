"""tools/check_dataset.py: what it tells of data that are fine; tests/test_robustness has those that are not."""
import json

import pytest
from conftest import CONFIGS, refused
from matplotlib.image import imread

DIGITS_CONFIG = CONFIGS / 'mask_rcnn_mrla_r50_digits.py'


def test_tells_counts_and_anchors_and_draws_labels(run, digits, tmp_path, capsys):
    assert run('check_dataset', DIGITS_CONFIG, '--data-root', digits, '--out', tmp_path / 'check') == 0
    told = capsys.readouterr().out
    report = json.loads((tmp_path / 'check/report.json').read_text())
    for split, images in (('train', 8), ('val', 4)):
        objects = json.loads((digits / f'annotations/instances_{split}.json').read_text())['annotations']
        assert f'{images} images, {len(objects)} objects to learn from' in told
        counts = report[split]['surveys'][0]['classes']
        assert {name: count['objects'] for name, count in counts.items()} == {
            name: sum(entry['category_id'] == number for entry in objects)
            for number, name in enumerate('0123456789', 1)}
    boxes = sum(count['objects'] for count in report['train']['surveys'][0]['classes'].values())
    assert report['anchors']['sizes']['all']['boxes'] == boxes
    assert imread(tmp_path / 'check/labelled.png').std() > .1


def test_tells_when_anchors_do_not_fit(run, digits, capsys):
    assert run('check_dataset', DIGITS_CONFIG, '--data-root', digits, '--num-images', 3, '--cfg-options',
               'model.rpn_head.anchor_generator.scales=[64]') == 0
    told = capsys.readouterr().out
    assert '100.0%' in told and 'below 0.3: never learnt' in told and '3 of 8 images were read' in told


@pytest.mark.parametrize('options, said', [(['--num-images', 0], '--num-images 0'), (['--out', __file__], 'no folder')])
def test_refuses_odd_flags(run, capsys, digits, options, said):
    assert said in refused(run, capsys, 'check_dataset', DIGITS_CONFIG, '--data-root', digits, *options)
