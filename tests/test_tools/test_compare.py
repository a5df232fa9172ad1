"""tools/compare.py: is the gain real? A sentence, tables, JSON and a picture."""
import json

import pytest
from coco_case import make_case
from matplotlib.image import imread


@pytest.fixture(scope='module')
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp('coco')
    for name, content in zip(('annotations', 'baseline', 'ours'), make_case(images=24)):
        (folder / f'{name}.json').write_text(json.dumps(content))
    (folder / 'broken.json').write_text(json.dumps([dict(json.loads((folder / 'ours.json').read_text())[0], score=2)]))
    return folder


def compare(run, files, baseline, ours, *arguments) -> int:
    return run('compare', files / baseline, files / ours, files / 'annotations.json', '--resamples', 100, *arguments)


def test_answers_whether_a_gain_is_real(files, run, tmp_path, capsys):
    assert compare(run, files, 'baseline.json', 'ours.json', '--out', tmp_path / 'new') == 0
    printed = capsys.readouterr().out
    gains = json.loads((tmp_path / 'new' / 'compare.json').read_text())['gains']
    for iou_type, title in (('bbox', 'box'), ('segm', 'mask')):
        ap = gains[iou_type]['overall']['AP']
        assert 0 < ap['low'] < ap['gain'] < ap['high']
        assert (f'{title} AP {100 * ap["gain"]:+.2f}, 95% interval {100 * ap["low"]:+.2f} to {100 * ap["high"]:+.2f}: '
                'real at this level') in printed
        assert set(gains[iou_type]['classes']) == {'cat', 'dog', 'unicorn'}
        assert gains[iou_type]['classes']['unicorn']['gain'] is None
    assert 'another training seed' in printed
    assert (imread(tmp_path / 'new' / 'gains.png')[..., :3] < .5).any()


@pytest.mark.parametrize('baseline, ours, said', [
    ('ours.json', 'ours.json', 'box AP +0.00, 95% interval +0.00 to +0.00: not distinguishable from noise'),
    ('ours.json', 'baseline.json', 'a real loss at this level'),
])
def test_says_what_is_no_gain(files, run, capsys, baseline, ours, said):
    assert compare(run, files, baseline, ours, '--iou-type', 'bbox') == 0
    printed = capsys.readouterr().out
    assert said in printed and 'mask AP' not in printed


def test_says_when_images_are_too_few(tmp_path, run, capsys):
    for name, content in zip(('annotations', 'baseline', 'ours'), make_case(images=5)):
        (tmp_path / f'{name}.json').write_text(json.dumps(content))
    assert compare(run, tmp_path, 'baseline.json', 'ours.json', '--iou-type', 'bbox') == 0
    assert 'images are too few to tell' in capsys.readouterr().out


@pytest.mark.parametrize('ours, arguments, said', [
    ('broken.json', [], 'broken.json: entry [0]: score 2.0 is not within 0..1'),
    ('ours.json', ['--resamples', 10], '--resamples 10 are too few'),
    ('ours.json', ['--confidence', 95], '--confidence 95.0 is not within 0..1'),
    ('ours.json', ['--seed', -1], '--seed -1 is negative'),
    ('ours.json', ['--out', __file__], 'is no folder'),
])
def test_refuses(files, run, tmp_path, capsys, ours, arguments, said):
    assert compare(run, files, 'baseline.json', ours, '--out', tmp_path / 'new', *arguments) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 2 and said in lines[0]
    assert not list(tmp_path.iterdir())
