"""The parsing head of PyConvSegNet equals the authors', and takes its part of their file."""
import golden
import pytest
import torch
from mmengine.registry import MODELS

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


def test_trains_with_a_small_map():
    head = build().train()
    head([torch.randn(2, 256, 5, 7)]).square().sum().backward()
    assert all(parameter.grad is not None for parameter in head.parameters())


def test_bad_channels():
    with pytest.raises(ValueError, match='in_channels=128'):
        MODELS.build(dict(type='PyConvHead', in_channels=128, num_classes=5))
