"""Modules that an exported file cannot have as they are, and what computes the same of ONNX's operators."""
import torch.nn.functional as F
from torch import Tensor, nn

from ..layers.pooling import average_by_matrices
from .deformable import DEFORMABLE, SampledConv2d
from .transformers import Windows, with_heads

__all__ = ['AdaptivePool2d', 'PaddedConv2d', 'ShapedPadding', 'replace_modules']


class AdaptivePool2d(nn.Module):
    """Adaptive average pooling (N, C, H, W) -> (N, C, h, w) for any H and W.

    Args:
        pool: torch's.
    """

    def __init__(self, pool: nn.AdaptiveAvgPool2d) -> None:
        super().__init__()
        size = pool.output_size
        self.size = (size, size) if isinstance(size, int) else size

    def forward(self, x: Tensor) -> Tensor:
        return average_by_matrices(x, self.size)


class ShapedPadding(nn.Module):
    """Zeros around a map (N, C, H, W), or at its right and bottom, so that patches cover it, for any H and W.

    Args:
        padding: the ``AdaptivePadding`` of MMDetection or MMSegmentation.
    """

    def __init__(self, padding: nn.Module) -> None:
        super().__init__()
        self.of = padding

    def forward(self, x: Tensor) -> Tensor:
        return covered(x, self.of, around=self.of.padding == 'same')


class PaddedConv2d(nn.Conv2d):
    """mmcv's ``Conv2dAdaptivePadding``, zeros around a map (N, C, H, W) as TensorFlow pads, for any H and W."""

    @classmethod
    def of(cls, conv: nn.Conv2d) -> nn.Conv2d:
        conv.__class__ = cls  # and not a new module, since what an aggregation reads is added by a hook
        return conv

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(covered(x, self, around=True))


def covered(x: Tensor, kernel: nn.Module, *, around: bool) -> Tensor:
    """Return ``x`` with zeros, on all sides or at the right and bottom, so that a kernel's steps cover it."""
    pads = []
    for axis in (1, 0):
        length, stride = x.shape[2 + axis], kernel.stride[axis]
        reach = (kernel.kernel_size[axis] - 1) * kernel.dilation[axis] + 1
        whole = ((length + stride - 1) // stride - 1) * stride + reach
        pad = (whole - length) * (whole > length)
        before = pad // 2 if around else pad * 0
        pads += [before, pad - before]
    return F.pad(x, pads)


# By the names of their classes: MMSegmentation is not there for all.
REPLACEMENTS = {
    'mmcv.cnn.bricks.conv2d_adaptive_padding.Conv2dAdaptivePadding': PaddedConv2d.of,
    'mmdet.models.layers.transformer.utils.AdaptivePadding': ShapedPadding,
    'mmseg.models.utils.embed.AdaptivePadding': ShapedPadding,
    'mmdet.models.backbones.swin.ShiftWindowMSA': Windows,
    'mmseg.models.backbones.swin.ShiftWindowMSA': Windows,
    'mmdet.models.backbones.pvt.SpatialReductionAttention': with_heads,
    'mmseg.models.backbones.mit.EfficientMultiheadAttention': with_heads,
}


def replace_modules(model: nn.Module) -> nn.Module:
    """Put what can be exported in the place of such modules in ``model``, and return it."""
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            kind = f'{type(child).__module__}.{type(child).__qualname__}'
            if isinstance(child, DEFORMABLE):
                parent._modules[name] = SampledConv2d(child)
            elif isinstance(child, nn.AdaptiveAvgPool2d) and child.output_size not in (1, (1, 1)):
                parent._modules[name] = AdaptivePool2d(child)
            elif kind in REPLACEMENTS:
                parent._modules[name] = REPLACEMENTS[kind](child)
    return model
