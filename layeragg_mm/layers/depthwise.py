"""Depthwise convolution that keeps its memory layout through torch.compile."""
import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ['DepthwiseConv2d']


class DepthwiseConv2d(nn.Conv2d):
    """A 3x3 convolution of each channel by itself, (N, C, H, W) to the same, without bias."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, channels, 3, padding=1, groups=channels, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        if (x.device.type != 'cpu' or not torch.is_grad_enabled() or not torch.compiler.is_compiling()
                or torch.compiler.is_exporting()):
            return super().forward(x)
        if torch.is_autocast_enabled('cpu'):
            dtype = torch.get_autocast_dtype('cpu')
            return _depthwise_conv(x.to(dtype), self.weight.to(dtype))
        return _depthwise_conv(x, self.weight)


# Inductor copies channels_last maps to contiguous for a depthwise convolution's backward pass, which then takes several
# times as long; of an operator it knows that the layout stays.
@torch.library.custom_op('layeragg_mm::depthwise_conv', mutates_args=())
def _depthwise_conv(x: Tensor, weight: Tensor) -> Tensor:
    return _laid_out_as(x, F.conv2d(x, weight, padding=1, groups=len(weight)))


@torch.library.custom_op('layeragg_mm::depthwise_conv_backward', mutates_args=())
def _depthwise_conv_backward(grad: Tensor, x: Tensor, weight: Tensor, needed: list[bool]) -> list[Tensor]:
    stride = padding = dilation = [1, 1]
    grads = torch.ops.aten.convolution_backward(
        grad, x, weight, None, stride, padding, dilation, False, [0, 0], len(weight), [*needed, False])
    return [_laid_out_as(tensor, grads[i]) for i, tensor in enumerate((x, weight)) if needed[i]]


def _laid_out_as(tensor: Tensor, result: Tensor) -> Tensor:
    empty = torch.empty_like(tensor)
    return result if result.stride() == empty.stride() else empty.copy_(result)


@_depthwise_conv.register_fake
def _(x: Tensor, weight: Tensor) -> Tensor:
    return torch.empty_like(x)


@_depthwise_conv_backward.register_fake
def _(grad: Tensor, x: Tensor, weight: Tensor, needed: list[bool]) -> list[Tensor]:
    return [torch.empty_like(tensor) for tensor, is_needed in zip((x, weight), needed) if is_needed]


def _differentiate(ctx, grad: Tensor) -> tuple[Tensor | None, ...]:
    needed = list(ctx.needs_input_grad)
    grads = iter(_depthwise_conv_backward(grad, *ctx.saved_tensors, needed))
    return tuple(next(grads) if is_needed else None for is_needed in needed)


_depthwise_conv.register_autograd(
    _differentiate, setup_context=lambda ctx, inputs, output: ctx.save_for_backward(*inputs))
