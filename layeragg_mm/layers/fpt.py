"""The three transformers of the feature pyramid transformer (FPT, arXiv 2007.09451, ECCV 2020) as plain torch modules.

Their attention has one weight for each pair of positions: at stride 4 of an image of 800 x 1344, 67,200 x 16,800. It
is computed here by identities that need memory linear in the positions: as ``F.scaled_dot_product_attention`` where
there is a softmax, as a product of matrices of channels where there is none.
"""
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from .channel_attention import global_average
from .conv_norm import ConvSequential

__all__ = ['EuclideanGroundingTransformer', 'GroundingTransformer', 'RenderingTransformer', 'SelfTransformer']


def attend(query: Tensor, key: Tensor, value: Tensor, mixture: Tensor, *, euclidean: bool = False) -> Tensor:
    r"""Return a mixture of attentions: each part of the channels of query and key weighs the same values.

    With n running over the parts, C the channels of the query, and ``q``, ``k``, ``v`` at positions i and j,

    .. math::

        \pi = \mathrm{softmax}_n(w_n \cdot \mathrm{mean}_i\, q_i) \qquad
        \mathrm{out}_i = \textstyle\sum_n \pi_n \sum_j \mathrm{softmax}_j(s_n(q_i, k_j))\, v_j

    where ``s_n = q_n . k_n / sqrt(C)``, or with ``euclidean`` ``-|q_n - k_n|^2``, which is ``2 q_n . k_n - |k_n|^2`` up
    to what the softmax takes away.

    Args:
        query: (N, C, H, W).
        key: (N, C, h, w).
        value: (N, C_v, h, w).
        mixture: w, (parts, C).
    """
    parts, size = len(mixture), query.shape[2:]
    weights = (global_average(query) @ mixture.T).softmax(1)
    query, key = (x.flatten(2).unflatten(1, (parts, -1)).transpose(2, 3) for x in (query, key))
    value = value.flatten(2).transpose(1, 2)[:, None]  # (N, 1, hw, C_v); the others (N, parts, HW or hw, C / parts)
    if euclidean:
        query = torch.cat([2 * query, torch.ones_like(query[..., :1])], -1)
        key = torch.cat([key, -key.square().sum(-1, keepdim=True)], -1)
    # The kernels that make no map of all pairs want one width, and its numbers side by side.
    width = max(query.shape[-1], value.shape[-1])
    padded = [F.pad(x, (0, width - x.shape[-1])).contiguous() for x in (query, key, value)]
    out = F.scaled_dot_product_attention(
        *padded[:2], padded[2].expand(-1, parts, -1, -1), scale=1. if euclidean else mixture.shape[1]**-.5)
    out = (weights[:, :, None, None] * out[..., :value.shape[-1]]).sum(1)
    return out.transpose(1, 2).unflatten(2, size)


def draw_mixture(channels: int, parts: int) -> nn.Parameter:
    """Return w of :func:`attend`, uniform between +- parts^-1/2.

    Raises:
        ValueError: ``parts`` does not divide the channels.
    """
    if parts < 1 or channels % parts:
        raise ValueError(f'parts={parts} does not divide {channels} channels; allowed are the divisors of {channels}')
    return nn.Parameter(torch.empty(parts, channels).uniform_(-parts**-.5, parts**-.5))


class SelfTransformer(nn.Module):
    r"""ST, in which a map attends to itself: ``norm(W_o attend(q, k, v)) + x``.

    With x' = avgpool3x3(x), stride 2, ``q = W_q x``, ``k = W_q x'`` (one convolution for both), ``v = W_v x'``. The
    released dropout of the weights (0.1) is left out: with it, a CPU needs the map of all pairs.

    Args:
        channels: channels C of ``x`` (N, C, H, W), of any size.
        parts: parts of the channels that attend each for itself; must divide C.
        norm: makes the norm layer for a number of channels.
    """

    def __init__(self, channels: int, *, parts: int = 2, norm: Callable[[int], nn.Module] = nn.BatchNorm2d) -> None:
        super().__init__()
        self.query_key = nn.Conv2d(channels, channels, 1)
        self.value = nn.Conv2d(channels, channels, 1)
        self.mixture = draw_mixture(channels, parts)
        self.out = ConvSequential(nn.Conv2d(channels, channels, 1, bias=False), norm(channels))

    def forward(self, x: Tensor) -> Tensor:
        pooled = F.avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=False)
        attended = attend(self.query_key(x), self.query_key(pooled), self.value(pooled), self.mixture)
        return self.out(attended) + x


class GroundingTransformer(nn.Module):
    r"""GT, in which a fine map reads a coarser one: ``norm(Z y)``.

    ``t = T fine``, ``p = P coarse`` and ``g = G coarse`` have C / 2 channels, y sums over the M positions of the coarse
    map, without a softmax:

    .. math::

        y_i = \textstyle\sum_j (t_i \cdot p_j / M)\, g_j = (g p^{\mathsf T} / M)\, t_i

    The norm's scale starts at zero, and so does the result.

    Args:
        channels: channels C of both maps, (N, C, H, W) and (N, C, h, w), of any sizes.
        norm: makes the norm layer for a number of channels.
    """

    def __init__(self, channels: int, *, norm: Callable[[int], nn.Module] = nn.BatchNorm2d) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Conv2d(channels, channels // 2, 1) for _ in range(3))
        self.out = ConvSequential(nn.Conv2d(channels // 2, channels, 1), norm(channels))
        self.init_weights()

    def init_weights(self) -> None:
        """Let the result start at zero."""
        nn.init.zeros_(self.out[1].weight)

    def read(self, fine: Tensor, coarse: Tensor) -> Tensor:
        """Return y."""
        query = self.query(fine)
        key, value = self.key(coarse).flatten(2), self.value(coarse).flatten(2)
        matrix = (value / value.shape[2]) @ key.transpose(1, 2)
        return (matrix @ query.flatten(2)).unflatten(2, query.shape[2:])

    def forward(self, fine: Tensor, coarse: Tensor) -> Tensor:
        return self.out(self.read(fine, coarse))


class EuclideanGroundingTransformer(GroundingTransformer):
    """GT as the paper has it: ``y = attend(t, p, g)`` with a softmax of ``-|t - p|^2``, see :func:`attend`.

    Args:
        channels: channels C of both maps; ``parts`` must divide C / 2.
        parts: parts of the channels that attend each for itself.
        norm: makes the norm layer for a number of channels.
    """

    def __init__(self, channels: int, *, parts: int = 2, norm: Callable[[int], nn.Module] = nn.BatchNorm2d) -> None:
        super().__init__(channels, norm=norm)
        self.mixture = draw_mixture(channels // 2, parts)

    def read(self, fine: Tensor, coarse: Tensor) -> Tensor:
        query, key, value = self.query(fine), self.key(coarse), self.value(coarse)
        with torch.autocast(query.device.type, enabled=False):  # |k|^2 needs float32
            query, key, value = (x.to(torch.promote_types(x.dtype, torch.float32)) for x in (query, key, value))
            return attend(query, key, value, self.mixture.to(query.dtype), euclidean=True).to(fine.dtype)


class RenderingTransformer(nn.Module):
    r"""RT, in which a coarse map reads a finer one: ``relu(norm(S fine) + w norm(K coarse))``.

    ``w = relu(norm(B GAP(fine)))`` has one number a channel. S is a 3x3 convolution with the stride between the two, K
    one without, B a 1x1 convolution; all without bias.

    The norm in w sees maps of one pixel. A batch norm (as released) therefore keeps its running statistics there, in
    training too: those of a batch of one or two numbers would be none.

    Args:
        channels: channels C of both maps, (N, C, H, W) and (N, C, ceil(H / stride), ceil(W / stride)).
        stride: between the two.
        norm: makes the norm layer for a number of channels.
        gate_norm: makes that of w.
    """

    def __init__(self, channels: int, *, stride: int = 2, norm: Callable[[int], nn.Module] = nn.BatchNorm2d,
                 gate_norm: Callable[[int], nn.Module] = nn.BatchNorm2d) -> None:
        super().__init__()
        self.fine = ConvSequential(
            nn.Conv2d(channels, channels, 3, stride=stride, padding=1, bias=False), norm(channels))
        self.coarse = ConvSequential(nn.Conv2d(channels, channels, 3, padding=1, bias=False), norm(channels))
        self.gate = nn.Sequential(
            nn.Conv2d(channels, channels, 1, bias=False), gate_norm(channels), nn.ReLU(inplace=True))
        self.train()

    def train(self, mode: bool = True) -> 'RenderingTransformer':
        """Set training mode, except for a batch norm of single pixels."""
        super().train(mode)
        if isinstance(self.gate[1], _BatchNorm):
            self.gate[1].eval()
        return self

    def forward(self, coarse: Tensor, fine: Tensor) -> Tensor:
        gate = self.gate(global_average(fine)[:, :, None, None])
        return F.relu(self.fine(fine) + gate * self.coarse(coarse))
