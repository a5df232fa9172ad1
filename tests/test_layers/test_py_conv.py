"""PyConv and its networks equal the authors'."""
import golden
import pytest
import torch
from conv_layers import check_layer, check_network
from mmengine.registry import MODELS
from torch import nn

from layeragg_mm import fuse
from layeragg_mm.layers import PyConv2d


def test_layer():
    layer = PyConv2d(32, 32, stride=2, kernels=(3, 5, 7), level_groups=(1, 4, 8))
    names = [key for key, _ in golden.load('pyconv_layer')['state_dict'] if key in
             golden.load('pyconv_layer')['grad_parameters']]
    check_layer('pyconv_layer', layer, dict(zip(names, names)))


@pytest.mark.slow
@pytest.mark.parametrize('name, kind', [('pyconvresnet50', 'PyConvResNet'), ('pyconvhgresnet50', 'PyConvHGResNet')])
def test_networks(name, kind):
    network = MODELS.build(dict(type=kind, depth=50, norm_eval=False))
    check_network(name, network)
    head = 2048 * 1000 + 1000
    assert sum(parameter.numel() for parameter in network.parameters()) + head == golden.load(name)['parameters']


def test_dilated_with_the_names_of_pyconvsegnet():
    """Output stride 8: levels keep their size, shortcuts still pool, and the file's names are read."""
    description = golden.load('pyconvresnet50')
    state = {key: value.float() for key, value in golden.state_dict(description).items()}
    stem = {'conv1': 'layer0.0', 'bn1': 'layer0.1'}
    released = {f'module.{stem.get(key.split(".")[0], key.split(".")[0])}.{key.partition(".")[2]}': value
                for key, value in state.items()}
    released['module.pyconvhead.x'] = released['module.aux.0.weight'] = released['module.cls.1.weight'] = torch.ones(1)
    dilated = MODELS.build(dict(type='PyConvResNet', depth=50, strides=(2, 2, 1, 1), dilations=(1, 1, 2, 4)))
    dilated.load_state_dict(dict(state_dict=released))
    assert dilated.out_strides == (4, 8, 8, 8)
    plain = MODELS.build(dict(type='PyConvResNet', depth=50))
    plain.load_state_dict(state)
    x = torch.randn(1, 3, 65, 49)
    with torch.no_grad():
        outs, expected = dilated.eval()(x), plain.eval()(x)
    assert [tuple(out.shape[2:]) for out in outs] == [(17, 13), (9, 7), (9, 7), (9, 7)]
    for out, same in zip(outs[:2], expected):
        torch.testing.assert_close(out, same)
    pool = dilated.layer3[0].downsample[0]
    assert (pool.kernel_size, pool.stride) == (3, 1)


@pytest.mark.parametrize('depth', [18, 34])
@pytest.mark.parametrize('kind, width', [('PyConvResNet', 64), ('PyConvHGResNet', 256)])
def test_shallow_blocks(kind, width, depth):
    """A pyramid, then a 1x1 convolution; where a first block keeps its width, its shortcut only pools."""
    network = MODELS.build(dict(type=kind, depth=depth)).eval()
    block, x = network.layer1[0], torch.randn(1, 64, 9, 7)
    assert block.conv2.kernel_size == (1, 1) and network.out_channels == tuple(width * 2**i for i in range(4))
    levels = torch.cat([level(x) for level in block.conv1.pyconv_levels], 1)
    shortcut = nn.functional.max_pool2d(x, 3, 2, 1)
    if kind == 'PyConvHGResNet':
        shortcut = block.downsample[2](block.downsample[1](shortcut))
    else:
        assert not list(block.downsample.parameters())
    expected = (block.bn2(block.conv2(block.bn1(levels).relu())) + shortcut).relu()
    torch.testing.assert_close(block(x), expected)


@pytest.mark.parametrize('kind', ['PyConvResNet', 'PyConvHGResNet'])
@pytest.mark.parametrize('depth', [18, 50])
@pytest.mark.parametrize('zero', [False, True])
def test_start(kind, depth, zero):
    network = MODELS.build(dict(type=kind, depth=depth, num_stages=1, strides=(2,), dilations=(1,), out_indices=(0,),
                                zero_init_residual=zero))
    network.init_weights()
    block = network.layer1[0]
    assert (block.norm2 if depth < 50 else block.norm3).weight.eq(0).all() == zero
    level = (block.conv1 if depth < 50 else block.conv2).pyconv_levels[1]
    assert level.weight.std().item() == pytest.approx((2 / (25 * level.out_channels)) ** .5, rel=.1)


def test_dilated_layer_has_levels_of_one_size():
    layer = PyConv2d(64, 64, 3, 1, 2, 2, bias=False).double()
    x = torch.randn(1, 64, 9, 7).double()
    assert layer(x).shape == x.shape
    expected = nn.functional.conv2d(x, layer.pyconv_levels[3].weight, padding=8, dilation=2, groups=16)
    torch.testing.assert_close(layer(x)[:, 48:], expected)


def test_in_a_detector_s_resnet_and_fused():
    torch.manual_seed(0)
    model = MODELS.build(dict(type='mmdet.ResNet', depth=50, dcn=dict(type='PyConv2d'),
                              stage_with_dcn=(False, True, True, True)))
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.bias, -.5, .5), nn.init.uniform_(module.weight, .3, .6)
    model.double().eval()
    x = torch.randn(1, 3, 33, 47).double()
    fused = fuse(model)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in fused.modules())
    for one, other in zip(fused(x), model(x), strict=True):
        torch.testing.assert_close(one, other)


def test_a_plain_convolution_where_the_layer_makes_no_sense():
    model = MODELS.build(dict(type='mmdet.ResNet', depth=18, conv_cfg=dict(type='PyConv2d')))
    assert type(model.conv1) is type(model.layer2[0].downsample[0]) is nn.Conv2d
    assert type(model.layer1[0].conv1) is PyConv2d
    make = MODELS.get('PyConv2d')
    assert type(make(16, 18, 1)) is nn.Conv2d
    one = make(16, 32, 3, padding=1, kernels=[3], level_groups=[4])
    assert (type(one), one.groups) == (nn.Conv2d, 4)


@pytest.mark.parametrize('make, said', [
    (lambda: PyConv2d(16, 16, 5, padding=2), 'the place of a 3x3'),
    (lambda: PyConv2d(16, 16, groups=2), 'one group'),
    (lambda: PyConv2d(16, 18), '18 channels do not give 4 levels'),
    (lambda: PyConv2d(16, 16, kernels=(3,) * 5, level_groups=(1,) * 5), '1 to 4 levels'),
    (lambda: PyConv2d(16, 16, kernels=(3, 4), level_groups=(1, 1)), 'odd kernels'),
    (lambda: MODELS.build(dict(type='PyConvResNet', depth=20)), 'depth=20'),
    (lambda: MODELS.build(dict(type='PyConvResNet', depth=50, dcn=dict(type='DCNv2'))), 'dcn='),
])
def test_bad_arguments(make, said):
    with pytest.raises(ValueError, match=said):
        make()
