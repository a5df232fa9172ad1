"""Deep layer aggregation (DLA, CVPR 2018, arXiv 1707.06484) as plain torch modules: trees, and iterative upsampling.

Feature maps are (N, C, H, W). Every layer that strides by s returns ceil(H / s) x ceil(W / s), pooled and convolved
alike, so inputs of any size aggregate. Convolutions start as published: normal, deviation sqrt(2 / (k * k * C_out)).
"""
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from .deformable import DeformableConv2d
from .frozen_norm import ConvSequential, conv_norm
from .relu_concat import relu_concat, relu_concat_literal

__all__ = ['BasicBlock', 'Bottleneck', 'IterativeAggregation', 'Root', 'Tree', 'UpAggregation',
           'bilinear_upsampling', 'conv2d']

Norm = Callable[[int], nn.Module]


def conv2d(in_channels: int,
           out_channels: int,
           kernel_size: int,
           *,
           stride: int = 1,
           dilation: int = 1,
           groups: int = 1) -> nn.Conv2d:
    """Return a convolution without bias that keeps the size (divided by ``stride``, rounded up)."""
    conv = nn.Conv2d(in_channels, out_channels, kernel_size, stride=stride, padding=kernel_size // 2 * dilation,
                     dilation=dilation, groups=groups, bias=False)
    nn.init.kaiming_normal_(conv.weight, mode='fan_out', nonlinearity='relu')
    return conv


class BasicBlock(nn.Module):
    """``relu(norm(conv3x3(relu(norm(conv3x3(x))))) + shortcut)``.

    Args:
        in_channels: channels of ``x``.
        out_channels: channels of the shortcut and of the result.
        stride: of the first convolution.
        dilation: of both convolutions.
        norm: makes the norm layer for a number of channels.
    """

    def __init__(self,
                 in_channels: int,
                 out_channels: int,
                 *,
                 stride: int = 1,
                 dilation: int = 1,
                 norm: Norm = nn.BatchNorm2d) -> None:
        super().__init__()
        self.conv1 = conv2d(in_channels, out_channels, 3, stride=stride, dilation=dilation)
        self.bn1 = norm(out_channels)
        self.conv2 = conv2d(out_channels, out_channels, 3, dilation=dilation)
        self.bn2 = norm(out_channels)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor, shortcut: Tensor | None = None, *, activate: bool = True) -> Tensor:
        """Return the block's result, or what its last ReLU reads.

        Args:
            x: (N, in_channels, H, W).
            shortcut: ``x`` unless given, at the result's stride and channels.
            activate: whether the result passes the last ReLU.
        """
        shortcut = x if shortcut is None else shortcut
        out = self.relu(conv_norm(self.bn1, self.conv1, x))
        out = conv_norm(self.bn2, self.conv2, out).add_(shortcut)
        return self.relu(out) if activate else out


class Bottleneck(nn.Module):
    """``relu(norm(conv1x1(relu(norm(conv3x3(relu(norm(conv1x1(x)))))))) + shortcut)``.

    The width between is half of ``out_channels``; with a cardinality (the paper's bottleneck-X, after ResNeXt) it is
    ``out_channels * cardinality / 32`` in ``cardinality`` groups.

    Args:
        in_channels: channels of ``x``.
        out_channels: channels of the shortcut and of the result.
        cardinality: groups of the 3x3 convolution; None for the plain bottleneck.
        stride: of the 3x3 convolution.
        dilation: of the 3x3 convolution.
        norm: makes the norm layer for a number of channels.
    """

    def __init__(self,
                 in_channels: int,
                 out_channels: int,
                 *,
                 cardinality: int | None = None,
                 stride: int = 1,
                 dilation: int = 1,
                 norm: Norm = nn.BatchNorm2d) -> None:
        super().__init__()
        width = out_channels // 2 if cardinality is None else out_channels * cardinality // 32
        self.conv1 = conv2d(in_channels, width, 1)
        self.bn1 = norm(width)
        self.conv2 = conv2d(width, width, 3, stride=stride, dilation=dilation, groups=cardinality or 1)
        self.bn2 = norm(width)
        self.conv3 = conv2d(width, out_channels, 1)
        self.bn3 = norm(out_channels)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor, shortcut: Tensor | None = None, *, activate: bool = True) -> Tensor:
        """See :meth:`BasicBlock.forward`."""
        shortcut = x if shortcut is None else shortcut
        out = self.relu(conv_norm(self.bn1, self.conv1, x))
        out = self.relu(conv_norm(self.bn2, self.conv2, out))
        out = conv_norm(self.bn3, self.conv3, out).add_(shortcut)
        return self.relu(out) if activate else out


class Root(nn.Module):
    """The aggregation node of a tree: ``relu(norm(conv1x1(concat(children))) [+ children[0]])`` (equation 3).

    The first child, the deepest, comes before its last ReLU, which is applied here (:func:`relu_concat`).

    Args:
        in_channels: channels of all children together.
        out_channels: channels of the result.
        residual: add the first child (the paper's residual connection in nodes, for its largest networks).
        norm: makes the norm layer for a number of channels.
    """

    concat, concat_literal = staticmethod(relu_concat), staticmethod(relu_concat_literal)

    def __init__(self,
                 in_channels: int,
                 out_channels: int,
                 *,
                 residual: bool = False,
                 norm: Norm = nn.BatchNorm2d) -> None:
        super().__init__()
        self.residual = residual
        self.conv = conv2d(in_channels, out_channels, 1)
        self.bn = norm(out_channels)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, deepest: Tensor, *others: Tensor) -> Tensor:
        children, deepest = self.concat(deepest, *others)
        if not self.residual:
            deepest = None  # let go of a map that nothing reads
        x = conv_norm(self.bn, self.conv, children)
        return self.relu(x if deepest is None else x + deepest)


class Tree(nn.Module):
    r"""Hierarchical deep aggregation (HDA, section 3.2): ``2**depth`` blocks whose results merge in a tree.

    With the input ``x``, ``p`` = ``x`` max-pooled to the tree's stride, and further children ``c`` for the last root

    .. math::

        T_1(x, c) &= \mathrm{root}(b_2, b_1, c), \quad b_1 = \mathrm{block}(x, \mathrm{project}(p)),
                     \quad b_2 = \mathrm{block}(b_1) \\
        T_n(x, c) &= T'_{n-1}(t, (c, t)), \quad t = T_{n-1}(x, ())

    ``project`` is a 1x1 convolution and norm where the channels change, else the identity. With ``level_root``, ``p``
    comes before ``c``. The published code gives trees with n > 1 a second projection whose result nothing reads; there
    is none here.

    Args:
        depth: n.
        block: makes a block, as :class:`BasicBlock`, whose last ReLU can be left to the root (``activate=False``).
        in_channels: channels of ``x``.
        out_channels: channels of the result.
        stride: of the tree.
        dilation: of all 3x3 convolutions.
        level_root: the last root also reads the tree's pooled input.
        residual_root: roots add their first child.
        extra_channels: channels of ``c``.
        norm: makes the norm layer for a number of channels.
        with_cp: in training, compute each pair of blocks and its root once more in the backward pass rather than keep
            what lies between.
    """

    def __init__(self,
                 depth: int,
                 block: Callable[..., nn.Module],
                 in_channels: int,
                 out_channels: int,
                 *,
                 stride: int = 1,
                 dilation: int = 1,
                 level_root: bool = False,
                 residual_root: bool = False,
                 extra_channels: int = 0,
                 norm: Norm = nn.BatchNorm2d,
                 with_cp: bool = False) -> None:
        super().__init__()
        self.depth = depth
        self.level_root = level_root
        self.with_cp = with_cp
        self.pool = nn.MaxPool2d(stride, ceil_mode=True) if stride > 1 else nn.Identity()
        if level_root:
            extra_channels += in_channels
        if depth > 1:
            shared = dict(dilation=dilation, residual_root=residual_root, norm=norm, with_cp=with_cp)
            self.tree1 = Tree(depth - 1, block, in_channels, out_channels, stride=stride, **shared)
            self.tree2 = Tree(depth - 1, block, out_channels, out_channels,
                              extra_channels=extra_channels + out_channels, **shared)
        else:
            self.project = nn.Identity() if in_channels == out_channels else ConvSequential(
                conv2d(in_channels, out_channels, 1), norm(out_channels))
            self.tree1 = block(in_channels, out_channels, stride=stride, dilation=dilation, norm=norm)
            self.tree2 = block(out_channels, out_channels, dilation=dilation, norm=norm)
            self.root = Root(2 * out_channels + extra_channels, out_channels, residual=residual_root, norm=norm)

    def forward(self, x: Tensor, pooled: Tensor | None = None, children: tuple[Tensor, ...] = ()) -> Tensor:
        """Return the tree's result.

        Args:
            x: (N, in_channels, H, W).
            pooled: ``x`` at the tree's stride where the caller has it already; pooled here by default.
            children: further inputs of the last root, at the tree's stride, ``extra_channels`` together.
        """
        if pooled is None:
            pooled = self.pool(x)
        if self.level_root:
            children = (pooled, *children)
        if self.depth > 1:
            x = self.tree1(x, pooled)
            return self.tree2(x, x, (*children, x))
        if self.with_cp and x.requires_grad:
            return checkpoint(self._aggregate, x, pooled, children, use_reentrant=False)
        return self._aggregate(x, pooled, children)

    def _aggregate(self, x: Tensor, pooled: Tensor, children: tuple[Tensor, ...]) -> Tensor:
        x1 = self.tree1(x, self.project(pooled))
        return self.root(self.tree2(x1, activate=False), x1, *children)


def bilinear_upsampling(channels: int, factor: int) -> nn.Module:
    """Return a depthwise transposed convolution (kernel 2f, stride f) that starts as bilinear interpolation.

    It maps n pixels to n * f; for an odd f to n * f + 1, of which the last is to be cropped. The identity for f = 1.
    """
    if factor == 1:
        return nn.Identity()
    up = nn.ConvTranspose2d(channels, channels, 2 * factor, stride=factor, padding=factor // 2, groups=channels,
                            bias=False)
    centre = factor - (0.5 if factor % 2 == 0 else 1)
    line = 1 - (torch.arange(2 * factor) - centre).abs() / factor
    with torch.no_grad():
        up.weight.copy_(line[:, None] * line)
    return up


class IterativeAggregation(nn.Module):
    r"""Iterative deep aggregation (IDA, section 3.1) of features from fine to coarse, at the finest one's size.

    .. math::

        x_0 = \mathrm{proj}_0(f_0), \quad x_i = \mathrm{node}_i([x_{i-1}, \mathrm{up}_i(\mathrm{proj}_i(f_i))])

    ``proj``: 1x1 convolution, norm, ReLU, where the channels change; ``up``: :func:`bilinear_upsampling`, fitted to the
    size of ``f_0``; ``node``: 3x3 convolution of the concatenation, norm, ReLU.

    Args:
        in_channels: channels of each feature, the finest first.
        out_channels: channels of the results.
        factors: by how much each feature is upsampled; 1 for the first.
        norm: makes the norm layer for a number of channels.
        deformable: the form of CenterNet (arXiv 1904.07850): ``proj`` and ``node`` are :class:`DeformableConv2d`,
            norm, ReLU; the node takes the sum; every feature but the first is projected whatever its channels.
    """

    def __init__(self,
                 in_channels: Sequence[int],
                 out_channels: int,
                 *,
                 factors: Sequence[int],
                 norm: Norm = nn.BatchNorm2d,
                 deformable: bool = False) -> None:
        super().__init__()
        self.deformable = deformable

        def layer(in_channels: int, kernel_size: int) -> nn.Module:
            conv = (DeformableConv2d(in_channels, out_channels) if deformable else
                    conv2d(in_channels, out_channels, kernel_size))
            return ConvSequential(conv, norm(out_channels), nn.ReLU(inplace=True))

        levels = range(len(in_channels))
        self.proj = nn.ModuleList(
            layer(in_channels[i], 1) if in_channels[i] != out_channels or (deformable and i) else nn.Identity()
            for i in levels)
        self.up = nn.ModuleList(bilinear_upsampling(out_channels, factors[i]) for i in levels)
        self.node = nn.ModuleList(
            layer(out_channels if deformable else 2 * out_channels, 3) if i else nn.Identity() for i in levels)

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Return ``[x_1, ..., x_m]``, each (N, out_channels, H_0, W_0); the last holds all features."""
        x = self.proj[0](features[0])
        results = []
        for i in range(1, len(features)):
            coarse = _fit(self.up[i](self.proj[i](features[i])), x.shape[-2:])
            x = self.node[i](x + coarse if self.deformable else torch.cat([x, coarse], 1))
            results.append(x)
        return results


def _fit(x: Tensor, size: Sequence[int]) -> Tensor:
    """Return ``x`` cropped at the bottom and right to ``size``, or continued by its edge where it is smaller."""
    x = x[..., :size[0], :size[1]]
    missing = size[0] - x.shape[-2], size[1] - x.shape[-1]
    return F.pad(x, (0, missing[1], 0, missing[0]), mode='replicate') if any(missing) else x


class UpAggregation(nn.Module):
    """The paper's upsampling for dense prediction (section 4.2, figure 5): IDA of the two coarsest features at the size
    of the finer one, then of the last three, and so on; each pass puts its results in the place of what it read.

    Args:
        in_channels: channels of each feature, the finest first; two at least.
        out_channels: channels of the finest result; as the finest feature by default.
        strides: of each feature; each a multiple of the one before.
        norm: makes the norm layer for a number of channels.
        deformable: see :class:`IterativeAggregation`.
    """

    def __init__(self,
                 in_channels: Sequence[int],
                 *,
                 out_channels: int | None = None,
                 strides: Sequence[int],
                 norm: Norm = nn.BatchNorm2d,
                 deformable: bool = False) -> None:
        super().__init__()
        channels = [out_channels or in_channels[0], *in_channels[1:]]
        coarsest = len(in_channels) - 1
        # By the turn of level i, all coarser features have the channels and the stride of level i + 1.
        self.idas = nn.ModuleList(
            IterativeAggregation(
                [in_channels[i]] + [channels[i + 1]] * (coarsest - i),
                channels[i],
                factors=[1] + [strides[i + 1] // strides[i]] * (coarsest - i),
                norm=norm,
                deformable=deformable) for i in reversed(range(coarsest)))

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Return, per level and at its own stride, the aggregate of this and all coarser features.

        The channels are those of the features, for the first ``out_channels``; the last is the last feature as it came.
        """
        features = list(features)
        results = [features[-1]]
        for i, ida in zip(reversed(range(len(features) - 1)), self.idas):
            features[i + 1:] = ida(features[i:])
            results.insert(0, features[-1])
        return results
