"""In a ResNet, each convolution layer passes what every network must; see test_battery."""
import inspect

import pytest
import test_battery
from mmengine.registry import MODELS
from torch import nn

from layeragg_mm.backbones.released_resnet import ReleasedResNet
from layeragg_mm.backbones.variants import VARIANTS

pytestmark = pytest.mark.slow

STAGES = dict(stage_with_dcn=(False, True, True, True))
LAYERS = {
    'do_conv': dict(conv_cfg=dict(type='DOConv2d')),
    'ps_conv': dict(conv_cfg=dict(type='PSConv2d')),
    'ps_conv_dcn': dict(dcn=dict(type='PSConv2d'), **STAGES),
    'ps_conv_literal': dict(dcn=dict(type='PSConv2d', form='literal'), **STAGES),
    'py_conv': dict(dcn=dict(type='PyConv2d'), **STAGES),
    'weight_net': dict(conv_cfg=dict(type='WeightNetConv2d')),
    'dg_conv': dict(dcn=dict(type='DGConv2d'), **STAGES),
}
CHECKS = [check for name, check in vars(test_battery).items() if name.startswith('test_')]


@pytest.mark.parametrize('layer', LAYERS)
@pytest.mark.parametrize('check', CHECKS, ids=lambda check: check.__name__.removeprefix('test_'))
def test_in_a_resnet(check, layer, monkeypatch, shallow, tmp_path):
    if (check, layer) == (test_battery.test_norms_follow_norm_cfg, 'dg_conv'):
        pytest.skip('its norm is an option of its own')
    monkeypatch.setitem(MODELS.module_dict, 'ReleasedResNet', ReleasedResNet)
    network = dict(type='ReleasedResNet', depth=50, base_channels=16, stem_channels=16)
    monkeypatch.setitem(VARIANTS, layer, network | LAYERS[layer])
    arguments = dict(name=layer, shallow=shallow, tmp_path=tmp_path)
    check(**{name: arguments[name] for name in inspect.signature(check).parameters})


@pytest.mark.parametrize('layer', ['DOConv2d', 'PSConv2d', 'PyConv2d', 'WeightNetConv2d', 'DGConv2d'])
def test_arguments_of_a_convolution_come_first(layer):
    make = MODELS.get(layer)
    by_position = make(64, 64, 3, 2, 1, 1, 1, False, 'zeros')
    by_name = make(64, 64, 3, stride=2, padding=1, dilation=1, groups=1, bias=False, padding_mode='zeros')
    assert type(by_position) is type(by_name) is not nn.Conv2d
    for name in ('in_channels', 'out_channels', 'kernel_size', 'stride', 'padding', 'dilation', 'groups', 'transposed',
                 'output_padding', 'padding_mode'):
        assert getattr(by_position, name) == getattr(by_name, name) == getattr(nn.Conv2d(64, 64, 3, 2, 1), name), name


@pytest.mark.parametrize('layer', ['DOConv2d', 'PSConv2d', 'PyConv2d', 'WeightNetConv2d'])
def test_a_size_given_as_a_list_is_that_size(layer):
    make = MODELS.get(layer)
    for size in (1, 3):
        listed, whole = (make(64, 64, given, padding=size // 2) for given in ([size, size], size))
        assert type(listed) is type(whole)
