"""PSConv: one weight and the released three equal the authors' layer, and one is refused where they are not one."""
import copy

import golden
import pytest
import torch
from conv_layers import check_layer, check_network
from mmcv.cnn import ConvModule
from mmengine.registry import MODELS
from torch import nn
from torch.utils.checkpoint import checkpoint

from layeragg_mm import fuse
from layeragg_mm.errors import InputError
from layeragg_mm.layers import PSConv2d, ReleasedPSConv2d

SHAPES = {
    'psconv_layer': dict(in_channels=16, out_channels=24, stride=2),
    'psconv_layer_groups': dict(in_channels=32, out_channels=32, groups=2, bias=False),
    'psconv_layer_unmasked': dict(in_channels=16, out_channels=24, bias=False),
}
PUBLISHED = [f'{name}.weight' for name in ('gwconv', 'gwconv_shift', 'conv')]
PS_RESNET = dict(type='mmdet.ResNet', depth=50, dcn=dict(type='PSConv2d'), stage_with_dcn=(True,) * 4, norm_eval=False)


@pytest.mark.parametrize('name', SHAPES)
def test_literal_layer(name):
    layer = ReleasedPSConv2d(kernel_size=3, padding=1, **SHAPES[name])
    check_layer(name, layer, dict(zip(PUBLISHED, PUBLISHED)))


def test_layer_with_one_weight():
    layer = PSConv2d(kernel_size=3, padding=1, **SHAPES['psconv_layer'])
    check_layer('psconv_layer', layer, {})
    grads = golden.load('psconv_layer')['grad_parameters']
    grad = layer.weight.grad.unflatten(1, (4, -1)).unflatten(0, (4, -1))  # part a, out, part b, in, 3, 3
    own = torch.stack([grad[a, :, a] for a in range(4)]).flatten(0, 1)
    opposite = torch.stack([grad[a, :, (a + 2) % 4] for a in range(4)]).flatten(0, 1)
    rest = grad.clone()
    for a in range(4):
        rest[a, :, a] = rest[a, :, (a + 2) % 4] = 0
    for got, key in zip((own, opposite, rest.flatten(2, 3).flatten(0, 1)), PUBLISHED):
        golden.check(got, grads[key], 1e-8)


@pytest.mark.parametrize('name', ['psconv_layer_unmasked', 'psconv_layer_groups'])
def test_one_weight_refuses_what_it_cannot_hold(name):
    state = golden.state_dict(golden.load(name))
    with pytest.raises(InputError, match=r'conv\.weight of a PSConv checkpoint is up to') as caught:
        PSConv2d(kernel_size=3, padding=1, **SHAPES[name]).load_state_dict(state)
    assert "form='literal'" in caught.value.remedy


@pytest.mark.parametrize('groups, rates, dilation', [(1, (1, 2, 4), 1), (2, (1, 3, 5), 1), (4, (1, 2, 4), 2)])
def test_both_forms_are_the_equation(groups, rates, dilation):
    torch.manual_seed(0)
    shape = dict(in_channels=8 * groups, out_channels=12 * groups, kernel_size=3, stride=2, padding=dilation,
                 dilation=dilation, groups=groups, bias=False, rates=rates)
    layer, literal = PSConv2d(**shape).double(), ReleasedPSConv2d(**shape).double()
    x = torch.randn(2, 8 * groups, 9, 12).double()
    expected = []
    for group, kernels in zip(x.chunk(groups, 1), layer.weight.chunk(groups)):
        inputs = group.chunk(4, 1)
        for a, rows in enumerate(kernels.chunk(4)):
            expected.append(sum(nn.functional.conv2d(
                inputs[b], kernel, stride=2, padding=rate, dilation=rate)
                for b, kernel in enumerate(rows.chunk(4, 1))
                for rate in [dilation * rates[1 if b == a else 2 if b == (a + 2) % 4 else 0]]))
    torch.testing.assert_close(layer(x), torch.cat(expected, 1))

    weight = layer.weight.detach().unflatten(1, (4, -1)).unflatten(0, (groups, 4, -1))
    dense = weight.clone()
    for a in range(4):
        dense[:, a, :, a] = dense[:, a, :, (a + 2) % 4] = 0
    literal.load_state_dict({
        'gwconv.weight': torch.stack([weight[:, a, :, a] for a in range(4)], 1).flatten(0, 2),
        'gwconv_shift.weight': torch.stack([weight[:, a, :, (a + 2) % 4] for a in range(4)], 1).flatten(0, 2),
        'conv.weight': dense.flatten(3, 4).flatten(0, 2)})
    torch.testing.assert_close(literal(x), layer(x))
    nn.init.zeros_(layer.weight)
    layer.load_state_dict(literal.state_dict())
    torch.testing.assert_close(layer(x), torch.cat(expected, 1))


@pytest.mark.slow
def test_resnet50():
    check_network('psconv_resnet50', MODELS.build(copy.deepcopy(PS_RESNET)))


def test_parameters_are_those_of_resnet50():
    ours, plain = (sum(parameter.numel() for parameter in MODELS.build(copy.deepcopy(cfg)).parameters())
                   for cfg in (PS_RESNET, dict(type='mmdet.ResNet', depth=50)))
    assert ours == plain


@pytest.mark.parametrize('groups, share', [(1, 1 / 2), (2, 3 / 8), (4, 1 / 2), (32, 1 / 16)])
def test_released_mask_survives_initialisation_and_training(groups, share):
    """The released mask covers half of the weights with 1 or 4 groups alone."""
    module = MODELS.build(dict(type='mmdet.ResNeXt', depth=50, base_channels=128 if groups == 32 else 64, groups=groups,
                               base_width=4 * 32 // groups, norm_eval=False, stage_with_dcn=(True,) + (False,) * 3,
                               num_stages=4, dcn=dict(type='PSConv2d', form='literal')))
    module.init_weights()
    conv = module.layer1[0].conv2
    assert isinstance(conv, ReleasedPSConv2d)
    zero = conv.conv.weight == 0
    assert zero.float().mean() == share and 'masked' not in conv.state_dict()
    conv = copy.deepcopy(conv)
    conv(torch.randn(1, conv.in_channels, 5, 5)).square().sum().backward()
    torch.optim.SGD(conv.parameters(), lr=.1).step()
    assert torch.equal(conv.conv.weight == 0, zero) and conv.conv.weight.grad[~zero].abs().min() > 0


@pytest.mark.parametrize('efficient', [False, True])
def test_in_mmcv_s_module(efficient):
    torch.manual_seed(0)
    module = ConvModule(8, 8, 3, padding=1, conv_cfg=dict(type='PSConv2d'), norm_cfg=dict(type='BN'), act_cfg=None)
    nn.init.uniform_(module.bn.running_var, .5, 2)
    nn.init.uniform_(module.bn.bias, .5, 2)
    x = torch.randn(2, 8, 9, 12)
    expected = module.eval().bn(module.conv(x))
    module.turn_on_efficient_conv_bn_eval(efficient)
    torch.testing.assert_close(module(x), expected)
    fused = fuse(module)
    assert not isinstance(fused.bn, nn.BatchNorm2d)
    torch.testing.assert_close(fused(x), expected)


def test_gradient_checkpointing_gives_the_same_gradients():
    layer, x = PSConv2d(8, 8, 3, padding=1), torch.randn(2, 8, 9, 7, generator=torch.Generator().manual_seed(0))
    grads = []
    for call in (layer, lambda x: checkpoint(layer, x, use_reentrant=False)):
        grads.append(torch.autograd.grad(call(x.requires_grad_()).square().sum(), (x, *layer.parameters())))
    torch.testing.assert_close(*grads)


def test_a_plain_convolution_where_the_layer_makes_no_sense():
    model = MODELS.build(dict(type='mmdet.ResNet', depth=18, conv_cfg=dict(type='PSConv2d')))
    assert type(model.conv1) is type(model.layer2[0].downsample[0]) is nn.Conv2d
    assert type(model.layer1[0].conv1) is PSConv2d
    assert type(ConvModule(3, 8, 3, conv_cfg=dict(type='PSConv2d')).conv) is nn.Conv2d


@pytest.mark.parametrize('kwargs, said', [
    (dict(padding=0), 'padding equal to dilation'), (dict(kernel_size=5, padding=2), 'kernel_size 3'),
    (dict(padding_mode='reflect'), 'zeros around'), (dict(in_channels=6), '4 parts of the channels of each group'),
    *((dict(rates=rates), 'three whole numbers, 1 or more') for rates in [(1, 2), (0, 1, 2), 2, (1, 2, 4, 8)])])
def test_bad_arguments(kwargs, said):
    for layer in (PSConv2d, ReleasedPSConv2d):
        with pytest.raises(ValueError, match=said if 'padding_mode' not in kwargs else 'reflect'):
            layer(**{**dict(in_channels=8, out_channels=8, kernel_size=3, padding=1), **kwargs})
    with pytest.raises(ValueError, match="form='own' is not available; allowed: 'shared', 'literal'"):
        MODELS.get('PSConv2d')(8, 8, 3, form='own')
