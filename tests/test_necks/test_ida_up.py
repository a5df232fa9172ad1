"""IDAUp equals the published necks, reads their checkpoints and gives each kind of head what it needs."""
import math

import golden
import pytest
import torch
import torch.nn.functional as F
from mmcv.cnn.bricks.conv_ws import ConvWS2d
from mmdet.registry import MODELS

from layeragg_mm.backbones.dla import DLANet
from layeragg_mm.checkpoints import CheckpointError
from layeragg_mm.layers.ida import bilinear_upsampling
from layeragg_mm.necks.deformable import DeformableConv2d
from layeragg_mm.necks.ida_up import IDAUp

CHANNELS = [8, 16, 24, 32]
PUBLISHED = {
    'dla34up_stride2': dict(in_channels=[32, 64, 128, 256, 512], out_channels=32, mode='finest'),
    'dla34up_stride4': dict(in_channels=[64, 128, 256, 512], out_channels=64, mode='finest'),
    'centernet_dla34': dict(in_channels=[64, 128, 256, 512], out_channels=64, mode='centernet'),
}
MODES = {
    'pyramid': dict(num_outs=5),
    'on_input': dict(start_level=1, num_outs=5, add_extra_convs='on_input'),
    'on_output': dict(start_level=1, num_outs=5, add_extra_convs='on_output'),
    'finest': dict(mode='finest'),
    'centernet': dict(mode='centernet'),
    'with stride 32': dict(mode='centernet', include_coarsest=True),
}


def features(size, batch=1, channels=CHANNELS, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.randn(batch, width, *(math.ceil(s / stride) for s in size), generator=generator)
                 for width, stride in zip(channels, (4, 8, 16, 32)))


def neck(mode, out_channels=12):
    """Return a neck whose deformable convolutions do deform."""
    torch.manual_seed(0)
    model = IDAUp(CHANNELS, out_channels, **MODES[mode])
    for module in model.modules():
        if isinstance(module, DeformableConv2d):
            torch.nn.init.normal_(module.conv_offset.weight, std=0.1)
    return model


@pytest.mark.parametrize('name', PUBLISHED)
def test_equals_the_published_network(name):
    description = golden.load(name)
    state = golden.state_dict(description)
    model = IDAUp(**PUBLISHED[name]).double().eval()
    backbone = DLANet('34', out_indices=range(6 - model.num_ins, 6)).double().eval()
    backbone.load_state_dict(dict(state))
    model.load_state_dict({'state_dict': {f'module.{key}': value for key, value in state.items()}})

    image = golden.image(description['input']).requires_grad_()
    outs = {'feature': model(backbone(image))[0]}
    if name == 'centernet_dla34':
        for head in ('hm', 'wh', 'reg'):
            hidden = F.conv2d(outs['feature'], state[f'{head}.0.weight'], state[f'{head}.0.bias'], padding=1).relu()
            outs[head] = F.conv2d(hidden, state[f'{head}.2.weight'], state[f'{head}.2.bias'])
    else:
        outs['scores'] = F.conv2d(outs['feature'], state['fc.0.weight'], state['fc.0.bias'])
    golden.objective(outs.values()).backward()
    for key, out in outs.items():
        golden.check(out, description['outputs'][key])
    golden.check(image.grad, description['grad_input'])


@pytest.mark.parametrize('mode', MODES)
@pytest.mark.parametrize('size', [(33, 33), (64, 96), (97, 101)], ids=str)
@pytest.mark.parametrize('batch', [1, 2])
def test_maps_keep_their_strides_and_every_parameter_learns(mode, size, batch):
    model = neck(mode)
    outs = model(features(size, batch))
    strides = {'pyramid': (4, 8, 16, 32, 64), 'on_input': (8, 16, 32, 64, 128)}
    strides['on_output'] = strides['on_input']
    assert [tuple(out.shape) for out in outs] == [
        (batch, 12, *(math.ceil(s / stride) for s in size)) for stride in strides.get(mode, (4,))]
    sum(out.square().sum() for out in outs).backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_features_that_are_no_exact_multiples_aggregate():
    sizes = [(33, 35), (16, 19), (8, 8), (4, 4)]  # smaller and larger than the half, as other backbones round
    inputs = [torch.randn(1, width, *size) for width, size in zip(CHANNELS, sizes)]
    assert [tuple(out.shape[2:]) for out in IDAUp(CHANNELS, 12)(inputs)] == sizes


def test_the_strides_of_a_dilated_backbone():
    backbone = DLANet('46x_c', output_stride=8)
    outs = IDAUp(backbone.out_channels, 12, in_strides=backbone.out_strides)(backbone(torch.randn(1, 3, 65, 65)))
    assert [out.shape[2] for out in outs] == [17, 9, 9, 9]


@pytest.mark.parametrize('factor', [2, 3, 4])
def test_upsampling_starts_as_bilinear_interpolation(factor):
    image = torch.randn(1, 5, 6, 7)
    inner = slice(factor, -2 * factor)
    expected = F.interpolate(image, scale_factor=factor, mode='bilinear', align_corners=False)
    torch.testing.assert_close(bilinear_upsampling(5, factor)(image)[..., :6 * factor, :7 * factor][..., inner, inner],
                               expected[..., inner, inner])


@pytest.mark.parametrize('mode', ['pyramid', 'centernet'])
def test_layouts_and_precisions_agree(mode):
    model, inputs = neck(mode).eval(), features((64, 96))
    expected = model(inputs)
    by_layout = model([feature.to(memory_format=torch.channels_last) for feature in inputs])
    with torch.autocast('cpu', torch.bfloat16):
        by_autocast = model(inputs)
    by_half = model.half()([feature.half() for feature in inputs])
    for out, layout, autocast, half in zip(expected, by_layout, by_autocast, by_half):
        torch.testing.assert_close(layout, out)
        assert (autocast.float() - out).abs().max() < 0.05 * out.abs().max()
        assert (half.float() - out).abs().max() < 0.01 * out.abs().max()


@pytest.mark.slow
def test_centernet_compiles_whole_with_the_same_gradients():
    model, inputs = neck('centernet').eval(), features((48, 64))
    expected = model(inputs)[0]
    expected.square().sum().backward()
    gradients = [parameter.grad for parameter in model.parameters()]
    model.zero_grad()
    compiled = torch.compile(model, fullgraph=True, backend='aot_eager')(inputs)[0]
    compiled.square().sum().backward()
    torch.testing.assert_close(compiled, expected)
    torch.testing.assert_close([parameter.grad for parameter in model.parameters()], gradients, rtol=1e-3, atol=1e-3)
    exported = torch.export.export(model, (inputs,)).module()
    torch.testing.assert_close(exported(inputs)[0], expected)


def test_a_whole_model_of_ours_gives_the_neck_its_part():
    saved = {f'neck.{key}': value for key, value in neck('pyramid').state_dict().items()}
    model = IDAUp(CHANNELS, 12, num_outs=5)
    model.load_state_dict(saved | {'backbone.x': None, 'bbox_head.x': None})
    assert all(torch.equal(value, saved[f'neck.{key}']) for key, value in model.state_dict().items())


@pytest.mark.parametrize('name, arguments, named', [
    ('dla34up_stride4', PUBLISHED['dla34up_stride2'], 'missing: dla_up.idas.3'),
    ('dla34up_stride2', PUBLISHED['dla34up_stride4'], 'unexpected: dla_up.idas.3'),
    ('centernet_dla34', PUBLISHED['centernet_dla34'] | dict(include_coarsest=True), 'missing: ida_up.proj.3'),
    ('dla34up_stride4', PUBLISHED['dla34up_stride4'] | dict(out_channels=32), 'of another shape: dla_up.idas.2'),
])
def test_a_checkpoint_that_does_not_fit_is_an_error_that_names_keys(name, arguments, named):
    with pytest.raises(CheckpointError, match=named):
        IDAUp(**arguments).load_state_dict(golden.state_dict(golden.load(name)), strict=False)


@pytest.mark.parametrize('head, arguments', [
    (dict(type='RPNHead', feat_channels=12,
          anchor_generator=dict(type='AnchorGenerator', scales=[8], ratios=[1.0], strides=[4, 8, 16, 32, 64])),
     'pyramid'),
    (dict(type='RetinaHead', num_classes=3, stacked_convs=1, feat_channels=12,
          anchor_generator=dict(type='AnchorGenerator', scales=[4], ratios=[1.0], strides=[8, 16, 32, 64, 128])),
     'on_output'),
], ids=['RPNHead', 'RetinaHead'])
def test_detection_heads_work_on_the_pyramid(head, arguments):
    outs = MODELS.build(dict(in_channels=12, **head))(neck(arguments)(features((96, 96))))
    assert [score.shape[-1] for score in outs[0]] == [math.ceil(96 / s) for s in head['anchor_generator']['strides']]


@pytest.mark.parametrize('arguments, message', [
    (dict(mode='top-down'), "allowed: 'pyramid', 'finest', 'centernet'"),
    (dict(start_level=3), 'leaves 2 inputs or more'),
    (dict(start_level=2, mode='centernet'), 'leaves 3 inputs or more'),
    (dict(num_outs=3), 'allowed: 4'),
    (dict(num_outs=5, mode='finest'), "num_outs and add_extra_convs are for 'pyramid'"),
    (dict(include_coarsest=True), "include_coarsest is for 'centernet'"),
    (dict(add_extra_convs='on_lateral'), "allowed: False, True, 'on_input', 'on_output'"),
    (dict(in_strides=(4, 8, 16)), 'allowed: 4 strides'),
    (dict(in_strides=(4, 8, 12, 32)), 'multiple of the one before'),
])
def test_a_wrong_argument_says_what_is_allowed(arguments, message):
    with pytest.raises(ValueError, match=message):
        IDAUp(CHANNELS, 12, **arguments)


def test_another_number_of_inputs_is_an_error():
    with pytest.raises(ValueError, match='got 3 inputs; allowed: 4'):
        IDAUp(CHANNELS, 12)(features((64, 64))[:3])


@pytest.mark.parametrize('mode', ['pyramid', 'finest'])
def test_conv_cfg_makes_projections_and_nodes(mode):
    neck = IDAUp(CHANNELS, 16, mode=mode, conv_cfg=dict(type='ConvWS'))
    layers = [*neck.dla_up.idas.modules()]
    convs = [layer for layer in layers if isinstance(layer, torch.nn.Conv2d)]
    assert convs and all(isinstance(conv, ConvWS2d) for conv in convs)
    with pytest.raises(ValueError, match="conv_cfg is for 'pyramid' and 'finest'"):
        IDAUp(CHANNELS, 16, mode='centernet', conv_cfg=dict(type='ConvWS'))
