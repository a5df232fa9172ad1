"""Frozen batch norm as the affine map that it is, and joined to the convolution before it."""
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from .recording import is_recorded

__all__ = ['Affine', 'ConvSequential', 'affine_of_frozen', 'affines_at_once', 'apply_in_sequence', 'conv_norm',
           'is_plain', 'map_is_larger', 'scaled']

# For each module of affines_at_once the norms that were asked for, as keys, in their order.
_asked_before: WeakKeyDictionary[nn.Module, WeakKeyDictionary[nn.Module, bool]] = WeakKeyDictionary()
_known: ContextVar[tuple | None] = ContextVar('_known', default=None)


class Affine(nn.Module):
    """A frozen norm reduced to what it computes, ``s z + b``, with s and b (C,) as parameters weight and bias."""

    def __init__(self, scale: Tensor, shift: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(scale.detach())
        self.bias = nn.Parameter(shift.detach())

    def forward(self, x: Tensor) -> Tensor:
        return torch.addcmul(self.bias[:, None, None], self.weight[:, None, None], x)


def affine_of_frozen(norm: nn.Module) -> tuple[Tensor, Tensor] | None:
    """Return scale s and shift b, both (C,), of a frozen norm, ``norm(z) = s z + b``; None of another norm.

    A batch norm in evaluation mode uses its running statistics, as detectors train it (``norm_eval=True``): then
    ``s = weight / sqrt(running_var + eps)``, ``b = bias - s * running_mean``. Gradients reach weight and bias.
    """
    if isinstance(norm, Affine):
        return norm.weight, norm.bias
    if not is_frozen(norm):
        return None
    return _known_affine(norm) or _affine(norm.weight, norm.bias, norm.running_mean, norm.running_var, norm.eps)


def is_frozen(norm: nn.Module) -> bool:
    """Whether ``norm`` is a batch norm with weight and bias that uses its running statistics."""
    return isinstance(norm, _BatchNorm) and norm.affine and not norm.training and norm.running_mean is not None


def _affine(weight: Tensor, bias: Tensor, mean: Tensor, var: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    scale = weight * torch.rsqrt(var + eps)
    return scale, bias - scale * mean


def affines_at_once(module: nn.Module) -> AbstractContextManager[None]:
    """Let :func:`affine_of_frozen` take the affines of the norms in ``module`` from one computation.

    One by one they are some six operators a norm, forward and backward, each of a few numbers: on a GPU, at a small
    batch, as much time as the network itself. The norms are those that were asked for before, so that none gets a
    gradient that is not used. One by one they stay for torch.compile, which joins them by itself, and where each time
    has to compute the same: in a trace, and in gradient checkpointing.
    """
    return nullcontext() if is_recorded() or _is_checkpointing() else _affines_at_once(module)


@contextmanager
def _affines_at_once(module: nn.Module) -> Iterator[None]:
    asked = _asked_before.setdefault(module, WeakKeyDictionary())
    groups = defaultdict(dict)
    for norm in asked:
        if is_frozen(norm):
            weight, bias = norm.weight, norm.bias
            if weight.numel() == norm.num_features:  # whole: FSDP shares out parameters
                # Apart by what needs gradients: what is joined needs them together.
                kind = weight.requires_grad, bias.requires_grad, weight.dtype, weight.device, norm.eps
                groups[kind][norm] = weight, bias, norm.running_mean, norm.running_var
    affines = {}
    for (*_, eps), tensors in groups.items():
        sizes = [norm.num_features for norm in tensors]
        scales, shifts = _affine(*map(torch.cat, zip(*tensors.values())), eps)
        affines.update(zip(tensors, zip(scales.split(sizes), shifts.split(sizes))))
    token = _known.set((affines, asked))
    try:
        yield
    finally:
        _known.reset(token)


def _known_affine(norm: nn.Module) -> tuple[Tensor, Tensor] | None:
    known = None if torch.compiler.is_compiling() else _known.get()
    if known is None or _is_checkpointing():
        return None
    affines, asked = known
    affine = affines.get(norm)
    if affine is None:
        asked[norm] = True
    return affine


def _is_checkpointing() -> bool:
    """Whether autograd gives what it keeps to hooks, as gradient checkpointing has it; torch tells it nowhere else."""
    return torch._C._autograd._top_saved_tensors_default_hooks(True) is not None


def is_plain(conv: nn.Module) -> bool:
    """Whether ``conv`` computes nothing but its convolution: no hook before it makes its weights (spectral norm)."""
    return type(conv) is nn.Conv2d and not conv._forward_pre_hooks


def map_is_larger(conv: nn.Module, x: Tensor) -> bool:
    """Whether ``conv(x)``, of a plain convolution, has more elements than the convolution's weights."""
    if not is_plain(conv):
        return False
    pixels_read = x.numel() // conv.in_channels  # each channel of the result has one a stride, and its weights
    return pixels_read > math.prod((*conv.kernel_size, *conv.stride)) * conv.in_channels // conv.groups


def scaled(conv: nn.Module, scale: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:
    """Return weight and bias of the convolution ``scale conv(x) + shift``."""
    bias = shift if conv.bias is None else torch.addcmul(shift, scale, conv.bias)
    return scale.view(-1, 1, 1, 1) * conv.weight, bias


def conv_norm(norm: nn.Module, conv: nn.Module, x: Tensor) -> Tensor:
    """Return ``norm(conv(x))``.

    Where the norm is frozen, ``s (W x + c) + b = (s W) x + (s c + b)``: the norm is a product with the weights. The
    map before the norm is not written, read once more, and kept for the backward pass; autograd finds the norm's
    gradients through the weights. This is done where the map is larger than the weights.
    """
    affine = affine_of_frozen(norm) if map_is_larger(conv, x) else None
    return norm(conv(x)) if affine is None else conv._conv_forward(x, *scaled(conv, *affine))


def apply_in_sequence(layers: Iterable[nn.Module], x: Tensor) -> Tensor:
    """Apply layers one after another, a frozen norm together with the convolution before it (:func:`conv_norm`)."""
    layers = list(layers)
    while layers:
        layer = layers.pop(0)
        normed = layers and isinstance(layers[0], _BatchNorm)
        x = conv_norm(layers.pop(0), layer, x) if normed else layer(x)
    return x


class ConvSequential(nn.Sequential):
    """A Sequential that joins frozen norms to the convolutions before them."""

    def forward(self, x: Tensor) -> Tensor:
        return apply_in_sequence(self, x)
