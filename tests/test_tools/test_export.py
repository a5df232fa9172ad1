"""Exported files find what the network in torch finds, and are scored as checkpoints are."""
import drawn
import onnxruntime
import pytest
import torch
from conftest import CONFIGS
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope

from layeragg_mm.deployment import predict, read_images

DIGITS = CONFIGS / 'mask_rcnn_mrla_r50_digits.py'


@pytest.fixture(scope='module')
def checkpoint(digits, tmp_path_factory):
    """The demo's Mask R-CNN with seeded weights."""
    init_default_scope('mmdet')
    cfg = Config.fromfile(DIGITS)
    model = MODELS.build(cfg.model)
    drawn.draw(model, torch.stack(list(read_images(cfg, sorted(map(str, digits.glob('val/*')))))), predict)
    file = tmp_path_factory.mktemp('checkpoint') / 'digits.pth'
    torch.save(dict(state_dict=model.state_dict()), file)
    return file


def test_the_demo_s_network_exported_whole_and_scored(checkpoint, digits, run, tmp_path, capsys):
    file = tmp_path / 'model.onnx'
    image = digits / 'val/000001.bmp'
    assert run('export', DIGITS, checkpoint, '--out', file, '--check', image) == 0
    said = capsys.readouterr().out
    assert 'equals torch on 1 images' in said and 'ONNX Runtime' in said
    session = onnxruntime.InferenceSession(file)
    assert [output.name for output in session.get_outputs()] == ['boxes', 'scores', 'labels', 'masks']
    aps = []
    for weights in (checkpoint, file):
        assert run('test', DIGITS, weights, '--data-root', digits, '--work-dir', tmp_path / 'work') == 0
        said = capsys.readouterr().out
        aps.append([line for line in said.splitlines() if 'Average' in line])
    assert aps[0] and aps[0] == aps[1]
