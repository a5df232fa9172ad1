"""Frozen batch norm as the affine map that it is."""
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

__all__ = ['affine_of_frozen']


def affine_of_frozen(norm: nn.Module) -> tuple[Tensor, Tensor] | None:
    """Return scale s and shift b, both (C,), of a frozen norm, ``norm(z) = s z + b``; None of another norm.

    A batch norm in evaluation mode uses its running statistics, as detectors train it (``norm_eval=True``): then
    ``s = weight / sqrt(running_var + eps)``, ``b = bias - s * running_mean``. Gradients reach weight and bias.
    """
    if not isinstance(norm, _BatchNorm) or norm.training or norm.running_mean is None:
        return None
    scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
    return scale, norm.bias - scale * norm.running_mean
