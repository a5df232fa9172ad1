"""Exported files find what the network in torch finds, and are scored as checkpoints are."""
import sys

import drawn
import onnx
import onnxruntime
import pytest
import torch
from conftest import CONFIGS, refused
from mmengine.config import Config
from mmengine.fileio import load
from mmengine.registry import MODELS, init_default_scope

from layeragg_mm.deployment import agreement, checking, predict, read_images

pytestmark = pytest.mark.slow

DIGITS, SMALL = CONFIGS / 'mask_rcnn_mrla_r50_digits.py', CONFIGS / 'fcos_mrla_tiny_digits.py'


@pytest.fixture(autouse=True)
def timed_once(monkeypatch):
    monkeypatch.setattr(checking, 'ROUNDS', 1)


def seeded(config, images, folder):
    """Write a checkpoint of a config with seeded weights that find something in images like these."""
    init_default_scope('mmdet')
    cfg = Config.fromfile(config)
    model = drawn.draw(MODELS.build(cfg.model), torch.stack(list(read_images(cfg, images))), predict)
    torch.save(dict(state_dict=model.state_dict()), folder / 'seeded.pth')
    return folder / 'seeded.pth'


@pytest.fixture(scope='module')
def images(digits):
    return sorted(map(str, digits.glob('val/*')))


@pytest.fixture(scope='module')
def small(images, tmp_path_factory):
    """A checkpoint of a small FCOS."""
    return seeded(SMALL, images, tmp_path_factory.mktemp('small'))


def found_by(run, weights, digits, folder):
    """Return what tools/test.py finds with a checkpoint or an exported file."""
    out = folder / f'{weights.suffix}.pkl'
    assert run('test', DIGITS, weights, '--data-root', digits, '--work-dir', folder / 'work', '--out', out) == 0
    return load(out)


def test_the_demo_s_network_exported_whole_and_tested(images, digits, run, tmp_path, capsys):
    checkpoint, tmp_path = seeded(DIGITS, images, tmp_path), tmp_path / 'out'
    tmp_path.mkdir()
    file = tmp_path / 'model.onnx'
    assert run('export', DIGITS, checkpoint, '--out', file, '--check', images[0]) == 0
    said = capsys.readouterr().out
    assert 'equals torch on 1 image: 50 objects' in said and 'fused torch' in said
    assert [path.name for path in tmp_path.iterdir()] == ['model.onnx']
    session = onnxruntime.InferenceSession(file)
    assert [output.name for output in session.get_outputs()] == ['boxes', 'scores', 'labels', 'masks']
    for one, other in zip(*(found_by(run, weights, digits, tmp_path) for weights in (checkpoint, file)), strict=True):
        one, other = one['pred_instances'], other['pred_instances']
        assert len(one['scores']) >= 40
        torch.testing.assert_close(one['scores'], other['scores'], rtol=0, atol=1e-3)
        apart = (one['bboxes'][:, None] - other['bboxes']).abs().amax(-1).min(1).values  # of equal scores, any is first
        assert (apart <= .1).float().mean() >= .98


def test_a_file_that_disagrees_is_not_left_behind(small, images, run, tmp_path, monkeypatch):
    monkeypatch.setattr(agreement, 'PIXELS', -1.)
    said = run('export', SMALL, small, '--out', tmp_path / 'model.onnx', '--check', *images)
    assert 'ONNX Runtime and torch disagree' in said  # with sys.exit(text), the exit code is 1
    assert not list(tmp_path.iterdir())


def test_in_8_bits_with_the_metrics_before_and_after(small, images, digits, run, tmp_path, capsys):
    file = tmp_path / 'model.onnx'
    assert run('export', SMALL, small, '--out', file, '--check', *images, '--int8', '--data-root', digits,
               '--float-parts', '/mrla/') == 0
    said = capsys.readouterr().out
    assert 'calibrated on 8 images (train)' in said and 'coco/bbox_mAP: float' in said
    convolutions = {node.name: node.input[0] for node in onnx.load(file).graph.node if node.op_type == 'Conv'}
    for name, source in convolutions.items():
        assert ('DequantizeLinear' in source) != ('/mrla/' in name)
    assert run('test', SMALL, file, '--data-root', digits, '--work-dir', tmp_path / 'work') == 0


def test_input_that_cannot_be_exported(small, digits, run, tmp_path, capsys, monkeypatch):
    out = '--out', tmp_path / 'model.onnx'
    assert 'no ONNX file' in refused(run, capsys, 'export', SMALL, small, '--out', tmp_path / 'model.pt')
    assert '--batch 0' in refused(run, capsys, 'export', SMALL, small, *out, '--batch', 0)
    assert '--data-root is for --int8' in refused(run, capsys, 'export', SMALL, small, *out, '--data-root', digits)
    assert 'regular expression' in refused(run, capsys, 'export', SMALL, small, *out, '--int8', '--float-parts', '(')
    assert 'more than 16,777,216 pixels' in refused(run, capsys, 'export', SMALL, small, *out, '--size', 100000, 100000)
    assert 'pixels' in refused(run, capsys, 'export', SMALL, small, *out, '--size', 1024, 1024, '--batch', 17)
    assert '--free-size' in refused(run, capsys, 'export', CONFIGS / 'dla34_ida_camvid.py', small, *out)
    (tmp_path / 'cut.png').write_bytes(b'no image')
    assert 'cut.png: the test pipeline' in refused(run, capsys, 'export', SMALL, small, *out, '--check',
                                                   tmp_path / 'cut.png')
    assert not out[1].exists()
    out[1].write_bytes(b'no ONNX')
    assert 'cannot load it' in refused(run, capsys, 'test', SMALL, out[1], '--data-root', digits)
    monkeypatch.setitem(sys.modules, 'onnxruntime', None)
    assert 'layeragg-mm[deploy]' in refused(run, capsys, 'export', SMALL, small, *out)


def test_an_exported_file_is_no_checkpoint(small, digits, run, tmp_path, capsys):
    file = tmp_path / 'exported.onnx'
    assert run('export', SMALL, small, '--out', file, '--size', 64, 64) == 0
    for arguments in (('export', SMALL, file, '--out', tmp_path / 'model.onnx'),
                      ('visualize', 'predictions', SMALL, file, '--out', tmp_path / 'sheet', '--data-root', digits),
                      ('train', SMALL, '--data-root', digits, '--pretrained', file),
                      ('train', SMALL, '--data-root', digits, '--cfg-options', f'load_from={file}')):
        said = refused(run, capsys, *arguments)
        assert f'{file} is an ONNX file' in said and 'checkpoint that it was exported from' in said


@pytest.mark.parametrize('given', [True, False])
def test_where_nothing_is_found_the_last_line_says_so(given, small, images, run, tmp_path, capsys):
    checkpoint = torch.load(small)
    checkpoint['state_dict']['bbox_head.conv_cls.bias'].fill_(-50)
    torch.save(checkpoint, tmp_path / 'silent.pth')
    file = tmp_path / 'model.onnx'
    assert run('export', SMALL, tmp_path / 'silent.pth', '--out', file, *(('--check', images[0]) if given else ())) == 0
    last = capsys.readouterr().out.strip().splitlines()[-1]
    assert 'nothing was compared but empty lists' in last and '--check' in last
    assert file.exists()


def test_a_file_of_another_network_is_refused(small, coco, semantic_digits, run, tmp_path, capsys):
    file = tmp_path / 'model.onnx'
    assert run('export', SMALL, small, '--out', file, '--size', 64, 64) == 0
    assert 'is of a detector, and' in refused(
        run, capsys, 'test', CONFIGS / 'dla34_ida_digits.py', file, '--data-root', semantic_digits)
    assert 'has 10 classes' in refused(run, capsys, 'test', CONFIGS / 'retinanet_r50.py', file, '--data-root', coco)
