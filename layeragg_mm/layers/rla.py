"""Recurrent layer aggregation (RLA, NeurIPS 2021, arXiv 2110.11852) as a plain torch module."""
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

__all__ = ['RecurrentAggregation']


class RecurrentAggregation(nn.Module):
    r"""The hidden state of one stage: what its blocks read from it, and how they update it (section 3.2, figure 2).

    Block i with input x and hidden state h adds ``W_i h`` to the result of its first convolution; this equals one
    convolution of ``concat(x, h)`` without the copy. With x' the block's output and h' the state, average pooled where
    the block downsamples,

    .. math::

        h \leftarrow R * \tanh(\mathrm{norm}_i(h' + O x'))

    ``O`` (1x1) and ``R`` (3x3) are shared by all blocks of the stage, ``W_i`` and the norms are each block's own. The
    state has ``hidden_channels`` channels and is zero at first (None here): a block that reads or updates nothing
    has no parameters for it. A network is this loop::

        hidden = None
        for i, block in enumerate(blocks):
            x = block(x, aggregation.read(i, hidden))  # which is added to the result of the block's first convolution
            hidden = aggregation.update(i, x, hidden)

    which goes on in the next stage, with its own aggregation and the same ``hidden``.

    The paper's figure feeds the state from the residual branch before the sum. The released code adds the shortcut to
    that very tensor in place and applies the ReLU in place before it reads it, so all released weights were trained
    with x', and so is it here.

    Args:
        channels: channels C of x', (N, C, H, W).
        hidden_channels: channels k of the hidden state, (N, k, H, W).
        widths: for each block, the channels of its first convolution.
        strides: for each block, the strides of its first convolution and of the whole block.
        reads_first: whether the first block has a state to read (no in a network's first stage).
        updates_last: whether anything reads the state after the last block (no in a network's last stage).
        norm: makes the norm layer for a number of channels.
        zero_init: start ``W_i`` at zero, so that the network starts as one without RLA; False is the published start.

    Raises:
        ValueError: there are no hidden channels, or ``widths`` and ``strides`` are not of the same blocks.
    """

    def __init__(self,
                 channels: int,
                 hidden_channels: int,
                 *,
                 widths: Sequence[int],
                 strides: Sequence[tuple[int, int]],
                 reads_first: bool = True,
                 updates_last: bool = True,
                 norm: Callable[[int], nn.Module] = nn.BatchNorm2d,
                 zero_init: bool = True) -> None:
        super().__init__()
        if hidden_channels < 1:
            raise ValueError(f'hidden_channels={hidden_channels} is not available; allowed: 1 or more')
        if len(widths) != len(strides):
            raise ValueError(f'{len(widths)} widths and {len(strides)} strides are given; each block has one of both')
        self.zero_init = zero_init
        self.reads = nn.ModuleList(
            nn.Conv2d(hidden_channels, width, 1, stride=stride, bias=False) if i or reads_first else nn.Identity()
            for i, (width, (stride, _)) in enumerate(zip(widths, strides)))
        updates = len(widths) - (not updates_last)
        self.project = nn.Conv2d(channels, hidden_channels, 1, bias=False) if updates else nn.Identity()
        self.recur = (nn.Conv2d(hidden_channels, hidden_channels, 3, padding=1, bias=False) if updates
                      else nn.Identity())
        self.norms = nn.ModuleList(norm(hidden_channels) for _ in range(updates))
        # Odd sizes round up, as in the blocks' convolutions.
        self.pools = nn.ModuleList(
            nn.AvgPool2d(stride, ceil_mode=True, count_include_pad=False) if stride > 1 else nn.Identity()
            for _, stride in strides)
        self.init_weights()

    def init_weights(self) -> None:
        """Draw initial weights: Kaiming fan-out, and zero for what the blocks read where ``zero_init``."""
        for conv in (*self.reads, self.project, self.recur):
            if isinstance(conv, nn.Conv2d):
                nn.init.kaiming_normal_(conv.weight, mode='fan_out', nonlinearity='relu')
        if self.zero_init:
            for weight in self.reads.parameters():
                nn.init.zeros_(weight)

    def read(self, index: int, hidden: Tensor | None) -> Tensor | None:
        """Return ``W_i h`` for block ``index``, at its first convolution's stride; None where there is no state."""
        return None if hidden is None else self.reads[index](hidden)

    def update(self, index: int, out: Tensor, hidden: Tensor | None) -> Tensor | None:
        """Return the state after block ``index``, whose output is ``out``; None after a last one that nothing reads."""
        if index == len(self.norms):
            return None
        projected = self.project(out)
        if hidden is not None:
            projected = projected + self.pools[index](hidden)
        return self.recur(torch.tanh(self.norms[index](projected)))
