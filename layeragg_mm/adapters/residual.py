"""Residual blocks with a projected shortcut: ResNet, ResNeXt, Res2Net, ResNeSt, RegNet, HRNet."""
from torch import nn

from .ports import Ports, its_input, register

__all__ = []


def residual(block: nn.Module) -> Ports:
    last = block.conv3 if hasattr(block, 'conv3') else block.conv2
    return Ports(last.out_channels, block.stride, shortcut=block.downsample or its_input, first=block.conv1)


for kind in ('mmdet.models.backbones.resnet.BasicBlock', 'mmdet.models.backbones.resnet.Bottleneck',
             'mmdet.models.backbones.resnext.Bottleneck', 'mmdet.models.backbones.res2net.Bottle2neck',
             'mmdet.models.backbones.resnest.Bottleneck', 'mmseg.models.backbones.resnet.BasicBlock',
             'mmseg.models.backbones.resnet.Bottleneck', 'mmseg.models.backbones.resnext.Bottleneck',
             'mmseg.models.backbones.resnest.Bottleneck'):
    register(kind, residual)
