"""The blocks of our DLANet, which lie in trees: a stage is a level."""
from torch import Tensor, nn

from .ports import Ports, register

__all__ = []


def given_shortcut(x: Tensor, shortcut: Tensor | None = None) -> Tensor:
    return x if shortcut is None else shortcut


def tree_block(block: nn.Module) -> Ports:
    last = block.conv3 if hasattr(block, 'conv3') else block.conv2
    stride = block.conv1.stride[0] * block.conv2.stride[0]
    return Ports(last.out_channels, stride, shortcut=given_shortcut, first=block.conv1)


def level(path: str) -> str:
    return path.partition('.')[0]


register('layeragg_mm.layers.dla.BasicBlock', tree_block, stage=level)
register('layeragg_mm.layers.dla.Bottleneck', tree_block, stage=level)
