"""Recurrent layer aggregation (RLA, NeurIPS 2021, arXiv 2110.11852) as a plain torch module."""
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .frozen_norm import affine_of_frozen, is_plain, map_is_larger, scaled

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
    has no parameters for it.

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
        self.zero_init = zero_init
        self.strides = [stride for _, stride in strides]
        self.reads = nn.ModuleList(
            nn.Conv2d(hidden_channels, width, 1, stride=stride, bias=False) if i or reads_first else nn.Identity()
            for i, (width, (stride, _)) in enumerate(zip(widths, strides)))
        self.project = nn.Conv2d(channels, hidden_channels, 1, bias=False)
        self.recur = nn.Conv2d(hidden_channels, hidden_channels, 3, padding=1, bias=False)
        self.norms = nn.ModuleList(norm(hidden_channels) for _ in range(len(widths) - (not updates_last)))
        self.init_weights()

    def init_weights(self) -> None:
        """Draw initial weights: Kaiming fan-out, and zero for what the blocks read where ``zero_init``."""
        for conv in (*self.reads, self.project, self.recur):
            if isinstance(conv, nn.Conv2d):
                nn.init.kaiming_normal_(conv.weight, mode='fan_out', nonlinearity='relu')
        if self.zero_init:
            for weight in self.reads.parameters():
                nn.init.zeros_(weight)

    def read(self, index: int, hidden: Tensor, out: Tensor, scale: Tensor | None = None) -> Tensor:
        """Return ``W_i h + out``: ``out`` is the result of block ``index``'s first convolution without the state.

        With ``scale`` s of a frozen norm, ``out`` is after that norm, and so is what is returned.
        """
        conv = self.reads[index]
        if scale is None:
            return conv(hidden).add_(out)
        if not is_plain(conv):
            return torch.addcmul(out, scale[:, None, None], conv(hidden))
        return conv._conv_forward(hidden, scale.view(-1, 1, 1, 1) * conv.weight, None).add_(out)

    def update(self, index: int, hidden: Tensor | None, projected: Tensor, scale: Tensor | None = None) -> Tensor:
        """Return the state after block ``index``; ``projected`` is ``O x'``.

        With ``scale`` s of the frozen norm, ``norm(z) = s z + b``, it is ``norm(O x')``.
        """
        if hidden is not None:
            if self.strides[index] > 1:
                # Rounds odd sizes up, as the block's strided convolution does.
                hidden = F.avg_pool2d(hidden, self.strides[index], ceil_mode=True, count_include_pad=False)
            projected = projected + hidden if scale is None else projected.addcmul(scale[:, None, None], hidden)
        if scale is None:
            projected = self.norms[index](projected)
        # Without a state it may be a part of a larger map, which autograd does not let change in place.
        return self.recur(torch.tanh(projected) if hidden is None else projected.tanh_())


def are_joinable(*convs: nn.Module) -> bool:
    """Whether convolutions of one map can be one: plain 1x1 ones that read every pixel."""
    return all(is_plain(conv) and conv.kernel_size == conv.stride == (1, 1) and conv.groups == 1 for conv in convs)


def convs_of_one_map(x: Tensor, *layers: tuple[nn.Module, nn.Module]) -> tuple[tuple[Tensor, Tensor | None], ...]:
    """Return, for each ``(conv, norm)``, what ``conv(x)`` contributes to the sum that ``norm`` reads.

    That is ``(conv(x), None)`` before the norm or, where a frozen norm joins the convolution as in
    :func:`~layeragg_mm.layers.frozen_norm.conv_norm`, ``(norm(conv(x)), s)`` after it, s being the norm's scale:
    ``norm(conv(x) + z) = norm(conv(x)) + s z``. Plain 1x1 convolutions are one, with all their weights: it reads ``x``,
    and adds to its gradient, once.
    """
    convs = [conv for conv, _ in layers]
    if not are_joinable(*convs):
        return tuple((conv(x), None) for conv in convs)
    with_norms = map_is_larger(convs[0], x)  # the same for each of them
    weight, bias, scales = joined_weights(layers, with_norms=with_norms)
    return tuple(zip(F.conv2d(x, weight, bias).split([conv.out_channels for conv in convs], 1), scales))


def joined_weights(layers: Sequence[tuple[nn.Module, nn.Module]], *,
                   with_norms: bool) -> tuple[Tensor, Tensor | None, list[Tensor | None]]:
    """Return weight and bias of all convolutions in one, and the scale of each ``(conv, norm)`` whose norm is in it."""
    affines = [affine_of_frozen(norm) if with_norms else None for _, norm in layers]
    weights, biases = zip(*((conv.weight, conv.bias) if affine is None else scaled(conv, *affine)
                            for (conv, _), affine in zip(layers, affines)))
    bias = None
    if any(bias is not None for bias in biases):
        bias = torch.cat([weight.new_zeros(len(weight)) if bias is None else bias
                          for weight, bias in zip(weights, biases)])
    return torch.cat(weights), bias, [None if affine is None else affine[0] for affine in affines]


class JointConvs(nn.Module):
    """:func:`convs_of_one_map` for inference: the weights, frozen norms included, are joined once."""

    def __init__(self, *layers: tuple[nn.Module, nn.Module]) -> None:
        super().__init__()
        weight, bias, scales = joined_weights(layers, with_norms=True)
        self.widths = [conv.out_channels for conv, _ in layers]
        self.conv = nn.Conv2d(weight.shape[1], weight.shape[0], 1, bias=bias is not None)
        self.conv.weight, self.conv.bias = (None if value is None else nn.Parameter(value) for value in (weight, bias))
        for i, scale in enumerate(scales):
            self.register_parameter(f'scale{i}', None if scale is None else nn.Parameter(scale))

    def forward(self, x: Tensor) -> tuple[tuple[Tensor, Tensor | None], ...]:
        outs = self.conv(x).split(self.widths, 1)
        return tuple((out, getattr(self, f'scale{i}')) for i, out in enumerate(outs))
