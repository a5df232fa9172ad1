"""tools/eval_coco.py: numbers as a table and as JSON, or two lines and nothing written."""
import json

import pytest
from coco_case import make_case, plain_coco_eval


@pytest.fixture(scope='module')
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp('coco')
    annotations, _, results = make_case(images=6)
    contents = dict(annotations=annotations, results=results,
                    boxes=[{k: v for k, v in entry.items() if k != 'segmentation'} for entry in results])
    for name, content in contents.items():
        (folder / f'{name}.json').write_text(json.dumps(content))
    (folder / 'cut.json').write_text(json.dumps(annotations)[:-20])
    (folder / 'empty.json').write_text('[]')
    return folder


def test_writes_what_pycocotools_computes(files, run, tmp_path, capsys):
    out = tmp_path / 'new' / 'numbers.json'
    assert run('eval_coco', files / 'results.json', files / 'annotations.json', '--out', out) == 0
    numbers = json.loads(out.read_text())
    printed = capsys.readouterr().out
    for iou_type in ('bbox', 'segm'):
        expected = plain_coco_eval(*(json.loads((files / f'{name}.json').read_text())
                                     for name in ('annotations', 'results')), iou_type).stats
        assert numbers[iou_type]['overall']['AP'] == pytest.approx(expected[0], abs=1e-11)
        assert f'{100 * expected[0]:.1f}' in printed
        assert [row['name'] for row in numbers[iou_type]['classes']] == ['cat', 'dog', 'unicorn']
        assert numbers[iou_type]['classes'][2]['AP'] is None


def test_evaluates_boxes_where_there_are_no_masks(files, run, tmp_path):
    assert run('eval_coco', files / 'boxes.json', files / 'annotations.json', '--out', tmp_path / 'numbers.json') == 0
    numbers = json.loads((tmp_path / 'numbers.json').read_text())
    assert 'bbox' in numbers and 'segm' not in numbers


@pytest.mark.parametrize('arguments, said', [
    (['empty.json', 'annotations.json'], 'empty.json: it is empty'),
    (['results.json', 'cut.json'], 'cut.json is not whole JSON'),
    (['results.json', 'none.json'], 'none.json: No such file'),
    (['boxes.json', 'annotations.json', '--iou-type', 'segm'], 'boxes.json holds no masks'),
    (['results.json', 'annotations.json', '--out', 'results.json'], 'would overwrite'),
    (['results.json', 'annotations.json', '--out', '.'], '--out .'),
    (['results.json', 'annotations.json', '--out', 'results.json/numbers.json'], 'results.json is no folder'),
])
def test_refuses(files, run, tmp_path, monkeypatch, capsys, arguments, said):
    monkeypatch.chdir(files)
    before = {path: path.read_text() for path in files.iterdir()}
    if '--out' not in arguments:
        arguments = [*arguments, '--out', tmp_path / 'numbers.json']
    assert run('eval_coco', *arguments) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 2 and lines[0].startswith('error: ') and said in lines[0]
    assert not list(tmp_path.iterdir())
    assert before == {path: path.read_text() for path in files.iterdir()}
