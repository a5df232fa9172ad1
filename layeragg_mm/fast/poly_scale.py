r"""PSConv's three convolutions with fewer copies: what they read, give and learn is moved once, and added in place.

The blocks of the weight are copied into three kernels, and their gradients back into one; of the map, the channels are
reordered for one of the three alone. A rate that is a multiple of the stride t reads every t-th pixel alone,

.. math::

    \mathrm{conv}(x, W, \mathrm{stride}\ t, \mathrm{rate}\ r)
    = \mathrm{conv}(x_{::t}, W, \mathrm{stride}\ 1, \mathrm{rate}\ r / t),

which spares the slow backward pass of a convolution that both strides and dilates. Where the weight is larger than the
map, it is the map that is laid out as the weight.
"""
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from ..layers.forms import Form
from ..layers.ps_conv import EVEN_FIRST, OPPOSITE, PARTS, PSConv2d

__all__ = []

form = Form('poly_scale')
Pair = tuple[int, int]
IN_ORDER = tuple(range(PARTS))


class Term(NamedTuple):
    """One of the three convolutions: the index of its rate, its groups, and the parts that it reads and gives."""
    rate: int
    groups: int
    reads: tuple[int, ...]
    gives: tuple[int, ...]


TERMS = Term(1, 4, IN_ORDER, IN_ORDER), Term(2, 4, IN_ORDER, OPPOSITE), Term(0, 2, EVEN_FIRST, (1, 3, 0, 2))


class Step(NamedTuple):
    """Which pixels a convolution reads, one of so many, and its stride and rate among these."""
    every: Pair
    stride: Pair
    rate: Pair


@form.replaces(PSConv2d._conv_forward)
def convolve(conv: PSConv2d, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    if (x.device.type not in form.devices or torch.compiler.is_compiling()  # inductor removes copies itself
            or torch.is_autocast_enabled(x.device.type) or conv.groups > 1 or x.ndim < 4 or not len(x)):
        return NotImplemented
    rates = [tuple([rate * dilation for dilation in conv.dilation]) for rate in conv.rates]
    return PolyScale.apply(x, weight, bias, [step(conv.stride, rates[term.rate]) for term in TERMS])


def step(stride: Pair, rate: Pair) -> Step:
    if any(r % s for r, s in zip(rate, stride)):
        return Step((1, 1), stride, rate)
    return Step(stride, (1, 1), tuple([r // s for r, s in zip(rate, stride)]))


class PolyScale(torch.autograd.Function):
    """PSConv of a map (N, in, H, W) with a weight (out, in, 3, 3) and a bias (out,), in these steps."""

    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, bias: Tensor | None, steps: list[Step]) -> Tensor:
        ctx.layout = layout = layout_of(x)
        x = x.contiguous(memory_format=torch.contiguous_format if weight.numel() > x.numel() else layout)
        inputs, kernels = inputs_of(x, steps), kernels_of(weight)
        ctx.save_for_backward(*inputs, *kernels)
        ctx.steps, ctx.shape = steps, x.shape
        out = None
        for term, (_, stride, rate), read, kernel in zip(TERMS, steps, inputs, kernels):
            given = F.conv2d(read, kernel, bias if out is None else None, stride, rate, rate, term.groups)
            out = given if out is None else add_parts(out, given, term.gives)
        return out.contiguous(memory_format=layout)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor) -> tuple[Tensor | None, ...]:
        needs, saved = ctx.needs_input_grad[:2], ctx.saved_tensors  # once: a checkpoint computes them then
        inputs, kernels = saved[:len(TERMS)], saved[len(TERMS):]
        grad = grad.contiguous(memory_format=layout_of(inputs[0]))
        to_pixels, to_kernels = {}, []
        for term, (every, stride, rate), read, kernel in zip(TERMS, ctx.steps, inputs, kernels):
            to_read, to_kernel, _ = torch.ops.aten.convolution_backward(
                ordered(grad, term.gives), read, kernel, None, stride, rate, rate, False, (0, 0), term.groups,
                (*needs, False))
            to_kernels.append(to_kernel)
            if needs[0]:
                if every in to_pixels:
                    add_parts(to_pixels[every], to_read, term.reads)
                else:
                    to_pixels[every] = ordered(to_read, term.reads)  # an order that is its own inverse
        return (gathered(to_pixels, ctx.shape).contiguous(memory_format=ctx.layout) if needs[0] else None,
                weight_of(to_kernels) if needs[1] else None,
                grad.sum((0, 2, 3)) if ctx.needs_input_grad[2] else None, None)


def inputs_of(x: Tensor, steps: list[Step]) -> list[Tensor]:
    """Return what each convolution reads of the map; what several read is one map."""
    layout = layout_of(x)
    pixels = {every: x[:, :, ::every[0], ::every[1]].contiguous(memory_format=layout) for every, *_ in steps}
    return [ordered(pixels[step.every], term.reads) for term, step in zip(TERMS, steps)]


def gathered(to_pixels: dict[Pair, Tensor], shape: torch.Size) -> Tensor:
    """Return the gradient of a map of this shape for those of its pixels."""
    to_x = to_pixels.pop((1, 1), None)
    if to_x is None:
        to_x = next(iter(to_pixels.values())).new_zeros(shape)
    for every, added in to_pixels.items():
        to_x[:, :, ::every[0], ::every[1]].add_(added)
    return to_x


def ordered(x: Tensor, parts: tuple[int, ...]) -> Tensor:
    """Return the map with its parts of the channels in this order."""
    if parts == IN_ORDER:
        return x
    chunks = x.chunk(PARTS, 1)
    return torch.cat([chunks[part] for part in parts], 1)


def add_parts(out: Tensor, added: Tensor, parts: tuple[int, ...]) -> Tensor:
    """Add to ``out`` a map whose parts of the channels are in this order."""
    if parts == IN_ORDER:
        return out.add_(added)
    chunks = out.chunk(PARTS, 1)
    for part, chunk in zip(parts, added.chunk(PARTS, 1)):
        chunks[part].add_(chunk)
    return out


def blocks_of(weight: Tensor) -> list[list[Tensor]]:
    """Return for each convolution the views of a weight that make up its kernel, one after the other."""
    # Part 2 p + q as (p, q): (p of the output, q, out of a part, p of the input, q, in of a part, 3, 3).
    blocks = weight.unflatten(1, (2, 2, -1)).unflatten(0, (2, 2, -1))
    same = [[blocks[p, :, :, r].diagonal(0, 0, 2).movedim(-1, 0) for r in (0, 1)] for p in (0, 1)]  # q
    return [[same[0][0], same[1][1]], [same[1][0], same[0][1]], [blocks[:, 1, :, :, 0], blocks[:, 0, :, :, 1]]]


def kernels_of(weight: Tensor) -> list[Tensor]:
    """Return the kernel (out, in / groups, 3, 3) of each convolution."""
    return [torch.stack(views).reshape(len(weight), -1, *weight.shape[2:]) for views in blocks_of(weight)]


def weight_of(kernels: list[Tensor]) -> Tensor:
    """Return the weight that has these kernels."""
    out, half, *taps = kernels[-1].shape
    weight = kernels[-1].new_empty(out, 2 * half, *taps)
    for views, kernel in zip(blocks_of(weight), kernels):
        for view, part in zip(views, kernel.chunk(len(views))):
            view.copy_(part.reshape(view.shape))
    return weight


def layout_of(x: Tensor) -> torch.memory_format:
    laid_last = x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous()
    return torch.channels_last if laid_last else torch.contiguous_format
