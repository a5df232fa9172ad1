"""Adaptive average pooling, also as operators that ONNX has where sizes are known only when the file runs."""
import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ['adaptive_average', 'average_by_matrices']


def adaptive_average(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Return the average of a map (N, C, H, W) in each of h x w bins, as ``torch.nn.AdaptiveAvgPool2d`` has them."""
    return average_by_matrices(x, size) if torch.onnx.is_in_onnx_export() else F.adaptive_avg_pool2d(x, size)


def average_by_matrices(x: Tensor, size: tuple[int, int]) -> Tensor:
    r"""Return the same as a product of matrices, :math:`R x C^T`.

    In row i of R stand the shares 1/n of the n rows of x from floor(i H / h) to ceil((i + 1) H / h), likewise in C.
    """
    rows, columns = (_shares(bins, length, x) for bins, length in zip(size, x.shape[2:]))
    return rows @ x @ columns.transpose(0, 1)


def _shares(bins: int, length: int, like: Tensor) -> Tensor:
    places = torch.arange(length, device=like.device)
    index = torch.arange(bins, device=like.device)[:, None]
    inside = (places >= index * length // bins) & (places < ((index + 1) * length + bins - 1) // bins)
    inside = inside.to(like.dtype)
    return inside / inside.sum(1, keepdim=True)
