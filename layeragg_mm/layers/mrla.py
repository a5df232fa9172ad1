"""Multi-head recurrent layer attention (MRLA, ICLR 2023, arXiv 2302.03985) as plain torch modules."""
import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from mmcv.cnn.bricks import DropPath
from torch import Tensor, nn

from . import operators
from .channel_attention import adaptive_kernel_size
from .depthwise import DepthwiseConv2d, compiles_training_on_cpu, depthwise_sum
from .frozen_norm import affine_of_frozen
from .global_average import GlobalAverage
from .history_sum import history_sum, per_channel

__all__ = ['BaseLayerAttention', 'LightLayerAttention']

History = tuple[tuple[Tensor, Tensor], ...]  # key and value of each block, the first one's first


class LayerAttention(nn.Module):
    """What both forms of MRLA share: query, key and value of a block's output, and the norm of the result.

    With ``g`` the global average pool of ``x`` (N, C, H, W): query ``W_q g`` and key ``W_k g`` are 1-D convolutions
    along the channels, the value ``W_v x`` is a 3x3 depthwise convolution; all without bias. A head is a group of
    ``channels_per_head`` channels.
    """

    def __init__(self,
                 channels: int,
                 *,
                 channels_per_head: int,
                 norm: Callable[[int], nn.Module],
                 drop_path_rate: float,
                 zero_init: bool) -> None:
        super().__init__()
        if channels % channels_per_head:
            raise ValueError(f'channels_per_head={channels_per_head} does not divide {channels} channels; '
                             f'allowed are the divisors of {channels}')
        self.channels_per_head = channels_per_head
        self.zero_init = zero_init
        self.pool = GlobalAverage()
        kernel_size = adaptive_kernel_size(channels)
        self.query = nn.Conv1d(1, 1, kernel_size, padding=kernel_size // 2, bias=False)
        self.key = nn.Conv1d(1, 1, kernel_size, padding=kernel_size // 2, bias=False)
        self.value = DepthwiseConv2d(channels)
        self.norm = norm(channels)
        self.drop_path = DropPath(drop_path_rate) if drop_path_rate else nn.Identity()

    def init_weights(self) -> None:
        """Draw initial weights; the norm's scale decides whether the module starts as the identity."""
        nn.init.kaiming_normal_(self.value.weight, mode='fan_out', nonlinearity='relu')
        nn.init.constant_(self.norm.weight, 0. if self.zero_init else 1.)
        nn.init.zeros_(self.norm.bias)

    def query_and_key(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return query and key of ``x`` (N, C, H, W), each (N, heads, channels per head)."""
        if not operators.takes_kernels(x):
            return self.query_and_key_literal(x)
        vectors = operators.query_key(self.pool(x), self.query.weight, self.key.weight)
        return vectors.unflatten(-1, (-1, self.channels_per_head)).unbind()

    def query_and_key_literal(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The two convolutions as they stand."""
        pooled = self.pool(x)[:, None]
        return tuple(layer(pooled).view(len(x), -1, self.channels_per_head) for layer in (self.query, self.key))

    def frozen_affine(self) -> tuple[Tensor, Tensor] | None:
        """Return (scale, shift), each (C,), if the norm is an affine map now and no path is dropped; else None."""
        if self.training and not isinstance(self.drop_path, nn.Identity):
            return None
        return affine_of_frozen(self.norm)


class LightLayerAttention(LayerAttention):
    r"""MRLA-light: a block's output attends to all earlier layers through the block's shortcut (section 3.3).

    With ``o`` the block's shortcut, and q, k, v as in :class:`LayerAttention`, for each head

    .. math::

        a &= \mathrm{sigmoid}(\langle q, k \rangle / \sqrt{\text{channels per head}}) \\
        \mathrm{out} &= x + \mathrm{drop\_path}(\mathrm{norm}(a \cdot v + \lambda \cdot o))

    ``lambda`` is one number a channel. Since ``o`` holds the result of the block before, the sum recurs: each layer
    sees all earlier ones, at a cost linear in depth.

    Args:
        channels: channels C of ``x`` and ``o``, both (N, C, H, W).
        channels_per_head: channels that share one attention weight; must divide C.
        norm: makes the norm layer for a number of channels.
        drop_path_rate: probability with which the attention is left out for an image in training.
        zero_init: start with the norm's scale at zero, so that the module starts as the identity; False is
            the published start (scale 1).

    Raises:
        ValueError: C is not a multiple of ``channels_per_head``.
    """

    def __init__(self,
                 channels: int,
                 *,
                 channels_per_head: int = 32,
                 norm: Callable[[int], nn.Module] = nn.BatchNorm2d,
                 drop_path_rate: float = 0.,
                 zero_init: bool = True) -> None:
        super().__init__(channels, channels_per_head=channels_per_head, norm=norm, drop_path_rate=drop_path_rate,
                         zero_init=zero_init)
        self.shortcut_scale = nn.Parameter(torch.empty(channels, 1, 1))
        self.init_weights()

    def init_weights(self) -> None:
        super().init_weights()
        nn.init.normal_(self.shortcut_scale)

    def attention(self, x: Tensor) -> Tensor:
        """Return each head's attention weight ``a``, (N, heads)."""
        query, key = self.query_and_key(x)
        return ((query * key).sum(-1) / math.sqrt(self.channels_per_head)).sigmoid()

    def forward(self, x: Tensor, shortcut: Tensor, *, inplace: bool = False) -> Tensor:
        """Return the output; with ``inplace`` it may take the place of ``x``: on the CPU, where gradients are off."""
        # a v = (a W_v) * x is one depthwise convolution, whose kernels are each image's own. With a frozen norm,
        # s z + b, so is x + s a v + b = (s a W_v + identity) * x + b. One more pass adds o, on a GPU the same pass.
        attention, affine = self.attention(x), self.frozen_affine()
        if operators.takes_kernels(x):
            out = operators.attended_sum(x, self.value.weight, attention, self.shortcut_scale, shortcut,
                                         *(affine or (None, None)))
            return out if affine is not None else x + self.drop_path(self.norm(out))
        if torch.compiler.is_compiling() and not compiles_training_on_cpu(x):  # inductor makes one pass of all this
            if affine is None:
                return self.forward_literal(x, shortcut)
            scale, shift = (value[:, None, None] for value in affine)
            attended = scale * per_channel(attention, x.shape[1]) * self.value(x)
            return attended + scale * self.shortcut_scale * shortcut + (x + shift)
        kernels = per_channel(attention, x.shape[1])[..., None] * self.value.weight
        bias, shortcut_scale = None, self.shortcut_scale
        if affine is not None:
            scale, bias = affine
            kernels = scale[:, None, None, None] * kernels + F.pad(kernels.new_ones(1, 1), (1, 1, 1, 1))
            shortcut_scale = scale[:, None, None] * shortcut_scale
        inplace = inplace and affine is not None  # else x is read once more
        out = depthwise_sum(x, kernels, bias, shortcut_scale, shortcut, inplace=inplace)
        return out if affine is not None else x + self.drop_path(self.norm(out))

    def forward_literal(self, x: Tensor, shortcut: Tensor, *, inplace: bool = False) -> Tensor:
        """The equation as it stands, which the fast form equals; never in place."""
        attended = per_channel(self.attention(x), x.shape[1]) * self.value(x) + self.shortcut_scale * shortcut
        return x + self.drop_path(self.norm(attended))


class BaseLayerAttention(LayerAttention):
    r"""MRLA-base: a block's output attends to itself and to every block before it in its stage (section 3.2).

    With q, k, v as in :class:`LayerAttention` and s running over the blocks up to this one, for each head

    .. math::

        a_s &= \mathrm{softmax}_s(\langle q, k_s \rangle / \sqrt{\text{channels per head}}) \\
        \mathrm{out} &= x + \mathrm{drop\_path}(\mathrm{act}(\mathrm{norm}(\textstyle\sum_s a_s v_s)))

    Args:
        channels: channels C of ``x``, (N, C, H, W).
        channels_per_head: channels that share one attention weight; must divide C.
        norm: makes the norm layer for a number of channels.
        act: activation after the norm. None in the second released form, ReLU in the first.
        drop_path_rate: probability with which the attention is left out for an image in training.
        zero_init: start with the norm's scale at zero, so that the module starts as the identity. Not for an
            ``act`` like ReLU, whose gradient at zero is zero: the attention would never learn.

    Raises:
        ValueError: C is not a multiple of ``channels_per_head``, or ``zero_init`` comes with an ``act``.
    """

    def __init__(self,
                 channels: int,
                 *,
                 channels_per_head: int = 16,
                 norm: Callable[[int], nn.Module] = nn.BatchNorm2d,
                 act: nn.Module | None = None,
                 drop_path_rate: float = 0.,
                 zero_init: bool = True) -> None:
        if zero_init and act is not None:
            raise ValueError('the norm after the attention cannot start at scale zero before an activation, whose '
                             'gradient there is zero; allowed: zero_init=False, or no activation')
        super().__init__(channels, channels_per_head=channels_per_head, norm=norm, drop_path_rate=drop_path_rate,
                         zero_init=zero_init)
        self.act = act or nn.Identity()
        self.init_weights()

    def forward(self, x: Tensor, history: History = ()) -> tuple[Tensor, History]:
        """Return the output and the history for the next block: the (key, value) of all blocks up to this one."""
        weights, keys, values = self.attention(x, history)
        affine = self.frozen_affine()
        if affine is not None and isinstance(self.act, nn.Identity):
            # With norm(z) = s z + b, the output is x + b + sum_s (s a_s) v_s.
            out, *values = history_sum(x, *affine, weights, values)
        else:
            out, *values = history_sum(None, None, None, weights, values)
            out = x + self.drop_path(self.act(self.norm(out)))
        return out, tuple(zip(keys, values))

    def attention(self, x: Tensor, history: History) -> tuple[Tensor, Sequence[Tensor], Sequence[Tensor]]:
        """Return the blocks' weights ``a_s`` by head, (S, N, heads), with their keys and values."""
        query, key = self.query_and_key(x)
        keys, values = zip(*history, (key, self.value(x)))
        scores = (query * torch.stack(keys)).sum(-1)
        return (scores / math.sqrt(self.channels_per_head)).softmax(0), keys, values

    def forward_literal(self, x: Tensor, history: History = ()) -> tuple[Tensor, History]:
        """The equation as it stands, which the fast form equals."""
        weights, keys, values = self.attention(x, history)
        attended = (per_channel(weights, x.shape[1]) * torch.stack(values)).sum(0)
        return x + self.drop_path(self.act(self.norm(attended))), tuple(zip(keys, values))
