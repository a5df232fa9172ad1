"""What may enter a backbone, and what is refused."""
import golden
import pytest
import torch
from mmengine.registry import MODELS
from mmengine.runner import load_checkpoint

from layeragg_mm.checkpoints import CheckpointError


@pytest.fixture(scope='module')
def released():
    return {key: value.float() for key, value in golden.state_dict(golden.load('mrla_light_resnet50')).items()}


def build(**kwargs):
    return MODELS.build(dict(type='MRLAResNet', depth=50, **kwargs))


def loaded(model, released) -> bool:
    return torch.equal(model.layer4[2].mrla.query.weight, released['layer4.2.mrla.mrla.Wq.weight']) and torch.equal(
        model.conv1.weight, released['conv1.weight'])


@pytest.mark.parametrize('wrap', [
    lambda state: state,
    lambda state: {'state_dict': {f'module.{key}': value for key, value in state.items()}, 'epoch': 300},
    lambda state: {'state_dict': {f'backbone.{key}': value for key, value in state.items()
                                  if not key.startswith('fc.')} | {'neck.fpn_convs.0.weight': torch.ones(1)}},
], ids=['plain', 'classification', 'detector'])
def test_released_layouts_load_as_they_are(released, tmp_path, wrap):
    file = tmp_path / 'released.pth.tar'
    torch.save(wrap(released), file)
    by_torch = build()
    by_torch.load_state_dict(torch.load(file))
    by_init_cfg = build(init_cfg=dict(type='Pretrained', checkpoint=str(file)))
    by_init_cfg.init_weights()
    assert loaded(by_torch, released) and loaded(by_init_cfg, released)


def test_a_released_backbone_inside_a_whole_detector(released):
    detector = torch.nn.Module()
    detector.backbone = build()
    detector.load_state_dict({f'backbone.{key}': value for key, value in released.items()})
    assert loaded(detector.backbone, released)


def test_our_own_checkpoint_loads():
    first, second = build(), build()
    second.load_state_dict(first.state_dict())
    assert torch.equal(first.layer1[0].mrla.shortcut_scale, second.layer1[0].mrla.shortcut_scale)


def test_a_plain_resnet_starts_the_network_without_changing_its_outputs(tmp_path):
    plain = MODELS.build(dict(type='mmdet.ResNet', depth=50))
    plain.init_weights()
    for module in plain.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, .3, .7)
    torch.save({**plain.state_dict(), 'fc.weight': torch.ones(1000, 2048), 'fc.bias': torch.ones(1000)},
               tmp_path / 'resnet50.pth')
    model = build(init_cfg=dict(type='Pretrained', checkpoint=str(tmp_path / 'resnet50.pth')))
    model.init_weights()
    plain.train(False)
    image = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    for ours, theirs in zip(model.eval()(image), plain(image)):
        torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize('damage, said', [
    (lambda state: {}, 'holds no weights: it is empty'),
    (lambda state: {'conv1.weight': state['conv1.weight']}, 'missing: bn1.weight'),
    (lambda state: {key: value for key, value in state.items() if key != 'layer2.1.mrla.mrla.Wk.weight'},
     'missing: layer2.1.mrla.key.weight'),
    (lambda state: {**state, 'layer9.weight': torch.ones(1)}, 'unexpected: layer9.weight'),
    (lambda state: {**state, 'conv1.weight': torch.ones(64, 3, 3, 3)},
     r'of another shape: conv1.weight \(64, 3, 3, 3\)'),
    (lambda state: {f'encoder.{key}': value for key, value in state.items()}, 'unexpected: encoder.conv1.weight'),
], ids=['empty', 'one key', 'one lacking', 'one more', 'other shape', 'other prefix'])
def test_what_does_not_fit_is_refused_by_name(released, tmp_path, damage, said):
    model = build()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    torch.save(damage(released), tmp_path / 'damaged.pth')
    with pytest.raises(CheckpointError, match=said):
        model.load_state_dict(damage(released))
    with pytest.raises(CheckpointError, match=said):
        load_checkpoint(model, str(tmp_path / 'damaged.pth'))
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_another_depth_is_refused(released):
    with pytest.raises(CheckpointError, match=r'missing: layer3\.6'):
        MODELS.build(dict(type='MRLAResNet', depth=101)).load_state_dict(released)
