"""Triton kernels: MRLA's depthwise convolutions and sums of maps on a GPU, each in one pass over memory.

A program computes tiles of pixels x channels of one image, contiguous or channels_last. What is summed over pixels it
keeps in registers and writes once; torch adds up the programs' parts, always in the same order. Arithmetic is in
float32, for float64 in float64, whatever the type of the maps. The plain forms that these equal are in ``mrla.py``.
"""
from collections.abc import Sequence
from typing import NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

__all__ = ['attended_sum', 'attended_sum_backward', 'depthwise_conv_backward', 'history_sum', 'history_sum_backward',
           'query_key', 'query_key_backward']

CHANNELS_AT_ONCE = 256  # of a kernel on vectors
TERMS = 4  # values of a history that one launch adds up


class Layout(NamedTuple):
    """Where the elements of maps lie."""

    images: int
    channels: int
    height: int
    width: int
    image_stride: int
    channel_stride: int
    pixel_stride: int


class Tile(NamedTuple):
    """What a program computes: ``steps`` tiles one below the other, each of height x width pixels and some channels."""

    height: int
    width: int
    channels: int
    steps: int
    warps: int


# The fastest of some on an H200.
CONTIGUOUS = Tile(height=4, width=64, channels=1, steps=8, warps=4)
CHANNELS_LAST = Tile(height=1, width=8, channels=64, steps=16, warps=4)


@triton.jit
def _channels(layout, BLOCK: tl.constexpr):
    """Return the program's channels (1, BLOCK), which of them there are, and its image."""
    blocks = tl.cdiv(layout.channels, BLOCK)
    channel = tl.program_id(0) % blocks * BLOCK + tl.arange(0, BLOCK)[None, :]
    return channel, channel < layout.channels, (tl.program_id(0) // blocks).to(tl.int64)


@triton.jit
def _pixels(step, STEPS: tl.constexpr, HEIGHT: tl.constexpr, WIDTH: tl.constexpr):
    """Return row and column of the pixels of one tile, each (pixels, 1)."""
    pixel = tl.arange(0, HEIGHT * WIDTH)[:, None]
    h = (tl.program_id(1) * STEPS + step) * HEIGHT + pixel // WIDTH
    return h, tl.program_id(2) * WIDTH + pixel % WIDTH


@triton.jit
def _places(maps, layout, h, w, channel, image):
    """Return where pixels of ``maps`` lie, and which of them there are."""
    there = (h >= 0) & (h < layout.height) & (w >= 0) & (w < layout.width) & (channel < layout.channels)
    in_image = (h * layout.width + w) * layout.pixel_stride + channel * layout.channel_stride
    return maps + image * layout.image_stride + in_image, there


@triton.jit
def _load(maps, layout, h, w, channel, image, DTYPE: tl.constexpr):
    """Return pixels of ``maps``, zero outside."""
    places, there = _places(maps, layout, h, w, channel, image)
    return tl.load(places, mask=there, other=0.).to(DTYPE)


@triton.jit
def _store(maps, layout, h, w, channel, image, values):
    places, there = _places(maps, layout, h, w, channel, image)
    tl.store(places, values, mask=there)


@triton.jit
def _per_channel(values, channel, known, DTYPE: tl.constexpr):
    return tl.load(values + channel, mask=known, other=0.).to(DTYPE)


@triton.jit
def _kernels(kernels, attention, scale, layout, channel, known, image, PER_HEAD: tl.constexpr, DTYPE: tl.constexpr):
    """Return the nine weights of a program's channels: ``scale a kernel + identity``, where there are scale and a."""
    factor = 1.
    if attention is not None:
        heads = layout.channels // PER_HEAD
        factor = tl.load(attention + image * heads + channel // PER_HEAD, mask=known, other=0.).to(DTYPE)
    if scale is not None:
        factor *= _per_channel(scale, channel, known, DTYPE)
    weights = ()
    for i in tl.static_range(9):
        weight = factor * tl.load(kernels + channel * 9 + i, mask=known, other=0.).to(DTYPE)
        if i == 4 and scale is not None:
            weight += 1.
        weights += (weight,)
    return weights


@triton.jit
def _zeros(COUNT: tl.constexpr, PIXELS: tl.constexpr, CHANNELS: tl.constexpr, DTYPE: tl.constexpr):
    zeros = ()
    for _ in tl.static_range(COUNT):
        zeros += (tl.zeros((PIXELS, CHANNELS), DTYPE),)
    return zeros


@triton.jit
def _store_sums(sums, layout, values, COUNT: tl.constexpr, channel, known, image):
    """Write the program's part of sums over pixels; ``sums`` is (parts, images, COUNT, channels)."""
    part = tl.program_id(1) * tl.num_programs(2) + tl.program_id(2)
    for i in tl.static_range(COUNT):
        places = sums + ((part * layout.images + image) * COUNT + i) * layout.channels + channel
        tl.store(places, tl.sum(values[i], 0, keep_dims=True), mask=known)


@triton.jit
def _attended_sum(x, kernels, attention, scale, shift, z_scale, z, out, layout, PER_HEAD: tl.constexpr,
                  HEIGHT: tl.constexpr, WIDTH: tl.constexpr, CHANNELS: tl.constexpr, STEPS: tl.constexpr,
                  DTYPE: tl.constexpr):
    channel, known, image = _channels(layout, CHANNELS)
    weights = _kernels(kernels, attention, scale, layout, channel, known, image, PER_HEAD, DTYPE)
    if z is not None:
        z_weight = _per_channel(z_scale, channel, known, DTYPE)
        if scale is not None:
            z_weight *= _per_channel(scale, channel, known, DTYPE)
    for step in range(STEPS):
        h, w = _pixels(step, STEPS, HEIGHT, WIDTH)
        total = tl.zeros((HEIGHT * WIDTH, CHANNELS), DTYPE)
        for i in tl.static_range(9):
            total += weights[i] * _load(x, layout, h + i // 3 - 1, w + i % 3 - 1, channel, image, DTYPE)
        if scale is not None:
            total += _per_channel(shift, channel, known, DTYPE)
        if z is not None:
            total += z_weight * _load(z, layout, h, w, channel, image, DTYPE)
        _store(out, layout, h, w, channel, image, total)


@triton.jit
def _attended_sum_backward(grad, x, kernels, attention, scale, z_scale, z, to_x, to_z, sums, layout,
                           PER_HEAD: tl.constexpr, HEIGHT: tl.constexpr, WIDTH: tl.constexpr, CHANNELS: tl.constexpr,
                           STEPS: tl.constexpr, DTYPE: tl.constexpr):
    channel, known, image = _channels(layout, CHANNELS)
    weights = _kernels(kernels, attention, scale, layout, channel, known, image, PER_HEAD, DTYPE)
    if z is not None:
        z_weight = _per_channel(z_scale, channel, known, DTYPE)
        if scale is not None:
            z_weight *= _per_channel(scale, channel, known, DTYPE)
    to_kernels = _zeros(9, HEIGHT * WIDTH, CHANNELS, DTYPE)
    to_z_weight, to_shift = _zeros(2, HEIGHT * WIDTH, CHANNELS, DTYPE)
    for step in range(STEPS):
        h, w = _pixels(step, STEPS, HEIGHT, WIDTH)
        value = _load(x, layout, h, w, channel, image, DTYPE)
        total = tl.zeros((HEIGHT * WIDTH, CHANNELS), DTYPE)
        products = ()
        for i in tl.static_range(9):  # a pixel went into the nine results around it
            g = _load(grad, layout, h - i // 3 + 1, w - i % 3 + 1, channel, image, DTYPE)
            total += weights[i] * g
            products += (to_kernels[i] + value * g,)
        to_kernels = products
        _store(to_x, layout, h, w, channel, image, total)
        if z is not None:
            g = _load(grad, layout, h, w, channel, image, DTYPE)
            to_z_weight += g * _load(z, layout, h, w, channel, image, DTYPE)
            to_shift += g
            _store(to_z, layout, h, w, channel, image, g * z_weight)
    if z is None:
        _store_sums(sums, layout, to_kernels, 9, channel, known, image)
    else:
        _store_sums(sums, layout, to_kernels + (to_z_weight, to_shift), 11, channel, known, image)


@triton.jit
def _attended_sum_finish(sums, kernels, attention, scale, z_scale, to_attention, to_kernels, to_scale, to_z_scale,
                         channels, IMAGES: tl.constexpr, PER_HEAD: tl.constexpr, BLOCK: tl.constexpr,
                         DTYPE: tl.constexpr):
    """One head: from the sums of each image, (images, 11, channels), to the gradients of what made the weights."""
    head, heads = tl.program_id(0), tl.num_programs(0)
    channel = head * PER_HEAD + tl.arange(0, BLOCK)
    known = tl.arange(0, BLOCK) < PER_HEAD
    factor = tl.full((BLOCK,), 1., DTYPE)
    if scale is not None:
        factor = _per_channel(scale, channel, known, DTYPE)
    of_kernels = ()
    for _ in tl.static_range(9):
        of_kernels += (tl.zeros((BLOCK,), DTYPE),)
    of_scale, of_z = tl.zeros((BLOCK,), DTYPE), tl.zeros((BLOCK,), DTYPE)
    for image in range(IMAGES):
        weight = tl.load(attention + image * heads + head).to(DTYPE)
        product = tl.zeros((BLOCK,), DTYPE)
        summed = ()
        for i in tl.static_range(9):
            value = _per_channel(sums + (image * 11 + i) * channels, channel, known, DTYPE)
            product += value * tl.load(kernels + channel * 9 + i, mask=known, other=0.).to(DTYPE)
            summed += (of_kernels[i] + weight * factor * value,)
        of_kernels = summed
        tl.store(to_attention + image * heads + head, tl.sum(product * factor, 0))
        of_scale += weight * product
        of_z += _per_channel(sums + (image * 11 + 9) * channels, channel, known, DTYPE)
    for i in tl.static_range(9):
        tl.store(to_kernels + channel * 9 + i, of_kernels[i], mask=known)
    tl.store(to_z_scale + channel, of_z * factor, mask=known)
    if scale is not None:
        of_scale += of_z * _per_channel(z_scale, channel, known, DTYPE)
        tl.store(to_scale + channel, of_scale, mask=known)


@triton.jit
def _history_weight(weights, scale, layout, term, channel, known, image, PER_HEAD: tl.constexpr, DTYPE: tl.constexpr):
    heads = layout.channels // PER_HEAD
    place = weights + (term * layout.images + image) * heads + channel // PER_HEAD
    weight = tl.load(place, mask=known, other=0.).to(DTYPE)
    if scale is not None:
        weight *= _per_channel(scale, channel, known, DTYPE)
    return weight


@triton.jit
def _history_sum(start, scale, shift, weights, values, out, layout, COUNT: tl.constexpr, PER_HEAD: tl.constexpr,
                 HEIGHT: tl.constexpr, WIDTH: tl.constexpr, CHANNELS: tl.constexpr, STEPS: tl.constexpr,
                 DTYPE: tl.constexpr):
    channel, known, image = _channels(layout, CHANNELS)
    for step in range(STEPS):
        h, w = _pixels(step, STEPS, HEIGHT, WIDTH)
        total = tl.zeros((HEIGHT * WIDTH, CHANNELS), DTYPE)
        if start is not None:
            total += _load(start, layout, h, w, channel, image, DTYPE)
        if shift is not None:
            total += _per_channel(shift, channel, known, DTYPE)
        for i in tl.static_range(COUNT):
            weight = _history_weight(weights, scale, layout, i, channel, known, image, PER_HEAD, DTYPE)
            total += weight * _load(values[i], layout, h, w, channel, image, DTYPE)
        _store(out, layout, h, w, channel, image, total)


@triton.jit
def _history_sum_backward(grad, scale, weights, values, to_values, sums, layout, COUNT: tl.constexpr,
                          BEGUN: tl.constexpr, PER_HEAD: tl.constexpr, HEIGHT: tl.constexpr, WIDTH: tl.constexpr,
                          CHANNELS: tl.constexpr, STEPS: tl.constexpr, DTYPE: tl.constexpr):
    channel, known, image = _channels(layout, CHANNELS)
    dots = _zeros(COUNT, HEIGHT * WIDTH, CHANNELS, DTYPE)
    to_shift, = _zeros(1, HEIGHT * WIDTH, CHANNELS, DTYPE)
    for step in range(STEPS):
        h, w = _pixels(step, STEPS, HEIGHT, WIDTH)
        g = _load(grad, layout, h, w, channel, image, DTYPE)
        to_shift += g
        products = ()
        for i in tl.static_range(COUNT):
            products += (dots[i] + g * _load(values[i], layout, h, w, channel, image, DTYPE),)
            total = g * _history_weight(weights, scale, layout, i, channel, known, image, PER_HEAD, DTYPE)
            if BEGUN:
                total += _load(to_values[i], layout, h, w, channel, image, DTYPE)
            _store(to_values[i], layout, h, w, channel, image, total)
        dots = products
    _store_sums(sums, layout, dots + (to_shift,), COUNT + 1, channel, known, image)


@triton.jit
def _query_key(pooled, query, key, out, channels, TAPS: tl.constexpr, BLOCK: tl.constexpr, DTYPE: tl.constexpr):
    image = tl.program_id(0)
    channel = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    q, k = tl.zeros((BLOCK,), DTYPE), tl.zeros((BLOCK,), DTYPE)
    for i in tl.static_range(TAPS):
        other = channel + i - TAPS // 2
        value = _per_channel(pooled + image * channels, other, (other >= 0) & (other < channels), DTYPE)
        q += tl.load(query + i).to(DTYPE) * value
        k += tl.load(key + i).to(DTYPE) * value
    place = out + image * channels + channel
    tl.store(place, q, mask=channel < channels)
    tl.store(place + tl.num_programs(0) * channels, k, mask=channel < channels)


@triton.jit
def _query_key_backward(grad, pooled, query, key, to_pooled, to_weights, channels, TAPS: tl.constexpr,
                        BLOCK: tl.constexpr, DTYPE: tl.constexpr):
    image, images = tl.program_id(0), tl.num_programs(0)
    channel = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    known = channel < channels
    value = _per_channel(pooled + image * channels, channel, known, DTYPE)
    part = to_weights + (image * tl.num_programs(1) + tl.program_id(1)) * 2 * TAPS
    total = tl.zeros((BLOCK,), DTYPE)
    for i in tl.static_range(TAPS):
        other = channel - i + TAPS // 2
        there = (other >= 0) & (other < channels)
        to_q = _per_channel(grad + image * channels, other, there, DTYPE)
        to_k = _per_channel(grad + (images + image) * channels, other, there, DTYPE)
        total += tl.load(query + i).to(DTYPE) * to_q + tl.load(key + i).to(DTYPE) * to_k
        tl.store(part + i, tl.sum(to_q * value, 0))
        tl.store(part + TAPS + i, tl.sum(to_k * value, 0))
    tl.store(to_pooled + image * channels + channel, total, mask=known)


class _Launch:
    """How kernels run on maps like ``x``."""

    def __init__(self, x: Tensor) -> None:
        channels_last = not x.is_contiguous() and x.is_contiguous(memory_format=torch.channels_last)
        self.memory_format = torch.channels_last if channels_last else torch.contiguous_format
        self.tile = CHANNELS_LAST if channels_last else CONTIGUOUS
        n, c, h, w = x.shape
        self.layout = Layout(n, c, h, w, c * h * w, *((1, c) if channels_last else (h * w, 1)))
        self.grid = (n * triton.cdiv(c, self.tile.channels), triton.cdiv(h, self.tile.height * self.tile.steps),
                     triton.cdiv(w, self.tile.width))
        self.x = x
        self.dtype = torch.promote_types(x.dtype, torch.float32)

    def arranged(self, *maps: Tensor) -> list[Tensor]:
        """Return maps as the kernels read them."""
        return [x.contiguous(memory_format=self.memory_format) for x in maps]

    def empty_sums(self, count: int) -> Tensor:
        """Return a tensor for ``count`` sums over pixels: (parts, N, count, C)."""
        return self.x.new_empty(self.grid[1] * self.grid[2], self.layout.images, count, self.layout.channels,
                                dtype=self.dtype)

    def __call__(self, kernel, *arguments, **constants: int) -> None:
        """Run a kernel on tiles of maps."""
        tile = self.tile
        self.by_channel(kernel, self.grid, *arguments, self.layout, **constants, HEIGHT=tile.height, WIDTH=tile.width,
                        CHANNELS=tile.channels, STEPS=tile.steps, num_warps=tile.warps)

    def by_channel(self, kernel, grid: tuple[int, ...], *arguments, **constants: int) -> None:
        """Run a kernel on vectors of channels."""
        with torch.cuda.device_of(self.x):  # Triton launches on the current device
            kernel[grid](*arguments, **constants, DTYPE=tl.float64 if self.dtype == torch.float64 else tl.float32)


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
    launch = _Launch(x)
    x, *rest = launch.arranged(x, *([] if z is None else [z]))
    out = torch.empty_like(x, dtype=x.dtype if z is None else torch.promote_types(x.dtype, z.dtype))
    launch(_attended_sum, x, kernels.contiguous(), attention, scale, shift, z_scale, *(rest or [None]), out,
           PER_HEAD=_per_head(x, attention))
    return out


def attended_sum_backward(grad: Tensor, x: Tensor, kernels: Tensor, attention: Tensor, z_scale: Tensor, z: Tensor,
                          scale: Tensor | None = None) -> tuple[Tensor | None, ...]:
    """Return the gradients of x, kernels, attention, z_scale and z, and of scale and shift or, without scale, None."""
    launch = _Launch(x)
    grad, x, z = launch.arranged(grad, x, z)
    to_x, to_z = torch.empty_like(x), torch.empty_like(z)
    kernels, sums, per_head = kernels.contiguous(), launch.empty_sums(11), _per_head(x, attention)
    launch(_attended_sum_backward, grad, x, kernels, attention, scale, z_scale, z, to_x, to_z, sums, PER_HEAD=per_head)
    sums = sums.sum(0)
    to_kernels, to_attention, to_z_scale = map(torch.empty_like, (kernels, attention, z_scale))
    to_scale = None if scale is None else torch.empty_like(scale)
    launch.by_channel(_attended_sum_finish, (attention.shape[1],), sums, kernels, attention, scale, z_scale,
                      to_attention, to_kernels, to_scale, to_z_scale, sums.shape[2], IMAGES=len(x), PER_HEAD=per_head,
                      BLOCK=triton.next_power_of_2(per_head))
    to_shift = None if scale is None else sums[:, 10].sum(0).to(scale.dtype)
    return to_x, to_kernels, to_attention, to_z_scale, to_z, to_scale, to_shift


def depthwise_conv_backward(grad: Tensor, x: Tensor, kernels: Tensor) -> tuple[Tensor, Tensor]:
    """Return the gradients of x, (N, C, H, W), and of kernels, (C, 1, 3, 3), of their depthwise convolution."""
    launch = _Launch(x)
    grad, x = launch.arranged(grad, x)
    to_x, sums = torch.empty_like(x), launch.empty_sums(9)
    launch(_attended_sum_backward, grad, x, kernels.contiguous(), None, None, None, None, to_x, None, sums, PER_HEAD=1)
    return to_x, sums.sum((0, 1)).T.reshape(kernels.shape).to(kernels.dtype)


def _per_head(x: Tensor, attention: Tensor | None) -> int:
    return 1 if attention is None else x.shape[1] // attention.shape[-1]


def history_sum(start: Tensor | None, scale: Tensor | None, shift: Tensor | None, weights: Tensor,
                values: Sequence[Tensor]) -> Tensor:
    """Return ``start + shift + scale sum_s weights[s] values[s]``.

    Args:
        start: maps (N, C, H, W), or None for zero.
        scale: (C,), or None for one.
        shift: (C,), or None for zero.
        weights: (S, N, heads).
        values: S maps (N, C, H, W).
    """
    launch = _Launch(values[0])
    values = launch.arranged(*values)
    start, = launch.arranged(start) if start is not None else (None,)
    out = torch.empty_like(values[0])
    weights = weights.contiguous()
    for first in range(0, len(values), TERMS):
        terms = tuple(values[first:first + TERMS])
        launch(_history_sum, out if first else start, scale, None if first else shift, weights[first:], terms, out,
               COUNT=len(terms), PER_HEAD=_per_head(out, weights))
    return out


def history_sum_backward(grad: Tensor, scale: Tensor | None, weights: Tensor, values: Sequence[Tensor],
                         later: Sequence[Tensor | None]) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Return ``grad`` summed over pixels and images, (C,), its products with the values summed over pixels, (S, N, C),
    and the gradients of the values.

    ``later`` holds, for each value, None or what of its gradient came from later sums: the result takes its place.
    """
    launch = _Launch(values[0])
    grad, *values = launch.arranged(grad, *values)
    begun = any(part is not None for part in later)
    empty = torch.zeros_like if begun else torch.empty_like
    to_values = [empty(value) if part is None else launch.arranged(part)[0] for value, part in zip(values, later)]
    weights = weights.contiguous()
    dots = []
    for first in range(0, len(values), TERMS):
        terms = tuple(values[first:first + TERMS])
        sums = launch.empty_sums(len(terms) + 1)
        launch(_history_sum_backward, grad, scale, weights[first:], terms, tuple(to_values[first:first + TERMS]), sums,
               COUNT=len(terms), BEGUN=begun, PER_HEAD=_per_head(grad, weights))
        *sums, to_shift = sums.sum(0).unbind(1)
        dots += sums
    return to_shift.sum(0), torch.stack(dots), to_values


def query_key(pooled: Tensor, query: Tensor, key: Tensor) -> Tensor:
    """Return the convolutions along the channels of ``pooled`` (N, C) with query and key (1, 1, K): (2, N, C)."""
    launch, pooled = _Launch(pooled[..., None, None]), pooled.contiguous()
    out = torch.empty(2, *pooled.shape, dtype=launch.dtype, device=pooled.device)
    launch.by_channel(_query_key, (len(pooled), triton.cdiv(pooled.shape[1], CHANNELS_AT_ONCE)), pooled, query, key,
                      out, pooled.shape[1], TAPS=query.shape[-1], BLOCK=CHANNELS_AT_ONCE)
    return out


def query_key_backward(grad: Tensor, pooled: Tensor, query: Tensor, key: Tensor) -> tuple[Tensor, Tensor]:
    """Return the gradients of pooled, and of query and key in one."""
    launch, pooled, taps = _Launch(pooled[..., None, None]), pooled.contiguous(), query.shape[-1]
    grid = len(pooled), triton.cdiv(pooled.shape[1], CHANNELS_AT_ONCE)
    to_pooled = torch.empty_like(pooled)
    to_weights = torch.empty(grid[0] * grid[1], 2, 1, 1, taps, dtype=launch.dtype, device=pooled.device)
    launch.by_channel(_query_key_backward, grid, grad.contiguous(), pooled, query, key, to_pooled, to_weights,
                      pooled.shape[1], TAPS=taps, BLOCK=CHANNELS_AT_ONCE)
    return to_pooled, to_weights.sum(0).to(query.dtype)
