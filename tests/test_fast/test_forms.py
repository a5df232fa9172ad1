"""A fast form equals its equation: outputs and all gradients. A form joins by being listed in ``CASES``."""
import copy
import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import pytest
import torch
from forms import TOLERANCE, assert_equal, drawn, in_float64, results
from torch import nn

from layeragg_mm.analysis import kept_activations
from layeragg_mm.backbones import FastResNet, MRLAResNet, RLAResNet
from layeragg_mm.fast import FORMS, fast_forms
from layeragg_mm.layers import (
    BaseLayerAttention,
    DOConv2d,
    LightLayerAttention,
    PSConv2d,
    Root,
    Tree,
    WeightNetConv2d,
)
from layeragg_mm.layers.conv_norm import ConvSequential, conv_norm, in_sequence
from layeragg_mm.layers.dla import BasicBlock, Bottleneck
from layeragg_mm.layers.forms import switch_by_environment
from layeragg_mm.layers.weight_net import WeightNetShuffleBlock, gated_and_normed

DEVICES = ['cpu', 'cuda'] if torch.cuda.is_available() else ['cpu']


class Case(NamedTuple):
    """What is computed: ``forward(module)(*inputs)`` of inputs with these shapes; what is deep in float64 alone."""
    build: Callable[[], nn.Module]
    shapes: Sequence[tuple[int, ...]]
    forward: Callable[[nn.Module], Callable] = lambda module: module
    deep: bool = False


def in_turn(layers: Iterable[nn.Module]) -> Callable[[torch.Tensor], torch.Tensor]:
    """MRLA-base's layers of a stage: the history passes from one to the next."""

    def forward(x: torch.Tensor) -> torch.Tensor:
        history = ()
        for layer in layers:
            x, history = layer(x, history)
        return x

    return forward


def stages(norm: str = 'BN', style: str = 'pytorch', depth: int = 50, family: type = RLAResNet, **kwargs) -> Case:
    """Two narrow stages of a network, from images to the last output."""
    norm_cfg = dict(type='GN', num_groups=2) if norm == 'GN' else dict(type='BN')
    return Case(lambda: family(depth, num_stages=2, strides=(1, 2), dilations=(1, 1), out_indices=(1,),
                               base_channels=32, stem_channels=16, norm_cfg=norm_cfg, norm_eval=False, style=style,
                               **kwargs),
                [(2, 3, 23, 34)], lambda network: lambda x: network(x)[0], deep=True)


def compiled(layer: nn.Module) -> Callable[..., torch.Tensor]:
    """The layer's graphs, forward and backward, run operator by operator."""
    torch.compiler.reset()
    return torch.compile(layer, fullgraph=True, backend='aot_eager', dynamic=False)


def pair(*modules: nn.Module) -> nn.Sequential:
    return nn.Sequential(*modules)


def weight_nets(*kernels: int, norm: Callable[[int], nn.Module] = nn.BatchNorm2d) -> nn.ModuleList:
    """Convolutions (3x3 depthwise) that read what a block has pooled, each with its norm."""
    return nn.ModuleList(pair(WeightNetConv2d(8, 8, kernel, padding=kernel // 2, groups=1 if kernel == 1 else 8,
                                              reduced_channels=4), norm(8)) for kernel in kernels)


def in_pairs(layers: nn.ModuleList) -> Callable[..., torch.Tensor]:
    return lambda x, pooled: gated_and_normed([tuple(layer) for layer in layers], x, pooled).relu_()


WEIGHT_NETS = [(3, 8, 5, 7), (3, 4, 1, 1)]
MAPS = [(3, 64, 5, 7), (3, 64, 5, 7)]
CASES = {
    'frozen_norm': {
        '1x1': Case(lambda: pair(nn.Conv2d(4, 6, 1, bias=False), nn.BatchNorm2d(6)), [(2, 4, 9, 8)],
                    lambda layers: lambda x: conv_norm(*layers, x)),
        '3x3, groups, bias': Case(lambda: pair(nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=2), nn.BatchNorm2d(6)),
                                  [(2, 4, 19, 18)], lambda layers: lambda x: conv_norm(*layers, x)),
        **{kind.__name__: Case(lambda kind=kind: pair(kind(8, 8, 3, padding=1), nn.BatchNorm2d(8)), [(2, 8, 9, 11)],
                               lambda layers: lambda x: conv_norm(*layers, x))
           for kind in (DOConv2d, PSConv2d, WeightNetConv2d)},
        'weights are larger': Case(lambda: pair(nn.Conv2d(4, 6, 3), nn.BatchNorm2d(6)), [(2, 4, 3, 3)],
                                   lambda layers: lambda x: conv_norm(*layers, x)),
        'with what is read': Case(lambda: pair(nn.Conv2d(4, 6, 1), nn.BatchNorm2d(6)), [(2, 4, 9, 8), (2, 6, 9, 8)],
                                  lambda layers: lambda x, read: conv_norm(*layers, x, read)),
        'reflecting': Case(lambda: pair(nn.Conv2d(4, 6, 3, padding=1, padding_mode='reflect'), nn.BatchNorm2d(6)),
                           [(2, 4, 9, 8)], lambda layers: lambda x: conv_norm(*layers, x)),
        'another norm': Case(lambda: pair(nn.Conv2d(4, 6, 1), nn.GroupNorm(2, 6)), [(2, 4, 9, 8)],
                             lambda layers: lambda x: conv_norm(*layers, x)),
        'sequence': Case(lambda: pair(nn.AvgPool2d(2), nn.Conv2d(4, 6, 1), nn.BatchNorm2d(6), nn.ReLU(),
                                      nn.Conv2d(6, 2, 1), nn.BatchNorm2d(2)), [(2, 4, 19, 18)],
                         lambda layers: lambda x: in_sequence(layers, x)),
        'own sequence': Case(lambda: ConvSequential(nn.Conv2d(4, 6, 1), nn.BatchNorm2d(6), nn.ReLU()), [(2, 4, 9, 8)]),
        'node': Case(lambda: Root(16, 8), [(3, 8, 5, 7)] * 2),
        'residual node': Case(lambda: Root(16, 8, residual=True), [(3, 8, 5, 7)] * 2),
        **{f'tree of {block.__name__}': Case(
            lambda block=block: Tree(2, block, 4, 8, stride=2, level_root=True), [(3, 4, 15, 14)], deep=True)
           for block in (BasicBlock, Bottleneck)},
        'basic blocks': stages(depth=18, family=MRLAResNet),
        'deep stem': stages(family=MRLAResNet, deep_stem=True, avg_down=True),
    },
    'light_attention': {
        **{f'{height}x{width}': Case(lambda: LightLayerAttention(64), [(3, 64, height, width)] * 2)
           for height, width in ((2, 3), (5, 7), (16, 12))},
        'another norm': Case(lambda: LightLayerAttention(64, norm=lambda channels: nn.GroupNorm(4, channels)), MAPS),
        'heads': Case(lambda: LightLayerAttention(64, channels_per_head=16), MAPS),
    },
    'compiled_value': {
        'light': Case(lambda: LightLayerAttention(64), MAPS, compiled),
        'base': Case(lambda: BaseLayerAttention(64), MAPS[:1], lambda layer: compiled(in_turn([layer]))),
    },
    'history_sum': {
        **{f'{count} of {height}x{width}': Case(
            lambda count=count: nn.ModuleList(BaseLayerAttention(64) for _ in range(count)), [(3, 64, height, width)],
            in_turn, deep=count > 2)
           for count, (height, width) in ((1, (5, 7)), (2, (2, 3)), (4, (16, 12)), (6, (5, 7)))},
        'activation': Case(lambda: nn.ModuleList(BaseLayerAttention(64, act=nn.ReLU(), zero_init=False)
                                                 for _ in range(2)), MAPS[:1], in_turn),
    },
    'joint_projection': {
        **{f'{norm}, {style}': stages(norm, style)  # strides lie in the second (pytorch) or the first convolution
           for norm, style in itertools.product(['BN', 'GN'], ['pytorch', 'caffe'])},
        'basic blocks': stages(depth=18),
        'channel attention': stages(attention='eca'),
    },
    'poly_scale': {
        'bias': Case(lambda: PSConv2d(8, 12, 3, padding=1), [(2, 8, 9, 11)]),
        'weight is larger': Case(lambda: PSConv2d(8, 12, 3, padding=1, bias=False), [(1, 8, 3, 5)]),
        'stride': Case(lambda: PSConv2d(8, 12, 3, stride=2, padding=1), [(2, 8, 10, 11)]),
        'stride that divides one rate': Case(
            lambda: PSConv2d(8, 12, 3, stride=2, padding=1, rates=(1, 3, 4)), [(2, 8, 10, 11)]),
        'stride that divides all': Case(
            lambda: PSConv2d(8, 12, 3, stride=(2, 1), padding=2, dilation=2), [(2, 8, 9, 11)]),
        'groups': Case(lambda: PSConv2d(16, 16, 3, padding=1, groups=2), [(2, 16, 5, 7)]),
        'network': stages(family=FastResNet, dcn=dict(type='PSConv2d'), stage_with_dcn=(True, True)),
    },
    'image_kernels': {
        '1x1': Case(lambda: WeightNetConv2d(8, 6, 1), [(3, 8, 5, 7)]),
        '3x3': Case(lambda: WeightNetConv2d(8, 6, 3, stride=2, padding=1, bias=False), [(3, 8, 5, 7)]),
        'depthwise': Case(lambda: WeightNetConv2d(8, 8, 3, padding=1, groups=8), [(3, 8, 5, 7)]),
        'depthwise last': Case(lambda: weight_nets(1, 3), WEIGHT_NETS, in_pairs, deep=True),
        # A bias before batch statistics has no gradient but what is rounded.
        'depthwise before 1x1': Case(lambda: weight_nets(3, 1), WEIGHT_NETS, in_pairs, deep=True),
        'fused': Case(lambda: weight_nets(3, 1, norm=nn.Identity), WEIGHT_NETS, in_pairs),
        **{f'block of stride {stride}': Case(lambda stride=stride: WeightNetShuffleBlock(
            16, 16 * stride, stride, nn.BatchNorm2d), [(3, 16, 5, 7)], deep=True) for stride in (1, 2)},
    },
    'kernel_product': {
        '3x3': Case(lambda: DOConv2d(6, 8, 3, padding=1), [(2, 6, 9, 8)]),
        'groups, in channels_last': Case(lambda: DOConv2d(6, 8, 3, groups=2), [(2, 6, 9, 8)],
                                         lambda conv: lambda x: conv(x.contiguous(memory_format=torch.channels_last))),
    },
    'channels_last': {
        'RLA': stages(),
        'MRLA': stages(family=MRLAResNet),
        'MRLA-base': stages(family=MRLAResNet, variant='base'),
    },
}
EVERY_CASE = pytest.mark.parametrize(
    'form, case', [pytest.param(form, case, id=f'{form}: {name}') for form, cases in CASES.items()
                   for name, case in cases.items()])


def test_every_form_is_listed():
    assert list(CASES) and set(CASES) == set(FORMS)


@EVERY_CASE
@pytest.mark.parametrize('dtype', TOLERANCE)
@pytest.mark.parametrize('frozen', [True, False], ids=['frozen norm', 'batch statistics'])
@pytest.mark.parametrize('memory_format', [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize('device', DEVICES)
def test_a_form_equals_its_equation(form, case, dtype, frozen, memory_format, device):
    if case.deep and dtype == torch.float32:
        pytest.skip('rounding grows with depth; the layers have been compared')
    module = drawn(case.build(), dtype, device)
    module.train(not frozen)
    inputs = [torch.randn(shape, dtype=dtype, device=device).to(memory_format=memory_format).requires_grad_()
              for shape in case.shapes]
    with fast_forms(form):
        ours = results(case.forward(module), module, inputs)
    with fast_forms(False):
        expected = results(case.forward(module), module, inputs)
        exact = copy.deepcopy(module).double()
        true = results(case.forward(exact), exact, in_float64(inputs))
    assert_equal(ours, expected, dtype, true)


# Of two of MRLA-base's layers: what else may be done with the values (weights w) than the next layer does with them.
USES_OF_VALUES = {
    'a value with the output': lambda out, first, second, w: (out + first) * w,
    'two values': lambda out, first, second, w: (first + second) * w + out,
    'a value twice': lambda out, first, second, w: (first + first * w) * w + out * w,
    'a value with what made it': lambda out, first, second, w: (second + w * w.detach()) * w + out,
    'sums': lambda out, first, second, w: (out.sum() + first.sum() + second.sum() * w).sum(),
    'values without the output': lambda out, first, second, w: (first + second) * w,
}


@pytest.mark.parametrize('use', USES_OF_VALUES)
@pytest.mark.parametrize('device', DEVICES)
def test_values_of_base_that_others_read(use, device):
    one, other = (drawn(BaseLayerAttention(32), torch.float64, device).eval() for _ in range(2))
    x = torch.randn(2, 32, 5, 7, dtype=torch.float64, device=device, requires_grad=True)

    def forward(x: torch.Tensor) -> torch.Tensor:
        out, history = other(*one(x))
        (_, first), (_, second) = history
        return USES_OF_VALUES[use](out, first, second, x)

    with fast_forms('history_sum'):
        ours = results(forward, nn.Module(), [x])
    with fast_forms(False):
        expected = results(forward, nn.Module(), [x])
    assert_equal(ours, expected, torch.float64)


@pytest.mark.parametrize('form, name, size', [
    ('frozen_norm', '1x1', 16), ('light_attention', '16x12', 16), ('history_sum', '4 of 16x12', 16),
    ('joint_projection', 'BN, pytorch', 160)])
def test_a_form_keeps_less_where_it_is_on_and_nowhere_else(form, name, size):
    case = CASES[form][name]
    module = drawn(case.build(), torch.float32).eval()

    def kept() -> int:
        inputs = [torch.randn(*shape[:2], size, size, requires_grad=True) for shape in case.shapes]
        return kept_activations(lambda: case.forward(module)(*inputs))

    by_default = kept()
    with fast_forms(False):
        literal = kept()
    with fast_forms(*(set(FORMS) - {form})):
        without = kept()
    with fast_forms(form):
        alone = kept()
    assert by_default < without <= literal and alone < literal


def test_the_switch_goes_back_and_names_what_there_is():
    before = {name: form.devices for name, form in FORMS.items()}
    with pytest.raises(ZeroDivisionError), fast_forms(False):
        assert not any(form.devices for form in FORMS.values())
        raise ZeroDivisionError
    with fast_forms('frozen_norm'):
        assert [name for name, form in FORMS.items() if form.devices] == ['frozen_norm']
        assert 'cuda' in FORMS['frozen_norm'].devices
    assert {name: form.devices for name, form in FORMS.items()} == before
    for wrong in (('history',), (), (True, False)):
        with pytest.raises(ValueError, match=r"allowed: True, False, or some of .*'history_sum'"):
            fast_forms(*wrong)


def test_the_environment_switches_too(monkeypatch):
    with fast_forms(True):  # which goes back
        for value, on in (('0', set()), ('history_sum,frozen_norm', {'history_sum', 'frozen_norm'}), ('1', set(FORMS))):
            monkeypatch.setenv('LAYERAGG_FAST', value)
            switch_by_environment()
            assert {name for name, form in FORMS.items() if form.devices} == on
        monkeypatch.setenv('LAYERAGG_FAST', 'fast')
        with pytest.raises(ValueError, match="LAYERAGG_FAST=fast: no fast form is called 'fast'"):
            switch_by_environment()


def test_no_form_is_on_on_a_gpu_by_default():
    assert all(form.default == {'cpu'} for form in FORMS.values())


@pytest.mark.slow
@pytest.mark.parametrize('form', ['light_attention', 'history_sum'])
@pytest.mark.parametrize('frozen', [True, False], ids=['frozen norm', 'batch statistics'])
@pytest.mark.parametrize('memory_format', [torch.contiguous_format, torch.channels_last])
def test_compiled(form, frozen, memory_format):
    case = CASES[form]['5x7' if form == 'light_attention' else '4 of 16x12']
    module = drawn(case.build(), torch.float64).train(not frozen)
    inputs = [torch.randn(shape, dtype=torch.float64).to(memory_format=memory_format).requires_grad_()
              for shape in case.shapes]
    forward = case.forward(module)
    ours = results(torch.compile(forward, fullgraph=True, backend='aot_eager', dynamic=False), module, inputs)
    torch.compiler.reset()
    assert_equal(ours, results(forward, module, inputs), torch.float64)


@pytest.mark.parametrize('training, hooked, expected', [(True, False, 1), (False, False, 0), (True, True, 0)])
def test_compiled_training_alone_has_the_operator(training, hooked, expected):
    layer, called = LightLayerAttention(64), []
    if hooked:
        layer.value.register_forward_hook(lambda *_: None)

    def backend(graph, inputs):
        called.extend(node for node in graph.graph.nodes if 'layeragg_mm.depthwise' in str(node.target))
        return graph

    torch.compiler.reset()
    with torch.set_grad_enabled(training):
        torch.compile(layer, fullgraph=True, backend=backend)(torch.randn(MAPS[0]), torch.randn(MAPS[1]))
    torch.compiler.reset()
    assert len(called) == expected


@pytest.mark.parametrize('form', ['light_attention', 'history_sum', 'frozen_norm'])
@pytest.mark.parametrize('frozen', [True, False], ids=['frozen norm', 'batch statistics'])
def test_under_autocast(form, frozen):
    case = {'light_attention': '5x7', 'history_sum': '2 of 2x3', 'frozen_norm': '1x1'}[form]
    case = CASES[form][case]
    module = drawn(case.build(), torch.float32).train(not frozen)
    inputs = [torch.randn(shape).requires_grad_() for shape in case.shapes]
    forward = case.forward(module)

    def reduced(*inputs):
        with torch.autocast('cpu', torch.bfloat16):
            return forward(*inputs)

    for one, other in zip(results(reduced, module, inputs), results(forward, module, inputs), strict=True):
        torch.testing.assert_close(one.float(), other, rtol=0, atol=.1 * other.abs().max().item())
