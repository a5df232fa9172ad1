"""Inverted residual blocks: MobileNetV2, MobileNetV3, EfficientNet."""
from torch import nn

from .ports import Ports, its_input, register

__all__ = []


def inverted_residual(block: nn.Module) -> Ports:
    depthwise = block.depthwise_conv.conv
    return Ports(block.linear_conv.conv.out_channels, depthwise.stride[0],
                 shortcut=its_input if block.with_res_shortcut else None,
                 first=block.expand_conv.conv if block.with_expand_conv else depthwise)


def edge_residual(block: nn.Module) -> Ports:
    return Ports(block.conv2.conv.out_channels, block.conv2.conv.stride[0],
                 shortcut=its_input if block.with_residual else None, first=block.conv1.conv)


register('mmdet.models.layers.inverted_residual.InvertedResidual', inverted_residual)
register('mmseg.models.utils.inverted_residual.InvertedResidualV3', inverted_residual)
register('mmdet.models.backbones.efficientnet.EdgeResidual', edge_residual)
