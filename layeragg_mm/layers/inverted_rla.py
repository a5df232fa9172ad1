"""Recurrent layer aggregation among inverted residuals, as RLA's authors released it for MobileNetV2."""
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from .conv_norm import conv_norm

__all__ = ['InvertedRecurrentAggregation', 'Place', 'ReadThroughDepthwise']

Place = tuple[int, int]  # a stage, and a block in it


class ReadThroughDepthwise(nn.Module):
    r"""What an inverted residual reads of a hidden state h: ``W_h act(norm(D * h))``.

    The block concatenates its expanded input e with h (N, k, H, W) before its depthwise convolution, so that its last
    convolution reads both: ``norm(W_e p + W_h r)``, with p of e and r of h. D is the depthwise convolution's part for
    h, at the block's stride; ``W_h`` (1x1) the last one's. The result is added before the block's last norm, and
    nothing is ever concatenated.
    """

    def __init__(self, hidden_channels: int, channels: int, *, stride: int, norm: Callable[[int], nn.Module],
                 act: Callable[[], nn.Module]) -> None:
        super().__init__()
        self.conv = nn.Conv2d(hidden_channels, hidden_channels, 3, stride=stride, padding=1, groups=hidden_channels,
                              bias=False)
        self.norm = norm(hidden_channels)
        self.act = act()
        self.project = nn.Conv2d(hidden_channels, channels, 1, bias=False)

    def forward(self, hidden: Tensor) -> Tensor:
        return self.project(self.act(conv_norm(self.conv, self.norm, hidden)))


class Stage(NamedTuple):
    """What must be known of a stage: the channels of its blocks' outputs, and each block's stride."""
    channels: int
    strides: Sequence[int]


class InvertedRecurrentAggregation(nn.Module):
    r"""The hidden state of a network of inverted residuals (RLA, NeurIPS 2021, arXiv 2110.11852).

    Block i of stage j, with ``y`` its residual branch after the last norm, before the shortcut's sum, reads the state
    (:class:`ReadThroughDepthwise`) and updates it, h' being the state, average pooled where the block strides:

    .. math::

        h \leftarrow R * \tanh(\mathrm{norm}_{ji}(h' + O_j y))

    ``O_j`` (1x1) is a stage's, the norms are each block's own, and R, depthwise or full, 3x3, is one for the whole
    network. The state has ``hidden_channels`` channels and is zero at first (None here), so the first block reads
    nothing. Behind the last block, a head's 1x1 convolution reads the state too, as ``W act(norm(h))``.

    Unlike RLA-ResNet, as released, the state is fed by y and not by the block's output.

    Args:
        hidden_channels: channels k of the state, (N, k, H, W).
        stages: for each stage, its channels and its blocks' strides.
        recurrence: 'depthwise' or 'full'.
        head_channels: channels of the head's convolution. None: nothing reads the state after the last block, and it is
            not computed.
        norm: makes the norm layer for a number of channels.
        act: makes the activation between what is read.
        zero_init: start what is read at zero, so that the network starts as one without RLA; False is the published
            start.
    """

    def __init__(self,
                 hidden_channels: int,
                 stages: Sequence[tuple[int, Sequence[int]]],
                 *,
                 recurrence: str = 'depthwise',
                 head_channels: int | None = None,
                 norm: Callable[[int], nn.Module] = nn.BatchNorm2d,
                 act: Callable[[], nn.Module] = nn.ReLU6,
                 zero_init: bool = True) -> None:
        super().__init__()
        self.zero_init = zero_init
        stages = [Stage(*stage) for stage in stages]
        self.reads, self.norms, self.pools = (nn.ModuleList() for _ in range(3))
        for j, (channels, strides) in enumerate(stages):
            updates = len(strides) - (head_channels is None and j == len(stages) - 1)
            self.reads.append(nn.ModuleList(
                ReadThroughDepthwise(hidden_channels, channels, stride=stride, norm=norm, act=act)
                if j or i else nn.Identity() for i, stride in enumerate(strides)))
            self.norms.append(nn.ModuleList(norm(hidden_channels) for _ in range(updates)))
            # Odd sizes round up, as in the blocks' convolutions.
            self.pools.append(nn.ModuleList(
                nn.AvgPool2d(stride, ceil_mode=True, count_include_pad=False) if stride > 1 else nn.Identity()
                for stride in strides))
        self.projects = nn.ModuleList(
            nn.Conv2d(stage.channels, hidden_channels, 1, bias=False)
            for stage, norms in zip(stages, self.norms) if len(norms))
        self.recur = None
        if len(self.projects):
            groups = hidden_channels if recurrence == 'depthwise' else 1
            self.recur = nn.Conv2d(hidden_channels, hidden_channels, 3, padding=1, groups=groups, bias=False)
        self.head = None
        if head_channels is not None:
            self.head = nn.Sequential(norm(hidden_channels), act(),
                                      nn.Conv2d(hidden_channels, head_channels, 1, bias=False))
        self.init_weights()

    def init_weights(self) -> None:
        """Draw initial weights: Kaiming fan-out, and zero for what is read where ``zero_init``."""
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, mode='fan_out', nonlinearity='relu')
        if self.zero_init:
            for layer in self.modules():
                if isinstance(layer, ReadThroughDepthwise):
                    nn.init.zeros_(layer.project.weight)
            if self.head is not None:
                nn.init.zeros_(self.head[2].weight)

    def read(self, place: Place, hidden: Tensor | None) -> Tensor | None:
        """Return what the block at ``place`` adds before its last norm; None where there is no state."""
        stage, index = place
        return None if hidden is None else self.reads[stage][index](hidden)

    def update(self, place: Place, branch: Tensor, hidden: Tensor | None) -> Tensor | None:
        """Return the state after the block at ``place``, None after a last one that nothing reads."""
        stage, index = place
        if index == len(self.norms[stage]):
            return None
        projected = self.projects[stage](branch)
        if hidden is not None:
            projected = projected + self.pools[stage][index](hidden)
        return self.recur(torch.tanh(self.norms[stage][index](projected)))

    def of_stage(self, stage: int) -> list[nn.Module]:
        """Return what is a stage's own."""
        return [self.reads[stage], self.norms[stage], *self.projects[stage:stage + 1]]

    def read_by_head(self, hidden: Tensor) -> Tensor:
        """Return what the head adds before its norm."""
        return self.head(hidden)
