"""Multi-head recurrent layer attention (MRLA, ICLR 2023, arXiv 2302.03985) as plain torch modules."""
import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from ..choices import check_rate
from .channel_attention import adaptive_kernel_size, global_average
from .forms import replaceable

__all__ = ['BaseLayerAttention', 'LightLayerAttention']

History = tuple[tuple[Tensor, Tensor], ...]  # key and value of each block, the first one's first


class QueryKeyValue(nn.Module):
    """What all forms of layer attention share: query, key and value of a block's output.

    With ``g`` the global average pool of ``x`` (N, C, H, W): query ``W_q g`` and key ``W_k g`` are 1-D convolutions
    along the channels, the value ``W_v x`` is a 3x3 depthwise convolution; all without bias. A head is a group of
    ``channels_per_head`` channels.
    """

    def __init__(self, channels: int, *, channels_per_head: int) -> None:
        super().__init__()
        if channels_per_head < 1 or channels % channels_per_head:
            raise ValueError(f'channels_per_head={channels_per_head} does not divide {channels} channels; '
                             f'allowed are the divisors of {channels}')
        self.channels_per_head = channels_per_head
        kernel_size = adaptive_kernel_size(channels)
        self.query = nn.Conv1d(1, 1, kernel_size, padding=kernel_size // 2, bias=False)
        self.key = nn.Conv1d(1, 1, kernel_size, padding=kernel_size // 2, bias=False)
        self.value = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)

    @replaceable
    def value_of(self, x: Tensor) -> Tensor:
        """Return the value of ``x``, of its shape (N, C, H, W)."""
        return self.value(x)

    def query_and_key(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return query and key of ``x`` (N, C, H, W), each (N, heads, channels per head)."""
        pooled = global_average(x)[:, None]
        return tuple(layer(pooled)[:, 0].unflatten(1, (-1, self.channels_per_head)) for layer in (self.query, self.key))


class LayerAttention(QueryKeyValue):
    """What both forms of MRLA share: query, key and value, and the norm of the result."""

    def __init__(self,
                 channels: int,
                 *,
                 channels_per_head: int,
                 norm: Callable[[int], nn.Module],
                 drop_path_rate: float,
                 zero_init: bool) -> None:
        super().__init__(channels, channels_per_head=channels_per_head)
        self.zero_init = zero_init
        self.norm = norm(channels)
        if getattr(self.norm, 'weight', None) is None or self.norm.bias is None:
            raise ValueError(f'the norm after layer attention needs a scale and a shift, and {self.norm} has none; '
                             'allowed: one with affine=True')
        self.drop_path = DropPath(drop_path_rate) if drop_path_rate else nn.Identity()

    def init_weights(self) -> None:
        """Draw initial weights; the norm's scale decides whether the module starts as the identity."""
        nn.init.kaiming_normal_(self.value.weight, mode='fan_out', nonlinearity='relu')
        nn.init.constant_(self.norm.weight, 0. if self.zero_init else 1.)
        nn.init.zeros_(self.norm.bias)


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

    @replaceable
    def forward(self, x: Tensor, shortcut: Tensor) -> Tensor:
        """Return the output for a block's output ``x`` and its shortcut, both (N, C, H, W)."""
        attended = weighted(self.attention(x), self.value_of(x)) + self.shortcut_scale * shortcut
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

    def attention(self, x: Tensor, history: History) -> tuple[Tensor, History]:
        """Return the blocks' weights ``a_s`` by head, (S, N, heads), and the history with this block in it."""
        query, key = self.query_and_key(x)
        history = (*history, (key, self.value_of(x)))
        scores = (query * torch.stack([key for key, _ in history])).sum(-1)
        return (scores / math.sqrt(self.channels_per_head)).softmax(0), history

    @replaceable
    def forward(self, x: Tensor, history: History = ()) -> tuple[Tensor, History]:
        """Return the output and the history for the next block: the (key, value) of all blocks up to this one."""
        weights, history = self.attention(x, history)
        first, *others = (weighted(weight, value) for weight, (_, value) in zip(weights.unbind(), history))
        return x + self.drop_path(self.act(self.norm(sum(others, first)))), history


def weighted(weight: Tensor, value: Tensor) -> Tensor:
    """Return the maps ``value`` (N, C, H, W), each head's channels times its ``weight`` (N, heads)."""
    heads = weight.shape[-1]
    # Not flattened: ONNX's TorchScript exporter would take the size for that of the example.
    return (weight[..., None, None, None] * value.unflatten(1, (heads, -1))).reshape(value.shape)


class DropPath(nn.Module):
    """Stochastic depth (arXiv 1603.09382): in training, each image's maps are zero with probability ``drop_prob``.

    The others are scaled by ``1 / (1 - drop_prob)``, so that the expectation stays.
    """

    def __init__(self, drop_prob: float) -> None:
        super().__init__()
        check_rate('drop_path_rate', drop_prob)
        self.drop_prob = drop_prob

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        kept = torch.rand(len(x), 1, 1, 1, device=x.device) >= self.drop_prob
        return x * (kept / (1 - self.drop_prob)).to(x.dtype)
