"""What a checkpoint may be: a dict of tensors, alone or with more; a file or an address. All else is told."""
import os
import socket
import sys

import pytest
import torch
from conftest import CONFIGS, refused
from mmengine.registry import MODELS, init_default_scope
from mmengine.runner import CheckpointLoader

from layeragg_mm.checkpoints import CheckpointError, DamagedCheckpointError, plain_checkpoints, read_checkpoint
from layeragg_mm.checkpoints import mmengine_loading as loading
from layeragg_mm.checkpoints.loading import check_parts
from layeragg_mm.checkpoints.sharing import shared_weights
from layeragg_mm.engine.config import read_config

pytestmark = pytest.mark.slow

FCOS = CONFIGS / 'fcos_mrla_tiny_digits.py'
ONE = ['train_cfg.max_iters=1', 'train_cfg.val_interval=1', 'default_hooks.checkpoint.interval=1']


@pytest.mark.parametrize('content, told', [
    ([dict(a=torch.ones(1))], 'it is a list of 1'),
    (torch.ones(3), r'it is one tensor, of shape \(3,\)'),
    (None, 'it is None'),
    ({}, 'it is empty'),
    (dict(state_dict=None), 'its state_dict is None'),
    (dict(state_dict={}, meta={}), 'its state_dict is empty'),
    (dict(epoch=3, net=dict(a=torch.ones(1))), 'it holds epoch, net, and none is a tensor'),
    (dict(model=dict(epoch=3)), 'its model holds epoch, and none is a tensor'),
])
def test_what_holds_no_weights_is_told(content, told, tmp_path):
    torch.save(content, tmp_path / 'odd.pth')
    with pytest.raises(CheckpointError, match=f'odd.pth holds no weights: {told}'), plain_checkpoints():
        CheckpointLoader.load_checkpoint(str(tmp_path / 'odd.pth'))
    network = MODELS.build(dict(type='MRLAResNet', depth=50, base_channels=8, init_cfg=dict(
        type='Pretrained', checkpoint=str(tmp_path / 'odd.pth'))))
    with pytest.raises(CheckpointError, match='holds no weights'):
        network.init_weights()


def test_tools_tell_it_at_the_door_and_take_weights_alone(run, capsys, digits, tmp_path):
    train = 'train', FCOS, '--data-root', digits, '--work-dir', tmp_path / 'run', '--cfg-options', *ONE
    assert run(*train) == 0
    state = read_checkpoint(tmp_path / 'run/iter_1.pth')['state_dict']
    torch.save([state], tmp_path / 'list.pth')
    for arguments in ([*train, f'load_from={tmp_path}/list.pth'],
                      ['test', FCOS, tmp_path / 'list.pth', '--data-root', digits, '--work-dir', tmp_path / 'test'],
                      [*train, 'model.backbone.init_cfg.type=Pretrained',
                       f'model.backbone.init_cfg.checkpoint={tmp_path}/list.pth']):
        assert 'list.pth holds no weights: it is a list of 1' in refused(run, capsys, *arguments)
    torch.save(state, tmp_path / 'bare.pth')  # EMAHook, of the config, looks for a state_dict in it
    assert run('test', FCOS, tmp_path / 'bare.pth', '--data-root', digits, '--work-dir', tmp_path / 'test') == 0


def test_caffe_s_bias_before_the_first_norm_is_dropped_with_a_note(tmp_path, capsys):
    plain = MODELS.build(dict(type='mmdet.ResNet', depth=50, base_channels=8))
    torch.save(dict(state_dict={**plain.state_dict(), 'conv1.bias': torch.zeros(8)}), tmp_path / 'caffe.pth')
    network = MODELS.build(dict(type='RLAResNet', depth=50, base_channels=8, init_cfg=dict(
        type='Pretrained', checkpoint=str(tmp_path / 'caffe.pth'))))
    network.init_weights()
    said = capsys.readouterr().out
    assert 'biases before norms are left out: conv1.bias' in said and 'do not match exactly' not in said
    assert torch.equal(network.layer4[2].conv3.weight, plain.layer4[2].conv3.weight)
    state = {**plain.state_dict(), 'layer1.0.bn1.extra.bias': torch.zeros(8)}
    with pytest.raises(CheckpointError, match=r'unexpected: layer1\.0\.bn1\.extra\.bias'):
        network.load_state_dict(state)


def test_home_is_known_by_its_sign(monkeypatch, tmp_path):
    monkeypatch.setenv('HOME', str(tmp_path))
    torch.save(dict(a=torch.ones(1)), tmp_path / 'mine.pth')
    assert read_checkpoint('~/mine.pth').keys() == {'a'}
    (tmp_path / 'data').mkdir()
    cfg = read_config(str(FCOS), '~/data', dict(load_from='~/mine.pth'))
    assert cfg.load_from == str(tmp_path / 'mine.pth')
    assert cfg.train_dataloader.dataset.data_root == f'{tmp_path}/data/'
    assert cfg.val_evaluator.ann_file.startswith(str(tmp_path / 'data/'))


# Addresses

@pytest.fixture
def silent_server():
    """The address of a server that takes connections and says nothing."""
    with socket.create_server(('127.0.0.1', 0)) as server:
        yield f'http://127.0.0.1:{server.getsockname()[1]}/resnet50.pth'


@pytest.mark.parametrize('address, told', [
    ('http://127.0.0.1:9/resnet50.pth', r'http://127\.0\.0\.1:9/resnet50\.pth cannot be reached: .*refused'),
    ('open-mmlab://resnet51', 'no address of this name is known'),
    ('torchvision://resnet51', 'the package torchvision, which knows such addresses, is not installed'),
])
def test_an_address_that_cannot_be_fetched_is_told(address, told, tmp_path, monkeypatch):
    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    monkeypatch.setitem(sys.modules, 'torchvision', None)  # as if it were not installed
    with pytest.raises(CheckpointError, match=told) as error, plain_checkpoints():
        CheckpointLoader.load_checkpoint(address)
    assert 'fetch the file by other means' in error.value.remedy
    assert socket.getdefaulttimeout() is None


def test_a_server_that_says_nothing_is_out_of_reach(silent_server, tmp_path, monkeypatch):
    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    monkeypatch.setattr(loading, 'PATIENCE', .2)
    with pytest.raises(CheckpointError, match='cannot be reached: timed out'), plain_checkpoints():
        CheckpointLoader.load_checkpoint(silent_server)


def test_a_pretrained_address_out_of_reach_is_told_at_the_door(run, capsys, digits, tmp_path, monkeypatch):
    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    told = refused(run, capsys, 'train', FCOS, '--data-root', digits, '--work-dir', tmp_path / 'run', '--cfg-options',
                   'model.backbone.init_cfg.type=Pretrained',
                   'model.backbone.init_cfg.checkpoint=http://127.0.0.1:9/resnet50.pth')
    assert 'model.backbone.init_cfg.checkpoint: http://127.0.0.1:9/resnet50.pth cannot be reached' in told
    assert 'name it in the place of the address' in told and '--pretrained none' in told
    assert not (tmp_path / 'run').exists()


# The format safetensors

def test_safetensors_is_read_where_the_package_is_installed(tmp_path):
    package = pytest.importorskip('safetensors.torch')
    package.save_file(dict(weight=torch.arange(3.)), tmp_path / 'model.safetensors')
    assert torch.equal(read_checkpoint(tmp_path / 'model.safetensors')['weight'], torch.arange(3.))
    os.truncate(tmp_path / 'model.safetensors', 20)
    with pytest.raises(DamagedCheckpointError, match=r'model\.safetensors is cut short'):
        read_checkpoint(tmp_path / 'model.safetensors')


def test_safetensors_is_named_where_it_is_not(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'safetensors', None)
    (tmp_path / 'model.safetensors').touch()
    with pytest.raises(CheckpointError, match='of the package safetensors, which is not installed') as error:
        read_checkpoint(tmp_path / 'model.safetensors')
    assert 'pip install safetensors' in error.value.remedy


# Another family's detector

def detector(backbone: str, classes: int = 10):
    """Return the demo's FCOS with another backbone, its weights drawn anew."""
    cfg = read_config(str(FCOS)).model
    cfg.backbone = dict(type=backbone, depth=50, base_channels=8, out_indices=(1, 2, 3))
    cfg.bbox_head.num_classes = classes
    init_default_scope('mmdet')
    network = MODELS.build(cfg)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=.01)
    return network


def test_another_family_shares_trunk_and_heads():
    mrla, rla = detector('MRLAResNet'), detector('RLAResNet', classes=3)
    with pytest.raises(CheckpointError, match=r'unexpected: rla\.'):
        check_parts(mrla, rla.state_dict())
    shared = shared_weights(mrla, rla.state_dict())
    for key in ('backbone.layer4.2.conv3.weight', 'neck.fpn_convs.0.conv.weight', 'bbox_head.conv_reg.weight'):
        assert torch.equal(shared.taken[key], rla.state_dict()[key])
    assert {key.split('.')[3] for key in shared.new if key.startswith('backbone.')} == {'mrla'}
    assert [key for key in shared.new if not key.startswith('backbone.')] == [
        'bbox_head.conv_cls.weight', 'bbox_head.conv_cls.bias']
    assert 'backbone.layer*.*.mrla.query (16)' in str(shared) and 'backbone.rla.*.recur (4)' in str(shared)
    with pytest.raises(CheckpointError, match='shares nothing with FCOS'):
        shared_weights(mrla, dict(weight=torch.ones(1)))


def test_a_training_starts_from_another_family_with_a_flag(run, capsys, digits, tmp_path):
    rla = detector('RLAResNet')
    torch.save(dict(state_dict=rla.state_dict()), tmp_path / 'rla.pth')
    train = ['train', FCOS, '--data-root', digits, '--work-dir', tmp_path / 'run']
    options = ['--cfg-options', *ONE, f'load_from={tmp_path}/rla.pth', 'optim_wrapper.optimizer.lr=0',
               'custom_hooks.0.momentum=1e-8']
    told = refused(run, capsys, *train, *options)
    assert 'rla.pth: the checkpoint does not fit MRLAResNet; unexpected: rla.' in told and '--partial' in told
    assert not (tmp_path / 'run').exists()
    assert run(*train, '--partial', *options) == 0
    said = capsys.readouterr()
    said = said.out + said.err
    assert 'new, with initial values: backbone.layer*.*.mrla (16), ' in said and 'do not match exactly' not in said
    trained = read_checkpoint(tmp_path / 'run/iter_1.pth')['state_dict']
    for key in ('backbone.layer4.2.conv3.weight', 'bbox_head.conv_cls.weight'):
        torch.testing.assert_close(trained[key], rla.state_dict()[key])
    assert '--partial is about' in refused(run, capsys, *train, '--partial')
