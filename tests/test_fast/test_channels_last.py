"""Backbones compute in channels_last on the CPU, and nobody sees it."""
import pytest
import torch
from mmengine.registry import MODELS

from layeragg_mm.backbones.variants import VARIANTS
from layeragg_mm.fast.channels_last import TILE, reads_channels_last, to_contiguous
from layeragg_mm.layers.forms import fast_forms


@pytest.mark.parametrize('size', [(1, 1), (5, 7), (16, TILE // 16), (19, 41)])
def test_to_contiguous(size):
    x = torch.randn(2, 3, *size).contiguous(memory_format=torch.channels_last).requires_grad_()
    out = to_contiguous(x)
    assert out.is_contiguous() and torch.equal(out, x)
    weight = torch.randn_like(out)
    (out * weight).sum().backward()
    assert torch.equal(x.grad, weight)
    assert torch.autograd.gradcheck(to_contiguous, torch.randn(1, 2, 3, 4, dtype=torch.float64, requires_grad=True))


@pytest.mark.parametrize('compiled', [False, True])
def test_gradients_go_back_as_channels_last(compiled):
    x = torch.randn(2, 3, 5, 7).contiguous(memory_format=torch.channels_last).requires_grad_()
    out = (torch.compile(to_contiguous, fullgraph=True, backend='aot_eager') if compiled else to_contiguous)(x)
    torch.compiler.reset()
    weight = torch.randn_like(out)
    grad, = torch.autograd.grad(out, x, weight)
    assert out.is_contiguous() and weight.is_contiguous() and torch.equal(grad, weight)
    assert grad.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize('name, part', [
    ('rla_r50', 'layer2.1.conv2'), ('mrla_r50', 'layer2.1.conv2'), ('mrla_base_r50', 'layer1.0.conv1'),
    ('dla34', 'level3.tree1.tree1.conv2')])
def test_layout_is_chosen_inside(name, part):
    model = MODELS.build(VARIANTS[name]).eval()
    seen = []
    model.get_submodule(part).register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    x = torch.randn(2, 3, 45, 67)
    with torch.no_grad():
        outs = model(x)
        with fast_forms(False):
            literal = model(x)
    assert [image.is_contiguous() for image in seen] == [False, True]
    for out, expected in zip(outs, literal, strict=True):
        assert out.is_contiguous()
        torch.testing.assert_close(out, expected, rtol=0, atol=1e-5 * max(1., expected.abs().max().item()))


@pytest.mark.parametrize('mode', ['pyramid', 'finest', 'centernet'])
def test_the_neck_too(mode):
    neck = MODELS.build(dict(type='IDAUp', in_channels=[8, 16, 32, 64], out_channels=8, mode=mode)).eval()
    inputs = [torch.randn(2, 8 << i, 37 + 2**i - 1 >> i, 29 + 2**i - 1 >> i) for i in range(4)]
    with torch.no_grad():
        outs = neck(inputs)
        with fast_forms(False):
            literal = neck(inputs)
    for out, expected in zip(outs, literal, strict=True):
        assert out.is_contiguous()
        torch.testing.assert_close(out, expected, rtol=0, atol=1e-5 * max(1., expected.abs().max().item()))


def test_deformable_convolutions_of_mmcv_stay_contiguous():
    model = MODELS.build(dict(VARIANTS['rla_r50'], dcn=dict(type='DCNv2', deform_groups=1),
                              stage_with_dcn=(False, False, False, True)))
    assert not reads_channels_last(model)
    assert reads_channels_last(MODELS.build(VARIANTS['rla_r50']))
