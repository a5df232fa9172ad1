"""A fast form equals its literal form: outputs and all gradients."""
import copy
import itertools

import pytest
import torch
import torch.nn.functional as F
from forms import TOLERANCE, USES_OF_VALUES, assert_equal, drawn, in_float64, in_sequence, results, with_uses_of_values
from torch._dynamo.backends.common import aot_autograd
from torch._dynamo.testing import AotEagerAndRecordGraphs
from torch._functorch.partitioners import min_cut_rematerialization_partition
from torch._inductor.decomposition import select_decomp_table
from torch.nn.modules.module import register_module_forward_pre_hook
from torch.utils._python_dispatch import TorchDispatchMode

from layeragg_mm.analysis import kept_activations, use_literal_forms
from layeragg_mm.backbones import MRLAResNet, RLAResNet
from layeragg_mm.layers import BaseLayerAttention, LightLayerAttention, Root, Tree
from layeragg_mm.layers.aggregation import BasicBlock, Bottleneck
from layeragg_mm.layers.global_average import GlobalAverage
from layeragg_mm.layers.relu_concat import relu_concat

DEVICES = pytest.mark.parametrize('device', ['cpu', 'cuda'] if torch.cuda.is_available() else ['cpu'])
CASES = pytest.mark.parametrize('size', [(2, 3), (5, 7), (16, 12)])


@CASES
@pytest.mark.parametrize('dtype', TOLERANCE)
@pytest.mark.parametrize('frozen', [True, False], ids=['frozen norm', 'batch statistics'])
@pytest.mark.parametrize('memory_format', [torch.contiguous_format, torch.channels_last])
@DEVICES
def test_light(size, dtype, frozen, memory_format, device):
    module = drawn(LightLayerAttention(64), dtype, device)
    module.norm.train(not frozen)
    inputs = [torch.randn(3, 64, *size, dtype=dtype, device=device).to(memory_format=memory_format).requires_grad_()
              for _ in range(2)]
    ours = results(module, module, inputs)
    literal = use_literal_forms(copy.deepcopy(module))
    expected = results(literal, literal, inputs)
    assert_equal(ours, expected, dtype, results(literal.double(), literal, in_float64(inputs)))


@pytest.mark.parametrize('frozen', [True, False], ids=['frozen norm', 'batch statistics'])
@pytest.mark.parametrize('memory_format', [torch.contiguous_format, torch.channels_last])
def test_light_in_place(frozen, memory_format):
    """Only where gradients are off, and the same values."""
    module = drawn(LightLayerAttention(64), torch.float64)
    module.norm.train(not frozen)
    x, shortcut = (torch.randn(3, 64, 5, 7, dtype=torch.float64).to(memory_format=memory_format) for _ in range(2))
    expected, given = module.forward_literal(x, shortcut), x.clone()
    torch.testing.assert_close(module(x, shortcut, inplace=True), expected)
    with torch.no_grad():
        torch.testing.assert_close(module(x, shortcut), expected)
        assert torch.equal(x, given)
        out = module(x, shortcut, inplace=True)
        torch.testing.assert_close(out, expected)
        assert (out.data_ptr() == x.data_ptr()) is frozen
        assert frozen or torch.equal(x, given)


@pytest.mark.parametrize('everywhere', [False, True])
def test_a_hook_keeps_what_it_saw(everywhere):
    model = MRLAResNet(50, num_stages=1, strides=(1, ), dilations=(1, ), out_indices=(0, ), base_channels=8).eval()
    kept = []

    def keep(module, inputs):
        if isinstance(module, LightLayerAttention):
            kept.append((inputs[0], inputs[0].clone()))

    register = register_module_forward_pre_hook if everywhere else model.layer1[0].mrla.register_forward_pre_hook
    hook = register(keep)
    with torch.no_grad():
        model(torch.randn(1, 3, 32, 32))
    hook.remove()
    assert len(kept) == (3 if everywhere else 1)
    assert all(torch.equal(seen, as_it_was) for seen, as_it_was in kept)


@CASES
@pytest.mark.parametrize('dtype', TOLERANCE)
@pytest.mark.parametrize('frozen', [True, False], ids=['frozen norm', 'batch statistics'])
@pytest.mark.parametrize('earlier', [0, 3])
@pytest.mark.parametrize('memory_format', [torch.contiguous_format, torch.channels_last])
@DEVICES
def test_base(size, dtype, frozen, earlier, memory_format, device):
    module = drawn(BaseLayerAttention(64), dtype, device)
    module.norm.train(not frozen)
    x, *values = (torch.randn(3, 64, *size, dtype=dtype, device=device).to(memory_format=memory_format).requires_grad_()
                  for _ in range(1 + earlier))
    keys = [torch.randn(3, 4, 16, dtype=dtype, device=device).requires_grad_() for _ in values]

    def first_output(forward):
        return lambda x, *rest: forward(x, list(zip(rest[:earlier], rest[earlier:])))[0]

    inputs = [x, *keys, *values]
    ours = results(first_output(module), module, inputs)
    literal = use_literal_forms(copy.deepcopy(module))
    expected = results(first_output(literal), literal, inputs)
    assert_equal(ours, expected, dtype, results(first_output(literal.double()), literal, in_float64(inputs)))


@pytest.mark.parametrize('frozen', [True, False], ids=['frozen norm', 'batch statistics'])
@pytest.mark.parametrize('memory_format', [torch.contiguous_format, torch.channels_last])
@DEVICES
def test_a_stage_of_base(frozen, memory_format, device):
    """Values pass from layer to layer, and gradients come back the same way."""
    layers = torch.nn.ModuleList(drawn(BaseLayerAttention(32), torch.float64, device) for _ in range(6))
    for i, layer in enumerate(layers):
        layer.norm.train(not frozen)
        torch.nn.init.normal_(layer.value.weight, i - 2.)
    x = torch.randn(2, 32, 5, 7, dtype=torch.float64, device=device).to(memory_format=memory_format).requires_grad_()
    literal = use_literal_forms(copy.deepcopy(layers))
    assert_equal(results(in_sequence(layers), layers, [x]), results(in_sequence(literal), literal, [x]), torch.float64)


@pytest.mark.parametrize('use', USES_OF_VALUES)
@DEVICES
def test_values_of_base_that_others_read(use, device):
    layers = torch.nn.ModuleList(drawn(BaseLayerAttention(32), torch.float64, device).eval() for _ in range(2))
    x = torch.randn(2, 32, 5, 7, dtype=torch.float64, device=device, requires_grad=True)
    literal = use_literal_forms(copy.deepcopy(layers))
    ours, expected = (results(with_uses_of_values(each, USES_OF_VALUES[use]), torch.nn.Module(), [x])
                      for each in (layers, literal))
    assert_equal(ours, expected, torch.float64)


def test_the_gradient_of_a_global_average_is_no_map():
    x = torch.randn(2, 3, 5, 7, dtype=torch.float64).to(memory_format=torch.channels_last).requires_grad_()
    pool = GlobalAverage()
    torch.testing.assert_close(pool(x), pool.forward_literal(x))
    torch.autograd.gradcheck(pool, x)
    torch.autograd.gradgradcheck(lambda x: pool(x * x), x)
    grad, = torch.autograd.grad(pool(x).sum(), x)
    assert grad.stride()[2:] == (0, 0)


class NewMaps(TorchDispatchMode):
    """Counts copies of maps of one size, and sums with them that are written elsewhere."""

    def __init__(self, *size: int) -> None:
        super().__init__()
        self.size, self.count = size, 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        operators = torch.ops.aten.clone.default, torch.ops.aten.addcmul.default
        self.count += function in operators and args[0].shape[-2:] == self.size
        return function(*args, **(kwargs or {}))


@DEVICES
def test_gradients_of_values_are_added_up_in_place(device):
    layers = torch.nn.ModuleList(drawn(BaseLayerAttention(32), torch.float32, device).eval() for _ in range(4))
    out = in_sequence(layers)(torch.randn(2, 32, 5, 7, device=device))
    with NewMaps(5, 7) as new_maps:
        out.sum().backward()
    assert new_maps.count == 0


def two_stages(norm: str, style: str, dtype: torch.dtype) -> tuple[RLAResNet, RLAResNet]:
    """A narrow network in its fast and in its literal form; 'partly': norms are frozen in the first stage only."""
    torch.manual_seed(0)
    norm_cfg = dict(type='GN', num_groups=2) if norm == 'GN' else dict(type='BN')
    fast = RLAResNet(50, num_stages=2, strides=(1, 2), dilations=(1, 1), out_indices=(0, 1), base_channels=8,
                     rla_channels=4, norm_cfg=norm_cfg, norm_eval=norm == 'frozen BN',
                     frozen_stages=int(norm == 'partly'), style=style)
    for value in fast.state_dict().values():
        if value.is_floating_point():
            value.uniform_(.5, 1.) if value.ndim == 1 else value.normal_(0, .3)
    fast.to(dtype).train()
    return fast, use_literal_forms(copy.deepcopy(fast))


# The strides of a stage lie in the second (pytorch) or the first convolution (caffe).
NETWORKS = pytest.mark.parametrize(
    'norm, style', list(itertools.product(['frozen BN', 'BN', 'partly', 'GN'], ['pytorch', 'caffe'])))


@pytest.mark.parametrize('size', [(3, 2), (16, 12)], ids=['weights are larger', 'maps are larger'])
@pytest.mark.parametrize('dtype', TOLERANCE)
@NETWORKS
def test_a_recurrent_step(size, dtype, norm, style):
    """From the last block of a stage to the first of the next."""
    fast, literal = two_stages(norm, style, dtype)
    inputs = [torch.randn(2, channels, *size, dtype=dtype, requires_grad=True) for channels in (32, 4)]

    def step(model):
        block, before, here = model.layer2[0], (model.rla[0], 2), (model.rla[1], 0)
        return lambda x, hidden: torch.cat([part.flatten() for part in model._step(block, x, hidden, before, here)])

    def all_results(model, inputs):
        used = torch.nn.ModuleList([model.layer2[0], model.rla[0].project, model.rla[0].recur, model.rla[0].norms[2],
                                    model.rla[1].reads[0]])
        return results(step(model), used, inputs)

    ours, expected = all_results(fast, inputs), all_results(literal, inputs)
    assert_equal(ours, expected, dtype, all_results(literal.double(), in_float64(inputs)))


@pytest.mark.parametrize('size', [(13, 18), (64, 48)], ids=['weights are larger in part', 'maps are larger'])
@NETWORKS
def test_recurrent_stages(size, norm, style):
    fast, literal = two_stages(norm, style, torch.float64)
    x = torch.randn(2, 3, *size, dtype=torch.float64, requires_grad=True)

    def last(model):
        return lambda x: model(x)[-1]

    assert_equal(results(last(fast), fast, [x]), results(last(literal), literal, [x]), torch.float64)


@CASES
@pytest.mark.parametrize('dtype', TOLERANCE)
@pytest.mark.parametrize('frozen', [True, False], ids=['frozen norm', 'batch statistics'])
@pytest.mark.parametrize('residual', [False, True])
@pytest.mark.parametrize('memory_format', [torch.contiguous_format, torch.channels_last])
@DEVICES
def test_a_node(size, dtype, frozen, residual, memory_format, device):
    node = drawn(Root(3 * 8, 8, residual=residual), dtype, device).train(not frozen)
    inputs = [torch.randn(3, 8, *size, dtype=dtype, device=device).to(memory_format=memory_format).requires_grad_()
              for _ in range(3)]
    literal = use_literal_forms(copy.deepcopy(node))

    def of_a_sum(node):  # which may be written to
        return lambda x, *others: node(x + 0, *others)

    ours, expected = (results(of_a_sum(each), each, inputs) for each in (node, literal))
    assert_equal(ours, expected, dtype, results(of_a_sum(literal.double()), literal, in_float64(inputs)))


@pytest.mark.parametrize('block', [BasicBlock, Bottleneck])
@pytest.mark.parametrize('frozen', [True, False], ids=['frozen norm', 'batch statistics'])
@pytest.mark.parametrize('residual', [False, True])
@DEVICES
def test_a_tree(block, frozen, residual, device):
    tree = drawn(Tree(2, block, 4, 8, stride=2, level_root=True, residual_root=residual), torch.float64, device)
    x = torch.randn(3, 4, 15, 14, dtype=torch.float64, device=device, requires_grad=True)
    tree.train(not frozen)
    literal = use_literal_forms(copy.deepcopy(tree))
    assert_equal(results(tree, tree, [x]), results(literal, literal, [x]), torch.float64)


@pytest.mark.parametrize('residual', [False, True])
def test_a_compiled_tree(residual):
    tree = drawn(Tree(2, BasicBlock, 4, 8, level_root=True, residual_root=residual), torch.float64)
    x = torch.randn(2, 4, 5, 7, dtype=torch.float64, requires_grad=True)
    ours = results(torch.compile(tree, fullgraph=True, backend='aot_eager', dynamic=False), tree, [x])
    torch.compiler.reset()
    assert_equal(ours, results(tree, tree, [x]), torch.float64)


def test_a_tree_transforms_and_its_trace_can_be_saved(tmp_path):
    tree = drawn(Tree(2, BasicBlock, 4, 8, level_root=True), torch.float64).eval()
    x = torch.randn(2, 4, 5, 7, dtype=torch.float64, requires_grad=True)
    expected, grad = results(tree, torch.nn.Module(), [x])
    ours = torch.func.grad(lambda x: (tree(x) * torch.linspace(-1, 1, expected.numel()).view_as(expected)).sum())(x)
    torch.testing.assert_close(ours, grad)
    torch.jit.save(torch.jit.trace(tree, x), tmp_path / 'tree.pt')
    torch.testing.assert_close(results(torch.jit.load(tmp_path / 'tree.pt'), torch.nn.Module(), [x]), [expected, grad])


def test_gradients_of_a_relu_and_concatenation():
    x, other = (torch.randn(2, channels, 5, 7, dtype=torch.float64, requires_grad=True) for channels in (3, 4))
    for outputs in (slice(2), slice(1), slice(1, 2)):
        torch.autograd.gradcheck(lambda *maps, outputs=outputs: relu_concat(*maps)[outputs], (x, other))
        torch.autograd.gradgradcheck(lambda *maps, outputs=outputs: relu_concat(*maps)[outputs], (x, other))


def test_what_a_node_reads_is_kept_once():
    weight = torch.randn(2, 7, 1, 1, requires_grad=True)
    x, other = (torch.randn(2, channels, 5, 7, requires_grad=True) for channels in (3, 4))

    def node(x, other):
        return F.conv2d(relu_concat(x, other)[0], weight)

    concatenation, size_of_float = 2 * (3 + 4) * 5 * 7, 4
    assert kept_activations(lambda: node(2 * x, other)) == (concatenation + weight.numel()) * size_of_float
    with torch.autocast('cpu', torch.bfloat16):  # the convolution keeps smaller copies
        relu = 2 * 3 * 5 * 7
        assert kept_activations(lambda: node(2 * x, other)) == (
            relu * size_of_float + (concatenation + weight.numel()) * size_of_float // 2)


def test_a_compiled_node_keeps_no_mask():
    x, other = (torch.randn(2, channels, 5, 7, requires_grad=True) for channels in (3, 4))
    kept = []

    def record(graph, inputs):
        kept.append([value.meta['val'].dtype for value in graph.graph.output_node().args[0]])
        return graph.forward

    backend = aot_autograd(fw_compiler=record, bw_compiler=lambda graph, inputs: graph.forward,
                           decompositions=select_decomp_table(), partition_fn=min_cut_rematerialization_partition)
    weight = torch.randn(2, 7, 1, 1, requires_grad=True)
    node = torch.compile(lambda *maps: F.conv2d(relu_concat(*maps)[0], weight), backend=backend, fullgraph=True)
    out = node(x, other)
    torch.compiler.reset()
    out.sum().backward()
    assert kept and set(kept[0]) == {torch.float32}


@pytest.mark.parametrize('frozen', [True, False], ids=['frozen norm', 'batch statistics'])
@pytest.mark.parametrize('memory_format', [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize('attention', [LightLayerAttention, BaseLayerAttention])
@DEVICES
def test_compiled(attention, frozen, memory_format, device):
    module = drawn(attention(64), torch.float64, device)
    module.norm.train(not frozen)
    inputs = [torch.randn(3, 64, 5, 7, dtype=torch.float64, device=device).to(memory_format=memory_format)
              .requires_grad_() for _ in range(2)]

    def forward(x, shortcut):
        if attention is LightLayerAttention:
            return module(x, shortcut)
        _, history = module(shortcut)
        return module(x, history)[0]

    operator = 'depthwise_conv'
    if attention is LightLayerAttention:
        operator = 'attended_sum' if device == 'cuda' else 'depthwise_sum'
    graphs = AotEagerAndRecordGraphs()
    ours = results(torch.compile(forward, fullgraph=True, backend=graphs, dynamic=False), module, inputs)
    torch.compiler.reset()
    assert_equal(ours, results(forward, module, inputs), torch.float64)
    assert ours[0].stride() == ours[1].stride() == inputs[0].stride()
    for graph in (*graphs.fw_graphs, *graphs.bw_graphs):
        assert f'layeragg_mm.{operator}' in graph.code


def test_a_compiled_depthwise_convolution_under_autocast_and_with_frozen_weights():
    module = LightLayerAttention(64).value.requires_grad_(False)
    x = torch.randn(2, 64, 5, 7).requires_grad_()

    def forward(x):
        with torch.autocast('cpu', torch.bfloat16):
            return module(x)

    outs = [f(x) for f in (torch.compile(forward, fullgraph=True, backend='aot_eager'), forward)]
    torch.compiler.reset()
    assert outs[0].dtype == outs[1].dtype == torch.bfloat16
    torch.testing.assert_close(*outs)
    torch.testing.assert_close(*(torch.autograd.grad(out.float().square().sum(), x)[0] for out in outs))


@pytest.mark.parametrize('frozen', [True, False], ids=['frozen norm', 'batch statistics'])
def test_compiled_light_under_autocast(frozen):
    module = drawn(LightLayerAttention(64), torch.float32)
    module.norm.train(not frozen)
    inputs = [torch.randn(2, 64, 5, 7).requires_grad_() for _ in range(2)]

    def forward(*inputs):
        with torch.autocast('cpu', torch.bfloat16):
            return module(*inputs)

    ours, eager = (results(f, module, inputs)
                   for f in (torch.compile(forward, fullgraph=True, backend='aot_eager', dynamic=False), forward))
    torch.compiler.reset()
    for one, other in zip(ours, eager, strict=True):
        assert one.dtype == other.dtype
        torch.testing.assert_close(one, other, rtol=0, atol=.02 * other.abs().max().item())


@pytest.mark.parametrize('x', [
    torch.randn(2, 4, 5, 6), torch.randn(2, 5, 6, 4).permute(0, 3, 1, 2), torch.randn(2, 4, 6, 5).mT,
    torch.randn(1, 4, 5, 6).expand(2, -1, -1, -1)
], ids=['contiguous', 'channels_last', 'transposed', 'expanded'])
def test_the_operators_say_their_layout(x):
    weight, kernels, scale, bias = (
        torch.randn(*shape, requires_grad=True) for shape in [(4, 1, 3, 3), (2, 4, 1, 3, 3), (4, 1, 1), (4,)])
    z = torch.randn(x.shape, requires_grad=True)
    torch.library.opcheck(torch.ops.layeragg_mm.depthwise_conv.default, (x.requires_grad_(), weight))
    for arguments in ((x, kernels, bias, scale, z), (z, kernels, None, scale, x)):
        torch.library.opcheck(torch.ops.layeragg_mm.depthwise_sum.default, arguments)
