"""MRLA's value, a depthwise convolution, in compiled training on the CPU: an operator that stays as it is.

In its place inductor would copy maps in channels_last to contiguous for the backward pass, which then takes several
times as long. In everything else, and in inference, the equation runs.
"""
import torch
import torch.nn.functional as F
from torch import Tensor

from ..layers.forms import Form, carries_hooks
from ..layers.mrla import LayerAttention
from .light_attention import is_depthwise

__all__ = []

form = Form('compiled_value')


@form.replaces(LayerAttention.value_of)
def value_of(module: LayerAttention, x: Tensor) -> Tensor:
    if (not torch.compiler.is_compiling() or not torch.is_grad_enabled() or x.device.type not in form.devices
            or not is_depthwise(module.value) or carries_hooks(module.value)):
        return NotImplemented
    weight = module.value.weight
    if torch.is_autocast_enabled(x.device.type):  # done for a convolution, not for an operator of ours
        dtype = torch.get_autocast_dtype(x.device.type)
        x, weight = x.to(dtype), weight.to(dtype)
    return depthwise(x, weight)


@torch.library.custom_op('layeragg_mm::depthwise', mutates_args=())
def depthwise(x: Tensor, weight: Tensor) -> Tensor:
    return laid_out_as(x, F.conv2d(x, weight, padding=1, groups=len(weight)))


@torch.library.custom_op('layeragg_mm::depthwise_backward', mutates_args=())
def depthwise_backward(grad: Tensor, x: Tensor, weight: Tensor, needed: list[bool]) -> list[Tensor]:
    grads = torch.ops.aten.convolution_backward(grad, x, weight, None, [1, 1], [1, 1], [1, 1], False, [0, 0],
                                                len(weight), [*needed, False])
    return [laid_out_as(tensor, grad) for tensor, grad, wanted in zip((x, weight), grads, needed) if wanted]


@depthwise.register_fake
def _(x: Tensor, weight: Tensor) -> Tensor:
    return torch.empty_like(x)


@depthwise_backward.register_fake
def _(grad: Tensor, x: Tensor, weight: Tensor, needed: list[bool]) -> list[Tensor]:
    return [torch.empty_like(tensor) for tensor, wanted in zip((x, weight), needed) if wanted]


def differentiate(ctx, grad: Tensor) -> tuple[Tensor | None, ...]:
    needed = list(ctx.needs_input_grad)
    grads = iter(depthwise_backward(grad, *ctx.saved_tensors, needed))
    return tuple(next(grads) if wanted else None for wanted in needed)


depthwise.register_autograd(differentiate, setup_context=lambda ctx, inputs, output: ctx.save_for_backward(*inputs))


def laid_out_as(tensor: Tensor, result: Tensor) -> Tensor:
    """Return ``result`` with the strides of ``torch.empty_like(tensor)``, which the operators' fakes promise."""
    empty = torch.empty_like(tensor, dtype=result.dtype, device='meta')
    if result.stride() == empty.stride():
        return result
    return torch.empty_like(tensor, dtype=result.dtype).copy_(result)
