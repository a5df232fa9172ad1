"""The kernels for a GPU equal the literal forms. Without one Triton's interpreter runs them: slowly, on small maps."""
import copy
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from forms import USES_OF_VALUES, assert_equal, drawn, in_sequence, results, with_uses_of_values

from layeragg_mm.analysis import use_literal_forms
from layeragg_mm.layers import BaseLayerAttention, LightLayerAttention, operators

kernels = pytest.importorskip('layeragg_mm.layers.kernels')
tiles = pytest.importorskip('layeragg_mm.layers.kernels.tiles')

DEVICE = 'cuda' if torch.cuda.is_available() else 'cpu'
LAYOUTS = pytest.mark.parametrize('memory_format', [torch.contiguous_format, torch.channels_last])


@pytest.fixture(autouse=True)
def in_use(monkeypatch) -> None:
    monkeypatch.setattr(operators, 'takes_kernels', lambda x: True)
    if DEVICE == 'cpu':  # the interpreter takes its time for each program and each of its steps
        for layout in ('CONTIGUOUS', 'CHANNELS_LAST'):
            monkeypatch.setattr(tiles, layout, tiles.Tile(height=2, width=8, channels=4, steps=2, warps=4))


def test_they_compile_for_a_gpu():
    result = subprocess.run([sys.executable, Path(__file__).parents[1] / 'compile_kernels.py'], capture_output=True,
                            text=True, env=os.environ | dict(TRITON_INTERPRET='0'))
    assert result.returncode == 0, result.stderr
    assert {'_attended_sum', '_attended_sum_backward', '_attended_sum_finish', '_history_sum', '_history_sum_backward',
            '_query_key', '_query_key_backward'} <= set(result.stdout.splitlines())


def maps(count: int, memory_format: torch.memory_format, channels: int = 8) -> list[torch.Tensor]:
    torch.manual_seed(1)
    return [torch.randn(2, channels, 5, 7, dtype=torch.float64, device=DEVICE).to(memory_format=memory_format)
            .requires_grad_() for _ in range(count)]


@LAYOUTS
@pytest.mark.parametrize('frozen', [True, False], ids=['frozen norm', 'batch statistics'])
def test_light(frozen, memory_format):
    module = drawn(LightLayerAttention(8, channels_per_head=4), torch.float64, DEVICE)
    module.norm.train(not frozen)
    literal, inputs = use_literal_forms(copy.deepcopy(module)), maps(2, memory_format)
    assert_equal(results(module, module, inputs), results(literal, literal, inputs), torch.float64)


@LAYOUTS
@pytest.mark.parametrize('frozen', [True, False], ids=['frozen norm', 'batch statistics'])
def test_a_stage_of_base(frozen, memory_format):
    """More layers than one launch adds up."""
    layers = torch.nn.ModuleList(drawn(BaseLayerAttention(8, channels_per_head=4), torch.float64, DEVICE)
                                 for _ in range(kernels.TERMS + 1))
    for i, layer in enumerate(layers):
        layer.norm.train(not frozen)
        torch.nn.init.normal_(layer.value.weight, i - 2.)
    literal, inputs = use_literal_forms(copy.deepcopy(layers)), maps(1, memory_format)
    assert_equal(results(in_sequence(layers), layers, inputs), results(in_sequence(literal), literal, inputs),
                 torch.float64)


@LAYOUTS
def test_a_depthwise_convolution(memory_format):
    x, grad = maps(2, memory_format, channels=3)
    weight = torch.randn(3, 1, 3, 3, dtype=torch.float64, device=DEVICE, requires_grad=True)
    expected = torch.nn.functional.conv2d(x, weight, padding=1, groups=3)
    with torch.no_grad():
        assert_equal([kernels.attended_sum(x, weight), *kernels.depthwise_conv_backward(grad, x, weight)],
                     [expected, *torch.autograd.grad(expected, (x, weight), grad)], torch.float64)


def test_every_type_of_maps_is_computed_in_float32():
    x, weight = torch.randn(1, 2, 4, 4, device=DEVICE), torch.randn(2, 1, 3, 3, device=DEVICE)
    for dtype in (torch.bfloat16, torch.float16):
        out = kernels.attended_sum(x.to(dtype), weight)
        expected = torch.nn.functional.conv2d(x.to(dtype).float(), weight, padding=1, groups=2)
        assert out.dtype == dtype
        torch.testing.assert_close(out, expected.to(dtype))


def test_small_tensors_may_lie_anyhow():
    x, z = maps(2, torch.channels_last)
    weight, attention, scale, z_scale, shift = (
        torch.randn(*shape, dtype=torch.float64, device=DEVICE)
        for shape in [(3, 3, 1, 8), (2, 2), (16,), (8, 1, 1), (8,)])
    strided = weight.permute(3, 2, 0, 1), attention.T, scale[::2]
    with torch.no_grad():
        ours, expected = ([kernels.attended_sum(x, weight, attention, z_scale, z, scale, shift),
                           *kernels.attended_sum_backward(x, x, weight, attention, z_scale, z, scale)]
                          for weight, attention, scale in (strided, [tensor.contiguous() for tensor in strided]))
    assert_equal(ours, expected, torch.float64)


def test_values_whose_gradients_come_from_elsewhere():
    """A value that the next sum does not take: its gradient begins at zero."""
    *values, grad, later = maps(4, torch.channels_last)
    weights = torch.randn(2, 2, 2, dtype=torch.float64, device=DEVICE)
    with torch.no_grad():
        _, _, grads = kernels.history_sum_backward(grad, None, weights, values, [None, later.contiguous()])
        expected = [weight.repeat_interleave(4, 1)[..., None, None] * grad for weight in weights]
    assert_equal(grads, [expected[0], expected[1] + later], torch.float64)


@pytest.mark.parametrize('use', USES_OF_VALUES)
def test_values_that_others_read(use):
    layers = torch.nn.ModuleList(drawn(BaseLayerAttention(8, channels_per_head=4), torch.float64, DEVICE).eval()
                                 for _ in range(2))
    literal, inputs = use_literal_forms(copy.deepcopy(layers)), maps(1, torch.channels_last)
    ours, expected = (results(with_uses_of_values(each, USES_OF_VALUES[use]), torch.nn.Module(), inputs)
                      for each in (layers, literal))
    assert_equal(ours, expected, torch.float64)


@pytest.mark.parametrize('frozen', [True, False], ids=['frozen norm', 'batch statistics'])
def test_the_operators_say_what_they_return(frozen):
    x, z = maps(2, torch.channels_last)
    weight, attention, z_scale, scale, shift, query, key = (
        torch.randn(*shape, dtype=torch.float64, device=DEVICE, requires_grad=True)
        for shape in [(8, 1, 3, 3), (2, 2), (8, 1, 1), (8,), (8,), (1, 1, 3), (1, 1, 3)])
    tests = 'test_schema', 'test_autograd_registration', 'test_faketensor'
    affine = (scale, shift) if frozen else (None, None)
    torch.library.opcheck(torch.ops.layeragg_mm.attended_sum.default, (x, weight, attention, z_scale, z, *affine),
                          test_utils=tests)
    pooled = x.mean((2, 3)).detach().requires_grad_()
    torch.library.opcheck(torch.ops.layeragg_mm.query_key.default, (pooled, query, key), test_utils=tests)


@pytest.mark.parametrize('attention', [LightLayerAttention, BaseLayerAttention])
def test_compiled(attention):
    module = drawn(attention(8, channels_per_head=4), torch.float64, DEVICE).eval()
    inputs = maps(2, torch.channels_last)

    def forward(x, other):
        return module(x, other) if attention is LightLayerAttention else module(x, module(other)[1])[0]

    compiled = torch.compile(forward, fullgraph=True, backend='aot_eager', dynamic=False)
    ours = results(compiled, module, inputs)
    torch.compiler.reset()
    literal = use_literal_forms(copy.deepcopy(module))
    assert_equal(ours, results(lambda x, other: literal(x, other) if attention is LightLayerAttention
                               else literal(x, literal(other)[1])[0], literal, inputs), torch.float64)
