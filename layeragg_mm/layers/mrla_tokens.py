"""Multi-head recurrent layer attention over tokens, as MRLA's authors released it for DeiT (arXiv 2302.03985)."""
import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .mrla import History, QueryKeyValue, weighted

__all__ = ['BaseTokenAttention', 'LightTokenAttention']


class TokenAttention(QueryKeyValue):
    """What both forms share: the tokens are normalised first, and the patches among them taken as a map.

    Tokens are (N, P + L, C): L = height * width patches, row by row, and before them P others (a class token: 1). These
    others get their normalised copy added, so that a class token is not left alone.
    """

    def __init__(self, channels: int, *, channels_per_head: int, norm: Callable[[int], nn.Module],
                 zero_init: bool) -> None:
        super().__init__(channels, channels_per_head=channels_per_head)
        self.zero_init = zero_init
        self.norm = norm(channels)

    def init_weights(self) -> None:
        """Draw initial weights; the norm's scale decides whether the module starts as the identity."""
        for layer in (self.query, self.key, self.value):
            layer.reset_parameters()
        nn.init.constant_(self.norm.weight, 0. if self.zero_init else 1.)
        nn.init.zeros_(self.norm.bias)

    def split(self, tokens: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """Return the normalised tokens: those that are no patches, (N, P, C), and the patches as a map."""
        tokens, others = self.norm(tokens), tokens.shape[1] - size[0] * size[1]
        return tokens[:, :others], as_map(tokens[:, others:], size)


class LightTokenAttention(TokenAttention):
    r"""MRLA-light after a transformer block: its output attends to all earlier layers through the block's input.

    With x the block's output and o its input, tokens (N, P + L, C), m the patches of ``LN(x)`` as a map, and q, k, v of
    m as in MRLA, for each head

    .. math::

        r &= \mathrm{sigmoid}(\langle q, k \rangle / \sqrt{\text{channels per head}}) \cdot \mathrm{gelu}(v)
             + \lambda \cdot \mathrm{LN}_o(o) \\
        \mathrm{out} &= x + \mathrm{concat}(\text{the other tokens of } \mathrm{LN}(x), r)

    Args:
        channels: channels C.
        channels_per_head: channels that share one attention weight; must divide C.
        norm: makes the norm layer for a number of channels.
        zero_init: start with the norm's scale and lambda at zero, so that the module starts as the identity; False is
            the published start (scale 1, lambda drawn from N(0, 1)).

    Raises:
        ValueError: C is not a multiple of ``channels_per_head``.
    """

    def __init__(self, channels: int, *, channels_per_head: int = 16, norm: Callable[[int], nn.Module] = nn.LayerNorm,
                 zero_init: bool = True) -> None:
        super().__init__(channels, channels_per_head=channels_per_head, norm=norm, zero_init=zero_init)
        self.shortcut_norm = norm(channels)
        self.shortcut_scale = nn.Parameter(torch.empty(channels))
        self.init_weights()

    def init_weights(self) -> None:
        super().init_weights()
        nn.init.ones_(self.shortcut_norm.weight)
        nn.init.zeros_(self.shortcut_norm.bias)
        nn.init.normal_(self.shortcut_scale, std=0. if self.zero_init else 1.)

    def forward(self, x: Tensor, shortcut: Tensor, size: tuple[int, int]) -> Tensor:
        """Return the output for a block's output and input, (N, P + L, C), whose patches are of ``size``."""
        others, patches = self.split(x, size)
        query, key = self.query_and_key(patches)
        attention = ((query * key).sum(-1) / math.sqrt(self.channels_per_head)).sigmoid()
        attended = weighted(attention, F.gelu(self.value(patches))).flatten(2).transpose(1, 2)
        attended = attended + self.shortcut_scale * self.shortcut_norm(shortcut[:, others.shape[1]:])
        return x + torch.cat([others, attended], 1)


class BaseTokenAttention(TokenAttention):
    r"""MRLA-base after a transformer block: its output attends to itself and the blocks before it in its history.

    As :class:`LightTokenAttention`, with s running over the blocks up to this one, and

    .. math::

        r = \textstyle\sum_s \mathrm{softmax}_s(\langle q, k_s \rangle / \sqrt{\text{channels per head}}) \cdot v_s

    Args:
        channels: channels C.
        channels_per_head: channels that share one attention weight; must divide C.
        norm: makes the norm layer for a number of channels.
        zero_init: start with the norm's scale at zero, so that the module starts as the identity; False is the
            published start (scale 1).

    Raises:
        ValueError: C is not a multiple of ``channels_per_head``.
    """

    def __init__(self, channels: int, *, channels_per_head: int = 16, norm: Callable[[int], nn.Module] = nn.LayerNorm,
                 zero_init: bool = True) -> None:
        super().__init__(channels, channels_per_head=channels_per_head, norm=norm, zero_init=zero_init)
        self.init_weights()

    def forward(self, x: Tensor, history: History, size: tuple[int, int]) -> tuple[Tensor, History]:
        """Return the output and the history for the next block: the (key, value) of all blocks up to this one."""
        others, patches = self.split(x, size)
        query, key = self.query_and_key(patches)
        history = (*history, (key, self.value(patches)))
        scores = torch.stack([(query * key).sum(-1) for key, _ in history]) / math.sqrt(self.channels_per_head)
        first, *later = (weighted(weight, value) for weight, (_, value) in zip(scores.softmax(0), history))
        return x + torch.cat([others, sum(later, first).flatten(2).transpose(1, 2)], 1), history


def as_map(patches: Tensor, size: tuple[int, int]) -> Tensor:
    """Return patches (N, L, C) as a map (N, C, height, width)."""
    images, _, channels = patches.shape
    return patches.transpose(1, 2).reshape(images, channels, *size)  # unflatten: an exporter would keep the size
