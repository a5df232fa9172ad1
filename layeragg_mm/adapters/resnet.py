"""The residual blocks and the trunk of MMDetection's ResNets (ResNet, ResNeXt), opened for layer aggregation."""
from collections.abc import Callable
from typing import NamedTuple

from mmdet.models.backbones.resnet import BasicBlock, Bottleneck
from mmdet.models.backbones.resnext import Bottleneck as ResNeXtBottleneck
from torch import Tensor, nn

from ..layers.conv_norm import conv_norm, in_sequence

__all__ = ['BlockAdapter', 'Ports', 'Ran', 'ResNetTrunk', 'adapter_of']


class Ports(NamedTuple):
    """Where an aggregation meets a block: the output's channels, the block's stride, and the place to read a state.

    A state is added to the result of the first convolution, before its norm: ``read_channels`` at ``read_stride``.
    """
    channels: int
    stride: int
    read_channels: int
    read_stride: int


class Ran(NamedTuple):
    """What a block gave: its output after the last activation, its shortcut (projected; None of a block without one),
    and its branch before the sum with it where a trunk's aggregation reads that, all of the same shape."""
    out: Tensor
    shortcut: Tensor | None
    branch: Tensor | None = None


class BlockAdapter(NamedTuple):
    """How blocks of one kind are run: ``run(block, x, read)`` is ``block(x)`` with ``read`` added in its place.

    Attributes:
        ports: from a block to its :class:`Ports`.
        branch: from a block and the result of the first norm to what is added to the shortcut.
    """
    ports: Callable[[nn.Module], Ports]
    branch: Callable[[nn.Module, Tensor], Tensor]

    def run(self, block: nn.Module, x: Tensor, read: Tensor | None = None) -> Ran:
        return self.finish(block, x, conv_norm(block.conv1, block.norm1, x, read))

    def finish(self, block: nn.Module, x: Tensor, first: Tensor) -> Ran:
        """Run what follows the first norm, whose result is ``first``."""
        out = self.branch(block, first)
        shortcut = x if block.downsample is None else in_sequence(block.downsample, x)
        out += shortcut
        return Ran(block.relu(out), shortcut)


def branch_of_basic(block: BasicBlock, first: Tensor) -> Tensor:
    return conv_norm(block.conv2, block.norm2, block.relu(first))


def branch_of_bottleneck(block: Bottleneck, first: Tensor) -> Tensor:
    out = block.relu(first)
    if block.with_plugins:
        out = block.forward_plugin(out, block.after_conv1_plugin_names)
    out = block.relu(conv_norm(block.conv2, block.norm2, out))
    if block.with_plugins:
        out = block.forward_plugin(out, block.after_conv2_plugin_names)
    out = conv_norm(block.conv3, block.norm3, out)
    if block.with_plugins:
        out = block.forward_plugin(out, block.after_conv3_plugin_names)
    return out


def ports_of_basic(block: BasicBlock) -> Ports:
    return Ports(block.conv2.out_channels, block.stride, block.conv1.out_channels, block.stride)


def ports_of_bottleneck(block: Bottleneck) -> Ports:
    return Ports(block.conv3.out_channels, block.stride, block.conv1.out_channels, block.conv1_stride)


# By exact class: what extends one of these may compute something else.
ADAPTERS = {
    BasicBlock: BlockAdapter(ports_of_basic, branch_of_basic),
    Bottleneck: BlockAdapter(ports_of_bottleneck, branch_of_bottleneck),
    ResNeXtBottleneck: BlockAdapter(ports_of_bottleneck, branch_of_bottleneck),
}


def adapter_of(block: nn.Module) -> BlockAdapter:
    """Return how ``block`` is run.

    Raises:
        TypeError: nobody told how blocks of this kind are, or the block's forward was replaced; the message tells what
            to do.
    """
    kind = f'{type(block).__module__}.{type(block).__name__}'
    instead = ('change the layers in a block, or take the plain network with layeragg_mm.attach, which calls its '
               'blocks as they are')
    if type(block) not in ADAPTERS:
        known = ', '.join(f'{kind.__module__}.{kind.__name__}' for kind in ADAPTERS)
        raise TypeError(f'this network opens its blocks, and does not know those of {kind}; known: {known}; {instead}')
    if 'forward' in block.__dict__ and not hasattr(block.forward, 'opens'):
        raise TypeError(f'this network opens its blocks, and the forward of a {kind} was replaced; {instead}')
    return ADAPTERS[type(block)]


class ResNetTrunk:
    """The parts of MMDetection's ResNet between which the loop runs."""

    @staticmethod
    def stem(network: nn.Module, x: Tensor) -> Tensor:
        """Return the input of the first stage, at stride 4."""
        if network.deep_stem:
            x = in_sequence(network.stem, x)
        else:
            x = network.relu(conv_norm(network.conv1, network.norm1, x))
        return network.maxpool(x)

    @staticmethod
    def stages(network: nn.Module) -> list[nn.Sequential]:
        """Return the stages, each a sequence of blocks."""
        return [getattr(network, name) for name in network.res_layers]
