"""No file runs code when it is loaded: by our tools, by our backbones; released and training checkpoints load."""
import argparse
import os
from pathlib import Path

import mmengine.runner.checkpoint
import numpy as np
import pytest
import torch
from conftest import CONFIGS, refused
from mmengine.registry import MODELS
from mmengine.runner import CheckpointLoader

from layeragg_mm.checkpoints import (
    CheckpointError,
    DamagedCheckpointError,
    plain_checkpoints,
    read_checkpoint,
    trust_checkpoints,
)
from layeragg_mm.checkpoints.mmengine_loading import DISTRUST
from layeragg_mm.checkpoints.reading import TRUST

CONFIG = CONFIGS / 'fcos_mrla_tiny_digits.py'


class Harmful:
    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self):
        return os.mkdir, (str(self.trace),)


@pytest.fixture(params=['zip', 'legacy'])
def harmful(request, tmp_path):
    """A checkpoint that makes a folder ``trace`` beside it when it is loaded."""
    path = tmp_path / 'harmful.pth'
    torch.save(dict(state_dict={}, meta=Harmful(tmp_path / 'trace')), path,
               _use_new_zipfile_serialization=request.param == 'zip')
    yield path
    assert not (tmp_path / 'trace').exists()


def test_reading_refuses_code(harmful):
    for mmap in (False, True):
        with pytest.raises(CheckpointError, match=f'{harmful} is refused: .*could run any code .*mkdir') as error:
            read_checkpoint(harmful, mmap=mmap)
        assert '--trust-checkpoint' in error.value.remedy


@pytest.mark.parametrize('backbone', [
    dict(type='MRLAResNet', depth=50), dict(type='RLAResNet', depth=50), dict(type='DLANet', arch='34')])
def test_backbones_refuse_code(harmful, backbone):
    network = MODELS.build(dict(backbone, init_cfg=dict(type='Pretrained', checkpoint=str(harmful))))
    with pytest.raises(CheckpointError, match='is refused'):
        network.init_weights()


def test_tools_refuse_code(harmful, run, capsys, digits, tmp_path):
    train = 'train', CONFIG, '--data-root', digits, '--work-dir', tmp_path / 'run'
    for arguments in (
            [*train, '--cfg-options', f'load_from={harmful}'],
            [*train, '--resume', harmful],
            [*train, '--cfg-options', 'model.backbone.init_cfg.type=Pretrained',
             f'model.backbone.init_cfg.checkpoint={harmful}'],
            ['test', CONFIG, harmful, '--data-root', digits, '--work-dir', tmp_path / 'run']):
        assert f'{harmful} is refused' in refused(run, capsys, *arguments)
    assert not (tmp_path / 'run').exists()


def test_downloads_are_refused_too(harmful, monkeypatch):
    monkeypatch.setattr(mmengine.runner.checkpoint, 'load_url',
                        lambda *args, **kwargs: torch.load(harmful, weights_only=False))
    with pytest.raises(CheckpointError, match='downloaded checkpoint is refused'), plain_checkpoints():
        CheckpointLoader.load_checkpoint('https://example.org/checkpoint.pth')


def test_a_user_may_trust(tmp_path, monkeypatch):
    monkeypatch.setenv(TRUST, '')  # and put it back afterwards
    torch.save(dict(weight=torch.ones(1), meta=Harmful(tmp_path / 'trace')), tmp_path / 'mine.pth')
    trust_checkpoints()
    with plain_checkpoints():
        CheckpointLoader.load_checkpoint(str(tmp_path / 'mine.pth'))
    assert (tmp_path / 'trace').is_dir()


def test_nothing_is_left_changed(tmp_path):
    before = CheckpointLoader._schemes[''], CheckpointLoader.load_checkpoint
    with plain_checkpoints():
        assert before != (CheckpointLoader._schemes[''], CheckpointLoader.load_checkpoint)
    assert before == (CheckpointLoader._schemes[''], CheckpointLoader.load_checkpoint) and DISTRUST not in os.environ


def test_what_the_authors_and_timm_save_loads(tmp_path):
    content = dict(
        epoch=300, arch='resnet50_mrlal', state_dict=dict(weight=torch.ones(2)), best_acc1=torch.tensor(77.7),
        metric=np.float64(77.7), optimizer=dict(state={}, param_groups=[dict(lr=.1)]),
        args=argparse.Namespace(lr=.1, model='mrla'))
    torch.save(content, tmp_path / 'checkpoint.pth.tar')
    torch.save(content, tmp_path / 'legacy.pth.tar', _use_new_zipfile_serialization=False)
    for path in tmp_path.iterdir():
        assert read_checkpoint(path)['args'].model == 'mrla'


@pytest.mark.parametrize('damage', [
    lambda content: content[:len(content) // 2], lambda content: content[:-10], lambda content: content[:5],
    lambda content: b'', lambda content: b'no checkpoint', lambda content: bytes(1000)])
@pytest.mark.parametrize('new', [True, False])
def test_damaged_files_are_told(tmp_path, damage, new):
    path = tmp_path / 'damaged.pth'
    torch.save(dict(weight=torch.ones(1000)), path, _use_new_zipfile_serialization=new)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DamagedCheckpointError, match=f'{path} is cut short or no checkpoint'):
        read_checkpoint(path)
