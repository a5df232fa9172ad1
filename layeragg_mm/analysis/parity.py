"""Whether fast forms compute what the literal network computes on a device, in the precision that it trains in."""
import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from mmengine.registry import MODELS
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from ..backbones.variants import VARIANTS
from ..fast import FORMS, fast_forms
from .networks import MODULES
from .workload import Setting

__all__ = ['Parity', 'compare_forms']

# Networks that each form has a place in; with all of them on, those that are timed.
NETWORKS = {
    'frozen_norm': ('fast_r50', 'dla34'),
    'light_attention': ('mrla_r50',),
    'history_sum': ('mrla_base_r50',),
    'joint_projection': ('rla_r50',),
    'channels_last': ('rla_r50',),
    'compiled_value': ('mrla_r50',),
    'kernel_product': ('doconv_r50',),
    'poly_scale': ('psconv_r50',),
    'image_kernels': ('weightnet_r50', 'weightnet_shufflenet_v2_1.0x'),
    'all forms': ('fast_r50', 'rla_r50', 'mrla_r50', 'mrla_base_r50', 'dla34'),
}
TWO_STAGES = dict(num_stages=2, strides=(1, 2), dilations=(1, 1), out_indices=(0, 1), norm_eval=True)
LEAST_SCALE = 1e-3  # of the largest tensor's: a gradient that is zero but for rounding has no scale of its own
TOLERANCE = {torch.float32: 1e-5, torch.bfloat16: 2e-2}  # some roundings of each, and on top of it
ROUNDINGS = 3  # times what the literal network is off
TURNED = 1e-4  # what float32 gradients are off by if a ReLU turned
DRAWS = 5


@dataclass
class Parity:
    """How far a form is from the literal network: the largest difference over the largest value, of any one tensor.

    Args:
        form: its name, or 'all forms'.
        network: that computed it.
        dtype: of the computation.
        difference: from the literal network, of outputs and of gradients, as the three that follow.
        literal: how far the literal network is from itself in float64.
        fast: how far the form is from that.
        allowed: for ``fast``.
        used: whether the form took its equation's place; in bfloat16 some leave it to the equation.
        draws: images that were drawn.
        passed: whether ``fast`` is within what is allowed, and, in float32, the form was used.
    """

    form: str
    network: str
    dtype: str
    difference: tuple[float, float]
    literal: tuple[float, float]
    fast: tuple[float, float]
    allowed: tuple[float, float]
    used: bool
    draws: int
    passed: bool


def compare_forms(setting: Setting, track: Callable = lambda steps, description: steps) -> list[Parity]:
    """Hold every form to the literal network: ResNets' first two stages, other networks whole, with drawn weights.

    Frozen batch norm; float32 without TF32, and bfloat16 by autocast. A rounding that turns a ReLU changes gradients by
    much more than it is, in whichever form. So where float32 gradients are off, other images are drawn, ``DRAWS`` at
    most: a form that is wrong is so with all of them. Outputs must be within what is allowed in each draw.

    Args:
        setting: device, size and batch.
        track: as in :func:`compare`.
    """
    rows = [(form, name) for form, names in NETWORKS.items() for name in names]
    with full_float32():
        return [_hold(form, name, dtype, setting) for form, name in track(rows, 'parity') for dtype in TOLERANCE]


def _hold(form: str, name: str, dtype: torch.dtype, setting: Setting) -> Parity:
    network = _drawn(name).to(setting.device)
    exact_network = copy.deepcopy(network).double()
    generator = torch.Generator().manual_seed(0)
    forms = tuple(FORMS) if form == 'all forms' else (form,)
    for draw in range(1, DRAWS + 1):
        images = torch.randn(setting.batch, 3, *setting.size, generator=generator).to(setting.device)
        exact = _results(exact_network, images.double(), torch.float64, ())
        with _Operators() as plain:
            literal = _results(network, images, dtype, ())
        if form == 'compiled_value':
            fast, used = _compiled_results(network, images, dtype, forms)
        else:
            with _Operators() as ours:
                fast = _results(network, images, dtype, forms)
            used = ours.names != plain.names
        rounded, error = _difference(literal, exact, exact), _difference(fast, exact, exact)
        allowed = tuple(TOLERANCE[dtype] + ROUNDINGS * value for value in rounded)
        within = [value <= limit for value, limit in zip(error, allowed)]
        parity = Parity(form, name, str(dtype).removeprefix('torch.'), _difference(fast, literal, exact), rounded,
                        error, allowed, used, draw, all(within) and (used or dtype == torch.bfloat16))
        if dtype == torch.bfloat16 or not within[0] or (within[1] and rounded[1] <= TURNED):
            break
    return parity


def _drawn(name: str) -> nn.Module:
    """Return a network in evaluation mode, none of whose parts is zero as some are initialized."""
    cfg = {**MODULES, **VARIANTS}[name]
    torch.manual_seed(0)
    if 'depth' in cfg:
        cfg = dict(cfg, **TWO_STAGES)
    if 'stage_with_dcn' in cfg:
        cfg['stage_with_dcn'] = cfg['stage_with_dcn'][:2]
    network = MODELS.build(dict(cfg))
    for parameter in network.parameters():
        if parameter.ndim == 1:
            nn.init.normal_(parameter, 1., .3)
        else:
            nn.init.normal_(parameter, 0., parameter[0].numel() ** -.5)
    for norm in network.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.running_mean.normal_()
            norm.running_var.uniform_(.5, 2.)
    network.eval()
    return network


def _results(network: nn.Module, images: Tensor, dtype: torch.dtype, forms: tuple) -> tuple[list, list]:
    """Return outputs, and the gradients of the images and of all parameters."""
    images = images.clone().requires_grad_()
    leaves = [images, *network.parameters()]
    reduced = dtype == torch.bfloat16
    with fast_forms(*forms) if forms else fast_forms(False):
        with torch.autocast(images.device.type, dtype if reduced else None, enabled=reduced):
            outs = network(images)
        weights = [torch.linspace(-1, 1, out.numel(), device=out.device).to(out).view_as(out) for out in outs]
        gradients = torch.autograd.grad(outs, leaves, weights, allow_unused=True)
    return list(outs), [gradient for gradient in gradients if gradient is not None]


def _compiled_results(network: nn.Module, images: Tensor, dtype: torch.dtype, forms: tuple) -> tuple[tuple, bool]:
    """Do so through torch.compile, whose graphs run operator by operator; also tell whether the form is in one."""
    operators = []

    def backend(graph: torch.fx.GraphModule, inputs: list) -> Callable:
        operators.extend(str(node.target) for node in graph.graph.nodes)
        return torch._dynamo.lookup_backend('aot_eager')(graph, inputs)

    torch.compiler.reset()
    compiled = copy.deepcopy(network)
    compiled.compile(backend=backend, dynamic=False)
    results = _results(compiled, images, dtype, forms)
    torch.compiler.reset()
    return results, any('layeragg_mm' in operator for operator in operators)


def _difference(one: tuple[list, list], other: tuple[list, list], exact: tuple[list, list]) -> tuple[float, float]:
    """Return the largest difference of outputs and that of gradients, each tensor's over its largest exact value."""
    differences = []
    for ours, theirs, true in zip(one, other, exact):
        scales = [tensor.abs().max().item() for tensor in true]
        least = LEAST_SCALE * max(scales)
        differences.append(max((a.double() - b.double()).abs().max().item() / max(scale, least)
                               for a, b, scale in zip(ours, theirs, scales, strict=True)))
    return tuple(differences)


class _Operators(TorchDispatchMode):
    """Notes the operators that are run within it, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.names = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        layout = (kwargs or {}).get('memory_format')
        self.names.append((str(func), str(layout)))
        return func(*args, **(kwargs or {}))


@contextmanager
def full_float32() -> Iterator[None]:
    """Within, a GPU's convolutions and products do not round float32 to TF32."""
    backends = torch.backends.cudnn, torch.backends.cuda.matmul
    before = [backend.allow_tf32 for backend in backends]
    for backend in backends:
        backend.allow_tf32 = False
    try:
        yield
    finally:
        for backend, allowed in zip(backends, before):
            backend.allow_tf32 = allowed
