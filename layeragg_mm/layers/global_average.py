"""Global average pooling whose gradient is not written out as a map."""
import torch
from torch import Tensor, nn

__all__ = ['GlobalAverage']


class GlobalAverage(nn.Module):
    """The mean over all pixels, (N, C, H, W) to (N, C).

    Its gradient is one number a channel, the same for each pixel. Of a mean, autograd writes it to a map, which is then
    added to the others; of a sum, it stays a view of those numbers.
    """

    def forward(self, x: Tensor) -> Tensor:
        if torch.finfo(x.dtype).bits < 32:  # its sums may overflow
            return self.forward_literal(x)
        return x.sum((2, 3)) / (x.shape[2] * x.shape[3])

    def forward_literal(self, x: Tensor) -> Tensor:
        """The mean as it stands, which the sum equals."""
        return x.mean((2, 3))
