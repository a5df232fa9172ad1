"""What the kernels share: how maps lie in memory, what a program works on, how a kernel is launched."""
from typing import NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

__all__ = ['Launch', 'Layout', 'Tile', 'computed_in', 'contiguous', 'load', 'per_channel', 'per_head', 'pixels',
           'program_channels', 'run', 'store', 'store_sums', 'zeros']


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
def program_channels(layout, BLOCK: tl.constexpr):
    """Return the program's channels (1, BLOCK), which of them there are, and its image."""
    blocks = tl.cdiv(layout.channels, BLOCK)
    channel = tl.program_id(0) % blocks * BLOCK + tl.arange(0, BLOCK)[None, :]
    return channel, channel < layout.channels, (tl.program_id(0) // blocks).to(tl.int64)


@triton.jit
def pixels(step, STEPS: tl.constexpr, HEIGHT: tl.constexpr, WIDTH: tl.constexpr):
    """Return row and column of the pixels of one tile, each (pixels, 1)."""
    pixel = tl.arange(0, HEIGHT * WIDTH)[:, None]
    h = (tl.program_id(1) * STEPS + step) * HEIGHT + pixel // WIDTH
    return h, tl.program_id(2) * WIDTH + pixel % WIDTH


@triton.jit
def addresses(maps, layout, h, w, channel, image):
    """Return where pixels of ``maps`` lie, and which of them there are."""
    there = (h >= 0) & (h < layout.height) & (w >= 0) & (w < layout.width) & (channel < layout.channels)
    in_image = (h * layout.width + w) * layout.pixel_stride + channel * layout.channel_stride
    return maps + image * layout.image_stride + in_image, there


@triton.jit
def load(maps, layout, h, w, channel, image, DTYPE: tl.constexpr):
    """Return pixels of ``maps``, zero outside."""
    places, there = addresses(maps, layout, h, w, channel, image)
    return tl.load(places, mask=there, other=0.).to(DTYPE)


@triton.jit
def store(maps, layout, h, w, channel, image, values):
    places, there = addresses(maps, layout, h, w, channel, image)
    tl.store(places, values, mask=there)


@triton.jit
def per_channel(values, channel, known, DTYPE: tl.constexpr):
    return tl.load(values + channel, mask=known, other=0.).to(DTYPE)


@triton.jit
def zeros(COUNT: tl.constexpr, PIXELS: tl.constexpr, CHANNELS: tl.constexpr, DTYPE: tl.constexpr):
    zeros = ()
    for _ in tl.static_range(COUNT):
        zeros += (tl.zeros((PIXELS, CHANNELS), DTYPE),)
    return zeros


@triton.jit
def store_sums(sums, layout, values, COUNT: tl.constexpr, channel, known, image):
    """Write the program's part of sums over pixels; ``sums`` is (parts, images, COUNT, channels)."""
    part = tl.program_id(1) * tl.num_programs(2) + tl.program_id(2)
    for i in tl.static_range(COUNT):
        places = sums + ((part * layout.images + image) * COUNT + i) * layout.channels + channel
        tl.store(places, tl.sum(values[i], 0, keep_dims=True), mask=known)


class Launch:
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

    def arranged(self, *maps: Tensor | None) -> list[Tensor | None]:
        """Return maps as the kernels read them."""
        return [x if x is None else x.contiguous(memory_format=self.memory_format) for x in maps]

    def empty_sums(self, count: int) -> Tensor:
        """Return a tensor for ``count`` sums over pixels: (parts, N, count, C)."""
        return self.x.new_empty(self.grid[1] * self.grid[2], self.layout.images, count, self.layout.channels,
                                dtype=computed_in(self.x))

    def __call__(self, kernel: triton.JITFunction, *arguments, **constants: int) -> None:
        tile = self.tile
        run(kernel, self.grid, self.x, *arguments, self.layout, **constants, HEIGHT=tile.height, WIDTH=tile.width,
            CHANNELS=tile.channels, STEPS=tile.steps, num_warps=tile.warps)


def contiguous(*tensors: Tensor | None) -> list[Tensor | None]:
    """Return small tensors as the kernels index them."""
    return [tensor if tensor is None else tensor.contiguous() for tensor in tensors]


def computed_in(x: Tensor) -> torch.dtype:
    """Return the type that is computed in for ``x``."""
    return torch.float64 if x.dtype == torch.float64 else torch.float32


def run(kernel: triton.JITFunction, grid: tuple[int, ...], like: Tensor, *arguments, **constants: int) -> None:
    """Run a kernel where ``like`` lies, in the type that is computed in for it."""
    with torch.cuda.device_of(like):  # Triton launches on the current device
        kernel[grid](*arguments, **constants,
                     DTYPE=tl.float64 if computed_in(like) == torch.float64 else tl.float32)


def per_head(x: Tensor, attention: Tensor | None) -> int:
    """Return the channels of ``x`` that share a weight of ``attention``, (..., heads)."""
    return 1 if attention is None else x.shape[1] // attention.shape[-1]
