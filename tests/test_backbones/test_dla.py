"""DLANet equals the published networks, reads their checkpoints and keeps the output stride it is asked for."""
import math

import golden
import pytest
import torch
from mmcv.cnn.bricks.conv_ws import ConvWS2d
from mmcv.ops import ModulatedDeformConv2dPack

from layeragg_mm.backbones.dla import DLANet
from layeragg_mm.checkpoints import CheckpointError
from layeragg_mm.layers.dla import BasicBlock, Bottleneck

UNREAD = ('level3.project.', 'level4.project.')  # of DLA-34; timm leaves them out


@pytest.mark.parametrize('name, arch', [('dla34', '34'), ('dla60x', '60x'), ('dla102', '102')])
def test_equals_the_published_network(name, arch):
    description = golden.load(name)
    model = DLANet(arch, out_indices=range(6)).double().eval()
    model.load_state_dict(golden.state_dict(description))
    image = golden.image(description['input']).requires_grad_()
    outs = model(image)
    golden.objective(outs).backward()
    for level, out in enumerate(outs):
        golden.check(out, description['outputs'][f'level{level}'])
    golden.check(image.grad, description['grad_input'])


@pytest.mark.parametrize('arch, millions', [
    ('34', 15.74), ('46_c', 1.30), ('46x_c', 1.07), ('60x_c', 1.32), ('60', 22.04), ('60x', 17.35), ('102', 33.27),
    ('102x', 26.31), ('102x2', 41.28), ('169', 53.39)])
def test_parameter_count_is_the_published_one(arch, millions):
    with torch.device('meta'):
        model = DLANet(arch)
    classifier = (model.channels[-1] + 1) * 1000
    assert round((sum(p.numel() for p in model.parameters()) + classifier) / 1e6, 2) == millions


def test_only_the_projections_that_nothing_reads_are_left_out():
    description = golden.load('dla34')
    unread = sum(math.prod(shape) for key, shape in description['state_dict']
                 if key.startswith(UNREAD)
                 and not key.endswith(('running_mean', 'running_var', 'num_batches_tracked')))
    own = sum(p.numel() for p in DLANet('34').parameters())
    assert own == description['parameters'] - unread - 513 * 1000


@pytest.fixture(scope='module')
def released():
    return golden.state_dict(golden.load('dla34'))


@pytest.mark.parametrize('layout', [
    lambda state: {'epoch': 1, 'state_dict': {f'module.{key}': value for key, value in state.items()}},
    lambda state: {key: value for key, value in state.items() if not key.startswith(UNREAD)},
    lambda state: {f'base.{key}': value for key, value in state.items()} | {'dla_up.x': None, 'fc.0.weight': None},
    lambda state: {f'backbone.{key}': value for key, value in state.items()} | {'bbox_head.x': None},
], ids=['nested', 'timm', 'segmentation', 'detector'])
@pytest.mark.parametrize('out_indices', [(2, 3, 4, 5), (2, 3)])
def test_loads_released_layouts(released, layout, out_indices):
    model = DLANet('34', out_indices=out_indices).double()
    model.load_state_dict(layout(released))
    for key, value in model.state_dict().items():
        assert torch.equal(value, released[key]), key


@pytest.mark.parametrize('change, named', [
    (lambda state: state.pop('level2.root.conv.weight'), 'missing: level2.root.conv.weight'),
    (lambda state: state.update(surplus=torch.zeros(1)), 'unexpected: surplus'),
    (lambda state: state.update({'base_layer.0.weight': torch.zeros(16, 1, 7, 7)}), 'base_layer.0.weight'),
])
def test_a_checkpoint_that_does_not_fit_is_an_error_that_names_keys(released, change, named):
    state = dict(released)
    change(state)
    with pytest.raises(CheckpointError, match=named):
        DLANet('34').load_state_dict(state, strict=False)


@pytest.mark.parametrize('output_stride', [8, 16])
def test_output_stride_dilates_in_place_of_striding(released, output_stride):
    model = DLANet('34', output_stride=output_stride).double()
    model.load_state_dict(dict(released))
    strides = [min(stride, output_stride) for stride in (4, 8, 16, 32)]
    assert list(model.out_strides) == strides
    outs = model(torch.randn(1, 3, 65, 97).double())
    assert [tuple(out.shape[2:]) for out in outs] == [(math.ceil(65 / s), math.ceil(97 / s)) for s in strides]
    assert model.level5.tree1.conv2.dilation == (32 // output_stride,) * 2


def test_outputs_come_in_the_order_asked_for():
    model = DLANet('46x_c', out_indices=(3, 0))
    outs = model(torch.randn(1, 3, 33, 33))
    assert [out.shape[1] for out in outs] == list(model.out_channels) == [64, 16]
    assert model.out_strides == (8, 1)
    assert not hasattr(model, 'level4')


def test_starts_as_published():
    weight = DLANet('60x').level4.tree1.tree1.tree1.conv2.weight  # 3x3 in 32 groups, 512 channels
    assert weight.std().item() == pytest.approx(math.sqrt(2 / (9 * 512)), rel=0.02)


def test_group_norm_with_more_groups_than_the_first_levels_have_channels():
    model = DLANet('46_c', norm_cfg=dict(type='GN', num_groups=32))
    assert model.base_layer[1].num_groups == 16
    assert model.level5.root.bn.num_groups == 32


def test_conv_cfg_makes_every_convolution():
    model = DLANet('46_c', conv_cfg=dict(type='ConvWS'))
    convs = [module for module in model.modules() if isinstance(module, torch.nn.Conv2d)]
    assert convs and all(isinstance(conv, ConvWS2d) for conv in convs)
    assert all(out.isfinite().all() for out in model.eval()(torch.randn(1, 3, 33, 33)))


@pytest.mark.parametrize('arch', ['34', '46_c'])
@pytest.mark.parametrize('fallback', [False, True])
def test_deformable_convolutions_in_the_levels_asked_for(arch, fallback):
    dcn = dict(type='DCNv2', deform_groups=1, fallback_on_stride=fallback)
    model = DLANet(arch, dcn=dcn, stage_with_dcn=(False, True, False, True)).train()
    deformable = {name for name, module in model.named_modules() if isinstance(module, ModulatedDeformConv2dPack)}
    second = {f'{name}.conv2' for name, module in model.named_modules()
              if isinstance(module, (BasicBlock, Bottleneck)) and name.startswith(('level3', 'level5'))}
    strided = {name for name in second if arch == '46_c' and name.endswith('tree1.conv2') and 'tree2' not in name}
    assert deformable == (second - strided if fallback else second)
    outs = model(torch.randn(2, 3, 65, 97))
    assert [tuple(out.shape[2:]) for out in outs] == [(math.ceil(65 / s), math.ceil(97 / s)) for s in (4, 8, 16, 32)]
    sum(out.sum() for out in outs).backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_a_plain_checkpoint_starts_a_deformable_network(released):
    model = DLANet('34', dcn=dict(type='DCNv2', deform_groups=1), stage_with_dcn=(False, False, False, True)).double()
    model.load_state_dict(dict(released), strict=False)
    assert torch.equal(model.level5.tree1.conv2.weight, released['level5.tree1.conv2.weight'])
    assert not model.level5.tree1.conv2.conv_offset.weight.any()
    state = {key: value for key, value in released.items() if key != 'level5.tree1.conv2.weight'}
    with pytest.raises(CheckpointError, match=r'missing: level5\.tree1\.conv2\.weight'):
        model.load_state_dict(state, strict=False)


@pytest.mark.parametrize('arguments, allowed', [
    (dict(arch='34', dcn=dict(type='DCNv2'), conv_cfg=dict(type='ConvWS')), 'one of them'),
    (dict(arch='34', stage_with_dcn=(True, )), 'four, for levels 2 to 5'),
    (dict(arch='35'), "'34', '46_c'"),
    (dict(arch='34', out_indices=(2, 6)), '0, 1, 2, 3, 4, 5'),
    (dict(arch='34', out_indices=()), '0, 1, 2, 3, 4, 5'),
    (dict(arch='34', output_stride=4), '8, 16, 32'),
    (dict(arch='34', out_indices=(2, 3), frozen_stages=4), '-1, 0, 1, 2, 3'),
])
def test_a_wrong_argument_says_what_is_allowed(arguments, allowed):
    with pytest.raises(ValueError, match=f'allowed: .*{allowed}'):
        DLANet(**arguments)
