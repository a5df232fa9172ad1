"""Hierarchical deep aggregation: the blocks and trees of DLA (CVPR 2018, arXiv 1707.06484) as plain torch modules.

Feature maps are (N, C, H, W). Every layer that strides by s returns ceil(H / s) x ceil(W / s), pooled and convolved
alike, so inputs of any size aggregate. Convolutions start as published: normal, deviation sqrt(2 / (k * k * C_out)).
"""
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from .conv_norm import ConvSequential, conv_norm

__all__ = ['BasicBlock', 'Bottleneck', 'Root', 'Tree', 'conv2d']

Conv = Callable[..., nn.Module]
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
        conv: makes a convolution, as :func:`conv2d`.
        conv2: makes the second one; as ``conv`` by default.
    """

    def __init__(self,
                 in_channels: int,
                 out_channels: int,
                 *,
                 stride: int = 1,
                 dilation: int = 1,
                 norm: Norm = nn.BatchNorm2d,
                 conv: Conv = conv2d,
                 conv2: Conv | None = None) -> None:
        super().__init__()
        self.conv1 = conv(in_channels, out_channels, 3, stride=stride, dilation=dilation)
        self.bn1 = norm(out_channels)
        self.conv2 = (conv2 or conv)(out_channels, out_channels, 3, dilation=dilation)
        self.bn2 = norm(out_channels)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor, shortcut: Tensor | None = None) -> Tensor:
        """Return the block's result.

        Args:
            x: (N, in_channels, H, W).
            shortcut: ``x`` unless given, at the result's stride and channels.
        """
        out = self.relu(conv_norm(self.conv1, self.bn1, x))
        out = conv_norm(self.conv2, self.bn2, out)
        out += x if shortcut is None else shortcut
        return self.relu(out)


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
        conv: makes a convolution, as :func:`conv2d`.
        conv2: makes the 3x3 convolution; as ``conv`` by default.
    """

    def __init__(self,
                 in_channels: int,
                 out_channels: int,
                 *,
                 cardinality: int | None = None,
                 stride: int = 1,
                 dilation: int = 1,
                 norm: Norm = nn.BatchNorm2d,
                 conv: Conv = conv2d,
                 conv2: Conv | None = None) -> None:
        super().__init__()
        width = out_channels // 2 if cardinality is None else out_channels * cardinality // 32
        self.conv1 = conv(in_channels, width, 1)
        self.bn1 = norm(width)
        self.conv2 = (conv2 or conv)(width, width, 3, stride=stride, dilation=dilation, groups=cardinality or 1)
        self.bn2 = norm(width)
        self.conv3 = conv(width, out_channels, 1)
        self.bn3 = norm(out_channels)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor, shortcut: Tensor | None = None) -> Tensor:
        """See :meth:`BasicBlock.forward`."""
        out = self.relu(conv_norm(self.conv1, self.bn1, x))
        out = self.relu(conv_norm(self.conv2, self.bn2, out))
        out = conv_norm(self.conv3, self.bn3, out)
        out += x if shortcut is None else shortcut
        return self.relu(out)


class Root(nn.Module):
    """The aggregation node of a tree: ``relu(norm(conv1x1(concat(children))) [+ children[0]])`` (equation 3).

    Args:
        in_channels: channels of all children together.
        out_channels: channels of the result.
        residual: add the first child, the deepest (the paper's residual connection in nodes, for its largest networks).
        norm: makes the norm layer for a number of channels.
        conv: makes a convolution, as :func:`conv2d`.
    """

    def __init__(self,
                 in_channels: int,
                 out_channels: int,
                 *,
                 residual: bool = False,
                 norm: Norm = nn.BatchNorm2d,
                 conv: Conv = conv2d) -> None:
        super().__init__()
        self.residual = residual
        self.conv = conv(in_channels, out_channels, 1)
        self.bn = norm(out_channels)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, *children: Tensor) -> Tensor:
        x = conv_norm(self.conv, self.bn, torch.cat(children, 1))
        return self.relu(x + children[0] if self.residual else x)


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
        block: makes a block, as :class:`BasicBlock`.
        in_channels: channels of ``x``.
        out_channels: channels of the result.
        stride: of the tree.
        dilation: of all 3x3 convolutions.
        level_root: the last root also reads the tree's pooled input.
        residual_root: roots add their first child.
        extra_channels: channels of ``c``.
        norm: makes the norm layer for a number of channels.
        conv: makes the convolutions of projection and root, as :func:`conv2d`.
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
                 conv: Conv = conv2d,
                 with_cp: bool = False) -> None:
        super().__init__()
        self.depth = depth
        self.level_root = level_root
        self.with_cp = with_cp
        self.pool = nn.MaxPool2d(stride, ceil_mode=True) if stride > 1 else nn.Identity()
        if level_root:
            extra_channels += in_channels
        if depth > 1:
            shared = dict(dilation=dilation, residual_root=residual_root, norm=norm, conv=conv, with_cp=with_cp)
            self.tree1 = Tree(depth - 1, block, in_channels, out_channels, stride=stride, **shared)
            self.tree2 = Tree(depth - 1, block, out_channels, out_channels,
                              extra_channels=extra_channels + out_channels, **shared)
        else:
            self.project = nn.Identity() if in_channels == out_channels else ConvSequential(
                conv(in_channels, out_channels, 1), norm(out_channels))
            self.tree1 = block(in_channels, out_channels, stride=stride, dilation=dilation, norm=norm)
            self.tree2 = block(out_channels, out_channels, dilation=dilation, norm=norm)
            self.root = Root(2 * out_channels + extra_channels, out_channels, residual=residual_root, norm=norm,
                             conv=conv)

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
        return self.root(self.tree2(x1), x1, *children)
