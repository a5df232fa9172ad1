"""The parsing head of PyConvSegNet equals the authors', and takes its part of their file, as the whole network does."""
import re

import golden
import pytest
import torch
from conftest import CONFIGS
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope
from mmengine.runner import load_state_dict

import layeragg_mm.segmentation  # noqa: F401  (registers)
from layeragg_mm.checkpoints import CheckpointError


def build(**kwargs):
    return MODELS.build(dict(type='PyConvHead', in_channels=256, channels=32, num_classes=5, align_corners=True,
                             **kwargs)).eval()


def test_golden_feature():
    description = golden.load('pyconv_head')
    head = build().double()
    head.load_state_dict(golden.state_dict(description), strict=False)  # there is no classifier
    x = golden.image(description['input']).requires_grad_()
    feature = head.feature([x])
    golden.check(feature, description['outputs']['feature'], 1e-8)
    golden.objective([feature]).backward()
    golden.check(x.grad, description['grad_input'], 1e-8)


def test_takes_its_part_of_a_released_file():
    state = golden.state_dict(golden.load('pyconv_head'))
    released = {f'module.pyconvhead.{key}': value for key, value in state.items()}
    released |= {f'module.{key}': torch.ones(1) for key in ('layer0.0.weight', 'layer1.0.conv1.weight', 'aux.0.weight')}
    released |= {'module.cls.1.weight': torch.randn(5, 32, 1, 1), 'module.cls.1.bias': torch.randn(5)}
    head = build()
    head.load_state_dict(dict(state_dict=released))
    assert torch.equal(head.conv_seg.bias, released['module.cls.1.bias'])
    level = head.local_context.layers[3].pyconv_levels[1].weight
    assert torch.equal(level, state['local_context.layers.3.conv2_2.weight'].float())
    del released['module.pyconvhead.merge_context.features.0.weight']
    with pytest.raises(CheckpointError, match='missing: merge_context'):
        head.load_state_dict(dict(state_dict=released))


def test_the_whole_released_network_loads():
    """Backbone, parsing head, its classifier and the auxiliary head, each from its place in the file."""
    init_default_scope('mmseg')
    cfg = Config.fromfile(CONFIGS / 'pyconvsegnet_r50_ade20k.py').model
    cfg.backbone.init_cfg = None
    model = MODELS.build(cfg).eval()
    own, released = dict(model.state_dict()), {}
    names = {'backbone.conv1': 'layer0.0', 'backbone.bn1': 'layer0.1', 'backbone': '', 'decode_head.conv_seg': 'cls.1',
             'decode_head': 'pyconvhead', 'auxiliary_head.convs.0.conv': 'aux.0', 'auxiliary_head.convs.0.bn': 'aux.1',
             'auxiliary_head.conv_seg': 'aux.4'}
    for key, value in own.items():
        part = next(part for part in names if key.startswith(f'{part}.'))
        key = re.sub(r'pyconv_levels\.(\d)', lambda level: f'conv2_{int(level[1]) + 1}', key.removeprefix(f'{part}.'))
        value = value if value.dtype == torch.int64 else torch.rand_like(value)
        released[f'{names[part]}.{key}'.lstrip('.')] = value
    assert {key.split('.')[0] for key in released} == {*(f'layer{i}' for i in range(5)), 'pyconvhead', 'cls', 'aux'}
    load_state_dict(model, released, strict=True)
    loaded = model.state_dict()
    for ours, theirs in [('backbone.conv1.weight', 'layer0.0.weight'),
                         ('backbone.layer1.0.conv2.pyconv_levels.3.weight', 'layer1.0.conv2.conv2_4.weight'),
                         ('backbone.layer4.0.downsample.1.weight', 'layer4.0.downsample.1.weight'),
                         ('decode_head.local_context.layers.3.pyconv_levels.0.weight',
                          'pyconvhead.local_context.layers.3.conv2_1.weight'),
                         ('decode_head.conv_seg.bias', 'cls.1.bias'),
                         ('auxiliary_head.convs.0.bn.running_var', 'aux.1.running_var'),
                         ('auxiliary_head.conv_seg.weight', 'aux.4.weight')]:
        assert torch.equal(loaded[ours], released[theirs]), ours


def test_trains_with_a_small_map():
    head = build().train()
    head([torch.randn(2, 256, 5, 7)]).square().sum().backward()
    assert all(parameter.grad is not None for parameter in head.parameters())


def test_bad_channels():
    with pytest.raises(ValueError, match='in_channels=128'):
        MODELS.build(dict(type='PyConvHead', in_channels=128, num_classes=5))
