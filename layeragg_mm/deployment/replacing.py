"""Modules that an exported file cannot have as they are, and what computes the same of ONNX's operators."""
import torch.nn.functional as F
from mmdet.models.layers import AdaptivePadding
from torch import Tensor, nn

from ..layers.pooling import average_by_matrices
from .deformable import DEFORMABLE, SampledConv2d

__all__ = ['AdaptivePool2d', 'ShapedPadding', 'replace_modules']


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
        of, pads = self.of, []
        for axis in (1, 0):
            length, stride = x.shape[2 + axis], of.stride[axis]
            whole = ((length + stride - 1) // stride - 1) * stride + (of.kernel_size[axis] - 1) * of.dilation[axis] + 1
            pad = (whole - length) * (whole > length)
            before = pad // 2 if of.padding == 'same' else pad * 0
            pads += [before, pad - before]
        return F.pad(x, pads)


def replace_modules(model: nn.Module) -> nn.Module:
    """Put what can be exported in the place of such modules in ``model``, and return it."""
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if isinstance(child, DEFORMABLE):
                parent._modules[name] = SampledConv2d(child)
            elif isinstance(child, nn.AdaptiveAvgPool2d) and child.output_size not in (1, (1, 1)):
                parent._modules[name] = AdaptivePool2d(child)
            elif isinstance(child, paddings()):
                parent._modules[name] = ShapedPadding(child)
    return model


def paddings() -> tuple[type[nn.Module], ...]:
    try:
        from mmseg.models.utils.embed import AdaptivePadding as OfSegmenters
    except ModuleNotFoundError:  # MMSegmentation is not there for all
        return (AdaptivePadding,)
    return AdaptivePadding, OfSegmenters
