"""DO-Conv equals the authors' layer, starts as the plain convolution whose weights it loads, and folds into one."""
import golden
import pytest
import torch
from conv_layers import check_layer, check_network
from mmcv.cnn import ConvModule
from mmengine.registry import MODELS
from mmengine.runner import load_state_dict
from torch import nn

from layeragg_mm import fuse
from layeragg_mm.errors import InputError
from layeragg_mm.layers import DOConv2d

RESNET = dict(type='mmdet.ResNet', depth=50, conv_cfg=dict(type='DOConv2d'), norm_eval=False)


def drawn(layer: nn.Module) -> nn.Module:
    for module in layer.modules():
        if isinstance(module, DOConv2d):
            nn.init.normal_(module.D, std=.1)
    return layer


@pytest.mark.parametrize('name, kwargs', [
    ('doconv_layer', dict(in_channels=6, out_channels=10, stride=2, padding=1, bias=True)),
    ('doconv_layer_groups', dict(in_channels=12, out_channels=24, padding=2, dilation=2, groups=4, bias=False,
                                 pairing='released')),
])
def test_layer(name, kwargs):
    check_layer(name, DOConv2d(kernel_size=3, **kwargs), {'W': 'weight', 'D': 'D'})


def test_the_paper_s_pairing_is_depthwise_and_then_grouped():
    """The map of each channel by D, as MN maps, then an ordinary grouped convolution of these: K is their product."""
    torch.manual_seed(0)
    layer = drawn(DOConv2d(6, 9, 3, groups=3, bias=False)).double()
    x = torch.randn(2, 6, 7, 8).double()
    depth = (layer.D + torch.eye(9)).transpose(1, 2).reshape(54, 1, 3, 3)  # s kernels of 3x3 a channel
    maps = nn.functional.conv2d(x, depth, groups=6)
    out = nn.functional.conv2d(maps, layer.weight.reshape(9, 18, 1, 1), groups=3)
    torch.testing.assert_close(layer(x), out)


@pytest.mark.slow
def test_resnet50():
    check_network('doconv_resnet50', MODELS.build(RESNET))


def test_fused_network_is_plain_and_computes_the_same():
    torch.manual_seed(0)
    model = drawn(MODELS.build(dict(RESNET, base_channels=8, stem_channels=8))).double()
    model.eval()
    fused, x = fuse(model), torch.randn(1, 3, 33, 47).double()
    assert not any(isinstance(module, (DOConv2d, nn.BatchNorm2d)) for module in fused.modules())
    for one, other in zip(fused(x), model(x), strict=True):
        torch.testing.assert_close(one, other)


def test_a_plain_network_s_weights_load_and_compute_the_same():
    plain = MODELS.build(dict(type='mmdet.ResNet', depth=50, base_channels=8))
    model = drawn(MODELS.build(dict(RESNET, base_channels=8)))
    assert type(model.layer1[0].conv1) is nn.Conv2d and type(model.conv1) is type(model.layer1[0].conv2) is DOConv2d
    plain.eval(), model.eval()
    x = torch.randn(1, 3, 33, 47)
    model.load_state_dict(plain.state_dict())
    assert all(map(torch.equal, model(x), plain(x)))
    load_state_dict(drawn(model), plain.state_dict(), strict=True)  # mmengine's
    assert all(map(torch.equal, model(x), plain(x)))


@pytest.mark.parametrize('cfg', [dict(dcn=dict(type='DOConv2d'), stage_with_dcn=(True,) * 4),
                                 dict(conv_cfg=dict(type='DOConv2d'))], ids=['dcn', 'conv_cfg'])
def test_layer_aggregation_starts_from_a_plain_network(cfg):
    plain = MODELS.build(dict(type='mmdet.ResNet', depth=50, base_channels=8))
    model = MODELS.build(dict(type='MRLAResNet', depth=50, base_channels=8, **cfg))
    model.load_state_dict(plain.state_dict(), strict=False)  # what aggregation adds keeps its initial values
    assert torch.equal(model.layer2[0].conv2.weight, plain.layer2[0].conv2.weight)


@pytest.mark.parametrize('efficient', [False, True])
def test_in_mmcv_s_module(efficient):
    torch.manual_seed(0)
    module = ConvModule(6, 8, 3, padding=1, conv_cfg=dict(type='DOConv2d'), norm_cfg=dict(type='BN'), act_cfg=None)
    drawn(module).eval()
    nn.init.uniform_(module.bn.running_var, .5, 2)
    x = torch.randn(2, 6, 5, 7)
    expected = module.bn(nn.functional.conv2d(x, module.conv.folded().weight, padding=1))
    module.turn_on_efficient_conv_bn_eval(efficient)
    torch.testing.assert_close(module(x), expected)
    torch.testing.assert_close(fuse(module)(x), expected)


def test_folded_under_autocast_rounds_as_the_layer_does():
    torch.manual_seed(0)
    layer, x = drawn(DOConv2d(6, 8, 3)), torch.randn(2, 6, 5, 7)
    with torch.autocast('cpu', torch.bfloat16):
        assert torch.equal(layer(x), layer.folded()(x))


def test_bad_input():
    with pytest.raises(ValueError, match="pairing='own' is not available; allowed: 'paper', 'released'"):
        DOConv2d(4, 4, 3, pairing='own')
    state = golden.state_dict(golden.load('doconv_layer'))
    with pytest.raises(InputError, match=r'W of a DO-Conv checkpoint is \(10, 6, 9\), and this layer has \(10, 6, 25'):
        DOConv2d(6, 10, 5).load_state_dict(state)
    state['d_diag'][0, 0, 0] = 2
    with pytest.raises(InputError, match='no identity'):
        DOConv2d(6, 10, 3).load_state_dict(state)
