"""Adaptive pooling by ONNX's operators, for maps whose size is known only when the file runs."""
import torch
from torch import Tensor, nn

__all__ = ['AdaptivePool2d']


class AdaptivePool2d(nn.Module):
    r"""Adaptive average pooling (N, C, H, W) -> (N, C, h, w) as a product of matrices, :math:`R x C^T`.

    In row i of R stand the shares 1/n of the n rows of x from floor(i H / h) to ceil((i + 1) H / h), likewise in C.

    Args:
        pool: torch's.
    """

    def __init__(self, pool: nn.AdaptiveAvgPool2d) -> None:
        super().__init__()
        size = pool.output_size
        self.size = (size, size) if isinstance(size, int) else size

    def forward(self, x: Tensor) -> Tensor:
        rows, columns = (_shares(bins, length, x) for bins, length in zip(self.size, x.shape[2:]))
        return rows @ x @ columns.transpose(0, 1)


def _shares(bins: int, length: int, like: Tensor) -> Tensor:
    places = torch.arange(length, device=like.device)
    index = torch.arange(bins, device=like.device)[:, None]
    inside = (places >= index * length // bins) & (places < -(-(index + 1) * length // bins))
    inside = inside.to(like.dtype)
    return inside / inside.sum(1, keepdim=True)
