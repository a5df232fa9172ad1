"""Deformable convolution, safe for every memory layout and precision."""
import torch
from mmcv.ops import ModulatedDeformConv2d, modulated_deform_conv2d
from torch import Tensor, nn

__all__ = ['DeformableConv2d']


class DeformableConv2d(ModulatedDeformConv2d):
    """Modulated deformable 3x3 convolution (DCNv2, arXiv 1811.11168): mmcv's, made safe for every layout and precision.

    A plain 3x3 convolution ``conv_offset``, which starts at zero, gives each output pixel 9 offsets (y, x, in pixels)
    and 9 masks (through a sigmoid). mmcv's kernel reads a channels_last input as if it were contiguous, has no
    bfloat16, and in float16 rounds the positions to a quarter of a pixel from row 256 on; so it gets contiguous
    float32 (or float64).
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, 3, padding=1)
        self.conv_offset = nn.Conv2d(in_channels, 3 * 9, 3, padding=1)
        nn.init.zeros_(self.conv_offset.weight)
        nn.init.zeros_(self.conv_offset.bias)

    def forward(self, x: Tensor) -> Tensor:
        offset_and_mask = self.conv_offset(x)
        offset, mask = offset_and_mask.split([2 * 9, 9], 1)
        dtype = torch.promote_types(offset_and_mask.dtype, torch.float32)
        inputs = [tensor.to(dtype).contiguous() for tensor in (x, offset, mask.sigmoid(), self.weight, self.bias)]
        deform = _deform_conv if torch.compiler.is_compiling() else _mmcv_deform_conv
        return deform(*inputs).to(offset_and_mask.dtype)


def _mmcv_deform_conv(x: Tensor, offset: Tensor, mask: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return modulated_deform_conv2d(x, offset, mask, weight, bias, 1, 1)


# torch.compile and torch.export cannot look into mmcv's extension; as an operator they need not.
_deform_conv = torch.library.custom_op('layeragg_mm::deform_conv', _mmcv_deform_conv, mutates_args=())


@torch.library.custom_op('layeragg_mm::deform_conv_backward', mutates_args=())
def _deform_conv_backward(grad: Tensor, x: Tensor, offset: Tensor, mask: Tensor, weight: Tensor,
                          bias: Tensor) -> list[Tensor]:
    with torch.enable_grad():
        inputs = [tensor.detach().requires_grad_() for tensor in (x, offset, mask, weight, bias)]
        return list(torch.autograd.grad(_mmcv_deform_conv(*inputs), inputs, grad))


@_deform_conv.register_fake
def _(x: Tensor, offset: Tensor, mask: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return x.new_empty(x.shape[0], weight.shape[0], *x.shape[2:])


@_deform_conv_backward.register_fake
def _(grad: Tensor, *inputs: Tensor) -> list[Tensor]:
    return [torch.empty_like(tensor) for tensor in inputs]


_deform_conv.register_autograd(
    lambda ctx, grad: tuple(_deform_conv_backward(grad, *ctx.saved_tensors)),
    setup_context=lambda ctx, inputs, output: ctx.save_for_backward(*inputs))
