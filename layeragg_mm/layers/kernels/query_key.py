"""Query and key of MRLA: two convolutions along the channels of a vector."""
import torch
import triton
import triton.language as tl
from torch import Tensor

from .tiles import computed_in, contiguous, per_channel, run

__all__ = ['query_key', 'query_key_backward']

CHANNELS_AT_ONCE = 256


@triton.jit
def _query_key(pooled, query, key, out, channels, TAPS: tl.constexpr, BLOCK: tl.constexpr, DTYPE: tl.constexpr):
    image = tl.program_id(0)
    channel = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    q, k = tl.zeros((BLOCK,), DTYPE), tl.zeros((BLOCK,), DTYPE)
    for i in tl.static_range(TAPS):
        other = channel + i - TAPS // 2
        value = per_channel(pooled + image * channels, other, (other >= 0) & (other < channels), DTYPE)
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
    value = per_channel(pooled + image * channels, channel, known, DTYPE)
    part = to_weights + (image * tl.num_programs(1) + tl.program_id(1)) * 2 * TAPS
    total = tl.zeros((BLOCK,), DTYPE)
    for i in tl.static_range(TAPS):
        other = channel - i + TAPS // 2
        there = (other >= 0) & (other < channels)
        to_q = per_channel(grad + image * channels, other, there, DTYPE)
        to_k = per_channel(grad + (images + image) * channels, other, there, DTYPE)
        total += tl.load(query + i).to(DTYPE) * to_q + tl.load(key + i).to(DTYPE) * to_k
        tl.store(part + i, tl.sum(to_q * value, 0))
        tl.store(part + TAPS + i, tl.sum(to_k * value, 0))
    tl.store(to_pooled + image * channels + channel, total, mask=known)


def query_key(pooled: Tensor, query: Tensor, key: Tensor) -> Tensor:
    """Return the convolutions along the channels of ``pooled`` (N, C) with query and key (1, 1, K): (2, N, C)."""
    n, c = pooled.shape
    pooled, query, key = contiguous(pooled, query, key)
    out = pooled.new_empty(2, n, c, dtype=computed_in(pooled))
    run(_query_key, (n, triton.cdiv(c, CHANNELS_AT_ONCE)), pooled, pooled, query, key, out, c, TAPS=query.shape[-1],
        BLOCK=CHANNELS_AT_ONCE)
    return out


def query_key_backward(grad: Tensor, pooled: Tensor, query: Tensor, key: Tensor) -> list[Tensor]:
    """Return the gradients of pooled, query and key."""
    n, c = pooled.shape
    grad, pooled, query, key = contiguous(grad, pooled, query, key)
    grid = n, triton.cdiv(c, CHANNELS_AT_ONCE)
    to_pooled = torch.empty_like(pooled)
    to_weights = pooled.new_empty(grid[0] * grid[1], 2, *query.shape, dtype=computed_in(pooled))
    run(_query_key_backward, grid, pooled, grad, pooled, query, key, to_pooled, to_weights, c,
        TAPS=query.shape[-1], BLOCK=CHANNELS_AT_ONCE)
    return [to_pooled, *(part.sum(0).to(query.dtype) for part in to_weights.unbind(1))]
