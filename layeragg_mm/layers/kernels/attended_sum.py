"""MRLA-light after its attention, and the depthwise convolution that it is made of."""
import torch
import triton
import triton.language as tl
from torch import Tensor

from .tiles import (
    Launch,
    contiguous,
    load,
    per_channel,
    per_head,
    pixels,
    program_channels,
    run,
    store,
    store_sums,
    zeros,
)

__all__ = ['attended_sum', 'attended_sum_backward', 'depthwise_conv_backward']


@triton.jit
def _kernels(kernels, attention, scale, layout, channel, known, image, PER_HEAD: tl.constexpr, DTYPE: tl.constexpr):
    """Return the nine weights of a program's channels: ``scale a kernel + identity``, where there are scale and a."""
    factor = 1.
    if attention is not None:
        heads = layout.channels // PER_HEAD
        factor = tl.load(attention + image * heads + channel // PER_HEAD, mask=known, other=0.).to(DTYPE)
    if scale is not None:
        factor *= per_channel(scale, channel, known, DTYPE)
    weights = ()
    for i in tl.static_range(9):
        weight = factor * tl.load(kernels + channel * 9 + i, mask=known, other=0.).to(DTYPE)
        if i == 4 and scale is not None:
            weight += 1.
        weights += (weight,)
    return weights


@triton.jit
def _z_weight(z_scale, scale, channel, known, DTYPE: tl.constexpr):
    weight = per_channel(z_scale, channel, known, DTYPE)
    if scale is not None:
        weight *= per_channel(scale, channel, known, DTYPE)
    return weight


@triton.jit
def _attended_sum(x, kernels, attention, scale, shift, z_scale, z, out, layout, PER_HEAD: tl.constexpr,
                  HEIGHT: tl.constexpr, WIDTH: tl.constexpr, CHANNELS: tl.constexpr, STEPS: tl.constexpr,
                  DTYPE: tl.constexpr):
    channel, known, image = program_channels(layout, CHANNELS)
    weights = _kernels(kernels, attention, scale, layout, channel, known, image, PER_HEAD, DTYPE)
    if z is not None:
        z_weight = _z_weight(z_scale, scale, channel, known, DTYPE)
    for step in range(STEPS):
        h, w = pixels(step, STEPS, HEIGHT, WIDTH)
        total = tl.zeros((HEIGHT * WIDTH, CHANNELS), DTYPE)
        for i in tl.static_range(9):
            total += weights[i] * load(x, layout, h + i // 3 - 1, w + i % 3 - 1, channel, image, DTYPE)
        if scale is not None:
            total += per_channel(shift, channel, known, DTYPE)
        if z is not None:
            total += z_weight * load(z, layout, h, w, channel, image, DTYPE)
        store(out, layout, h, w, channel, image, total)


@triton.jit
def _attended_sum_backward(grad, x, kernels, attention, scale, z_scale, z, to_x, to_z, sums, layout,
                           PER_HEAD: tl.constexpr, HEIGHT: tl.constexpr, WIDTH: tl.constexpr, CHANNELS: tl.constexpr,
                           STEPS: tl.constexpr, DTYPE: tl.constexpr):
    channel, known, image = program_channels(layout, CHANNELS)
    weights = _kernels(kernels, attention, scale, layout, channel, known, image, PER_HEAD, DTYPE)
    if z is not None:
        z_weight = _z_weight(z_scale, scale, channel, known, DTYPE)
    to_kernels = zeros(9, HEIGHT * WIDTH, CHANNELS, DTYPE)
    to_z_weight, to_shift = zeros(2, HEIGHT * WIDTH, CHANNELS, DTYPE)
    for step in range(STEPS):
        h, w = pixels(step, STEPS, HEIGHT, WIDTH)
        value = load(x, layout, h, w, channel, image, DTYPE)
        total = tl.zeros((HEIGHT * WIDTH, CHANNELS), DTYPE)
        products = ()
        for i in tl.static_range(9):  # a pixel went into the nine results around it
            g = load(grad, layout, h - i // 3 + 1, w - i % 3 + 1, channel, image, DTYPE)
            total += weights[i] * g
            products += (to_kernels[i] + value * g,)
        to_kernels = products
        store(to_x, layout, h, w, channel, image, total)
        if z is not None:
            g = load(grad, layout, h, w, channel, image, DTYPE)
            to_z_weight += g * load(z, layout, h, w, channel, image, DTYPE)
            to_shift += g
            store(to_z, layout, h, w, channel, image, g * z_weight)
    if z is None:
        store_sums(sums, layout, to_kernels, 9, channel, known, image)
    else:
        store_sums(sums, layout, to_kernels + (to_z_weight, to_shift), 11, channel, known, image)


@triton.jit
def _attended_sum_finish(sums, kernels, attention, scale, z_scale, to_attention, to_kernels, to_scale, to_shift,
                         to_z_scale, images, channels, PER_HEAD: tl.constexpr, BLOCK: tl.constexpr,
                         DTYPE: tl.constexpr):
    """One head: from the sums of each image, (images, 11, channels), to the gradients of what made the weights."""
    head, heads = tl.program_id(0), tl.num_programs(0)
    channel = head * PER_HEAD + tl.arange(0, BLOCK)
    known = tl.arange(0, BLOCK) < PER_HEAD
    factor = tl.full((BLOCK,), 1., DTYPE)
    if scale is not None:
        factor = per_channel(scale, channel, known, DTYPE)
    of_kernels = ()
    for _ in tl.static_range(9):
        of_kernels += (tl.zeros((BLOCK,), DTYPE),)
    of_scale, of_shift, of_z = tl.zeros((BLOCK,), DTYPE), tl.zeros((BLOCK,), DTYPE), tl.zeros((BLOCK,), DTYPE)
    for image in range(images):
        weight = tl.load(attention + image * heads + head).to(DTYPE)
        product = tl.zeros((BLOCK,), DTYPE)
        summed = ()
        for i in tl.static_range(9):
            value = per_channel(sums + (image * 11 + i) * channels, channel, known, DTYPE)
            product += value * tl.load(kernels + channel * 9 + i, mask=known, other=0.).to(DTYPE)
            summed += (of_kernels[i] + weight * factor * value,)
        of_kernels = summed
        tl.store(to_attention + image * heads + head, tl.sum(product * factor, 0))
        of_scale += weight * product
        of_z += per_channel(sums + (image * 11 + 9) * channels, channel, known, DTYPE)
        of_shift += per_channel(sums + (image * 11 + 10) * channels, channel, known, DTYPE)
    for i in tl.static_range(9):
        tl.store(to_kernels + channel * 9 + i, of_kernels[i], mask=known)
    tl.store(to_z_scale + channel, of_z * factor, mask=known)
    if scale is not None:
        of_scale += of_z * per_channel(z_scale, channel, known, DTYPE)
        tl.store(to_scale + channel, of_scale, mask=known)
        tl.store(to_shift + channel, of_shift, mask=known)


def attended_sum(x: Tensor, kernels: Tensor, attention: Tensor | None = None, z_scale: Tensor | None = None,
                 z: Tensor | None = None, scale: Tensor | None = None, shift: Tensor | None = None) -> Tensor:
    """Return ``a W * x + z_scale z``; with scale s and shift b ``s (a W * x + z_scale z) + b + x``.

    Args:
        x: maps (N, C, H, W).
        kernels: W, depthwise ones, (C, 1, 3, 3).
        attention: a, (N, heads), or None for one.
        z_scale: (C, 1, 1).
        z: maps (N, C, H, W), or None for zero.
        scale: s, (C,), or None.
        shift: b, (C,).
    """
    launch = Launch(x)
    x, z = launch.arranged(x, z)
    kernels, attention, scale, shift, z_scale = contiguous(kernels, attention, scale, shift, z_scale)
    out = torch.empty_like(x, dtype=x.dtype if z is None else torch.promote_types(x.dtype, z.dtype))
    launch(_attended_sum, x, kernels, attention, scale, shift, z_scale, z, out,
           PER_HEAD=per_head(x, attention))
    return out


def attended_sum_backward(grad: Tensor, x: Tensor, kernels: Tensor, attention: Tensor, z_scale: Tensor, z: Tensor,
                          scale: Tensor | None = None) -> tuple[Tensor | None, ...]:
    """Return the gradients of x, kernels, attention, z_scale and z, and of scale and shift or, without scale, None."""
    launch = Launch(x)
    grad, x, z = launch.arranged(grad, x, z)
    to_x, to_z = torch.empty_like(x), torch.empty_like(z)
    kernels, attention, scale, z_scale = contiguous(kernels, attention, scale, z_scale)
    sums, shared = launch.empty_sums(11), per_head(x, attention)
    launch(_attended_sum_backward, grad, x, kernels, attention, scale, z_scale, z, to_x, to_z, sums, PER_HEAD=shared)
    sums = sums.sum(0)
    to_kernels, to_attention, to_z_scale = map(torch.empty_like, (kernels, attention, z_scale))
    to_scale, to_shift = (None, None) if scale is None else (torch.empty_like(scale), torch.empty_like(scale))
    run(_attended_sum_finish, (attention.shape[1],), x, sums, kernels, attention, scale, z_scale, to_attention,
        to_kernels, to_scale, to_shift, to_z_scale, *x.shape[:2], PER_HEAD=shared,
        BLOCK=triton.next_power_of_2(shared))
    return to_x, to_kernels, to_attention, to_z_scale, to_z, to_scale, to_shift


def depthwise_conv_backward(grad: Tensor, x: Tensor, kernels: Tensor) -> tuple[Tensor, Tensor]:
    """Return the gradients of x, (N, C, H, W), and of kernels, (C, 1, 3, 3), of their depthwise convolution."""
    launch = Launch(x)
    grad, x = launch.arranged(grad, x)
    to_x, sums = torch.empty_like(x), launch.empty_sums(9)
    launch(_attended_sum_backward, grad, x, kernels.contiguous(), None, None, None, None, to_x, None, sums, PER_HEAD=1)
    return to_x, sums.sum((0, 1)).T.reshape(kernels.shape).to(kernels.dtype)
