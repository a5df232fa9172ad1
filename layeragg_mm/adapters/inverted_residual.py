"""MMDetection's inverted residuals (MobileNetV2, EfficientNet), opened for layer aggregation."""
from mmcv.cnn import ConvModule
from mmdet.models.layers import InvertedResidual
from torch import Tensor

from ..layers.conv_norm import conv_norm
from ..layers.forms import carries_hooks
from .resnet import ADAPTERS, Ports, Ran

__all__ = ['InvertedResidualAdapter', 'conv_module']


class InvertedResidualAdapter:
    """How inverted residuals are run: ``run(block, x, read)`` is ``block(x)`` with ``read`` added before the last norm.

    A block may hold a channel attention on its branch, before the shortcut's sum, as ``block.eca``.
    """

    @staticmethod
    def ports(block: InvertedResidual) -> Ports:
        stride = block.depthwise_conv.stride[0]
        return Ports(block.linear_conv.out_channels, stride, block.linear_conv.out_channels, stride)

    @staticmethod
    def run(block: InvertedResidual, x: Tensor, read: Tensor | None = None) -> Ran:
        out = conv_module(block.expand_conv, x) if block.with_expand_conv else x
        out = conv_module(block.depthwise_conv, out)
        if block.with_se:
            out = block.se(out)
        branch = conv_module(block.linear_conv, out, read)
        if hasattr(block, 'eca'):
            branch = block.eca(branch)
        if not block.with_res_shortcut:
            return Ran(branch, None, branch)
        return Ran(x + block.drop_path(branch), x, branch)


def conv_module(module: ConvModule, x: Tensor, added: Tensor | None = None) -> Tensor:
    """Return ``module(x)``, a convolution, norm and activation, with ``added`` added before the norm."""
    if added is None and carries_hooks(module):
        return module(x)
    out = conv_norm(module.conv, module.norm, x, added)
    return module.activate(out) if module.with_activation else out


ADAPTERS[InvertedResidual] = InvertedResidualAdapter
