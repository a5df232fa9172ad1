"""The blocks inside a cross-stage partial layer: CSPNeXt (RTMDet), CSPDarknet (YOLOX)."""
from torch import nn

from .ports import Ports, its_input, register

__all__ = []


def csp_block(block: nn.Module) -> Ports:
    first = getattr(block.conv1, 'depthwise_conv', block.conv1)  # where the convolutions are depthwise separable
    last = getattr(block.conv2, 'pointwise_conv', block.conv2)
    return Ports(last.conv.out_channels, shortcut=its_input if block.add_identity else None, first=first.conv)


register('mmdet.models.layers.csp_layer.CSPNeXtBlock', csp_block)
register('mmdet.models.layers.csp_layer.DarknetBottleneck', csp_block)
