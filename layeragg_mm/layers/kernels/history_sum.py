"""MRLA-base's sum over the values of all blocks up to this one."""
from collections.abc import Sequence
from functools import reduce

import torch
import triton
import triton.language as tl
from torch import Tensor

from .tiles import Launch, contiguous, load, per_channel, per_head, pixels, program_channels, store, store_sums, zeros

__all__ = ['TERMS', 'history_sum', 'history_sum_backward']

TERMS = 4  # values that one launch adds up


@triton.jit
def _history_weight(weights, scale, layout, term, channel, known, image, PER_HEAD: tl.constexpr, DTYPE: tl.constexpr):
    heads = layout.channels // PER_HEAD
    place = weights + (term * layout.images + image) * heads + channel // PER_HEAD
    weight = tl.load(place, mask=known, other=0.).to(DTYPE)
    if scale is not None:
        weight *= per_channel(scale, channel, known, DTYPE)
    return weight


@triton.jit
def _history_sum(start, scale, shift, weights, values, out, layout, COUNT: tl.constexpr, PER_HEAD: tl.constexpr,
                 HEIGHT: tl.constexpr, WIDTH: tl.constexpr, CHANNELS: tl.constexpr, STEPS: tl.constexpr,
                 DTYPE: tl.constexpr):
    channel, known, image = program_channels(layout, CHANNELS)
    for step in range(STEPS):
        h, w = pixels(step, STEPS, HEIGHT, WIDTH)
        total = tl.zeros((HEIGHT * WIDTH, CHANNELS), DTYPE)
        if start is not None:
            total += load(start, layout, h, w, channel, image, DTYPE)
        if shift is not None:
            total += per_channel(shift, channel, known, DTYPE)
        for i in tl.static_range(COUNT):
            weight = _history_weight(weights, scale, layout, i, channel, known, image, PER_HEAD, DTYPE)
            total += weight * load(values[i], layout, h, w, channel, image, DTYPE)
        store(out, layout, h, w, channel, image, total)


@triton.jit
def _history_sum_backward(grad, scale, weights, values, to_values, sums, layout, COUNT: tl.constexpr,
                          BEGUN: tl.constexpr, PER_HEAD: tl.constexpr, HEIGHT: tl.constexpr, WIDTH: tl.constexpr,
                          CHANNELS: tl.constexpr, STEPS: tl.constexpr, DTYPE: tl.constexpr):
    channel, known, image = program_channels(layout, CHANNELS)
    dots = zeros(COUNT, HEIGHT * WIDTH, CHANNELS, DTYPE)
    to_shift, = zeros(1, HEIGHT * WIDTH, CHANNELS, DTYPE)
    for step in range(STEPS):
        h, w = pixels(step, STEPS, HEIGHT, WIDTH)
        g = load(grad, layout, h, w, channel, image, DTYPE)
        to_shift += g
        products = ()
        for i in tl.static_range(COUNT):
            products += (dots[i] + g * load(values[i], layout, h, w, channel, image, DTYPE),)
            total = g * _history_weight(weights, scale, layout, i, channel, known, image, PER_HEAD, DTYPE)
            if BEGUN:
                total += load(to_values[i], layout, h, w, channel, image, DTYPE)
            store(to_values[i], layout, h, w, channel, image, total)
        dots = products
    store_sums(sums, layout, dots + (to_shift,), COUNT + 1, channel, known, image)


def history_sum(start: Tensor | None, scale: Tensor | None, shift: Tensor | None, weights: Tensor,
                values: Sequence[Tensor]) -> Tensor:
    """Return the sum of :func:`layeragg_mm.layers.history_sum.history_sum`, whose arguments these are."""
    launch = Launch(values[0])
    start, *values = launch.arranged(start, *values)
    dtypes = {value.dtype for value in (*values, start) if value is not None}
    out = torch.empty_like(values[0], dtype=reduce(torch.promote_types, dtypes))
    scale, shift, weights = contiguous(scale, shift, weights)
    for first in range(0, len(values), TERMS):
        terms = tuple(values[first:first + TERMS])
        launch(_history_sum, out if first else start, scale, None if first else shift, weights[first:], terms, out,
               COUNT=len(terms), PER_HEAD=per_head(out, weights))
    return out


def history_sum_backward(grad: Tensor, scale: Tensor | None, weights: Tensor, values: Sequence[Tensor],
                         later: Sequence[Tensor | None]) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Return ``grad`` summed over pixels and images, (C,), its products with the values summed over pixels, (S, N, C),
    and the gradients of the values.

    ``later`` holds, for each value, None or what of its gradient came from later sums: the result takes its place, and
    nothing else may read it.
    """
    launch = Launch(values[0])
    grad, *values = launch.arranged(grad, *values)
    begun = any(part is not None for part in later)
    empty = torch.zeros_like if begun else torch.empty_like
    to_values = [empty(value) if part is None else part for value, part in zip(values, launch.arranged(*later))]
    scale, weights = contiguous(scale, weights)
    dots = []
    for first in range(0, len(values), TERMS):
        terms = tuple(values[first:first + TERMS])
        sums = launch.empty_sums(len(terms) + 1)
        launch(_history_sum_backward, grad, scale, weights[first:], terms, tuple(to_values[first:first + TERMS]), sums,
               COUNT=len(terms), BEGUN=begun, PER_HEAD=per_head(grad, weights))
        *sums, to_shift = sums.sum(0).unbind(1)
        dots += sums
    return to_shift.sum(0), torch.stack(dots), to_values
