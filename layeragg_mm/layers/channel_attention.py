"""Channel attention on the residual branch: squeeze-and-excitation (SE) and efficient channel attention (ECA)."""
import math

import torch
from torch import Tensor, nn

__all__ = ['EfficientChannelAttention', 'SqueezeExcitation', 'adaptive_kernel_size', 'global_average']


def global_average(x: Tensor) -> Tensor:
    """Return the mean over all pixels, (N, C, H, W) to (N, C).

    As a sum: its gradient, one number a channel, stays a view; that of a mean is written to a map. In float32 at
    least, since a sum of float16 may overflow.
    """
    total = x.sum((2, 3), dtype=torch.promote_types(x.dtype, torch.float32))
    return (total / (x.shape[2] * x.shape[3])).to(x.dtype)


def adaptive_kernel_size(channels: int) -> int:
    """Return the odd kernel size K of a 1-D convolution along ``channels`` channels.

    ``t = int(|log2(C) + 1| / 2)``, ``K = t if t is odd else t + 1`` (ECA, arXiv 1910.03151, section 3.2.3): 5 for 256
    to 1024 channels, 7 for 2048.
    """
    t = int(abs(math.log2(channels) + 1) / 2)
    return t if t % 2 else t + 1


class SqueezeExcitation(nn.Module):
    """SE: ``x * sigmoid(W2 relu(W1 avgpool(x)))``, both linear layers without bias (arXiv 1709.01507).

    Args:
        in_channels: channels C of the input (N, C, H, W), which is also the output's shape.
        reduction: the hidden layer has C / reduction units.
    """

    def __init__(self, in_channels: int, reduction: int = 16) -> None:
        super().__init__()
        self.fc = nn.Sequential(
            nn.Linear(in_channels, in_channels // reduction, bias=False),
            nn.ReLU(inplace=True),
            nn.Linear(in_channels // reduction, in_channels, bias=False),
            nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        return x * self.fc(global_average(x))[:, :, None, None]


class EfficientChannelAttention(nn.Module):
    """ECA: ``x * sigmoid(conv1d(avgpool(x)))``, one 1-D convolution along the channels (arXiv 1910.03151).

    Args:
        in_channels: channels C of the input (N, C, H, W), which is also the output's shape.
        kernel_size: odd; by default it follows from C, see :func:`adaptive_kernel_size`.
    """

    def __init__(self, in_channels: int, kernel_size: int | None = None) -> None:
        super().__init__()
        kernel_size = kernel_size or adaptive_kernel_size(in_channels)
        self.conv = nn.Conv1d(1, 1, kernel_size, padding=kernel_size // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.conv(global_average(x)[:, None]).sigmoid()[:, 0, :, None, None]
