"""The classifier of a group ensemble (arXiv 2007.00649) as a plain torch module."""
import torch.nn.functional as F
from torch import Tensor, nn

from .channel_attention import global_average

__all__ = ['GroupEnsembleClassifier', 'running_sums']


class GroupEnsembleClassifier(nn.Module):
    """One linear classifier for each member, over its own part of the pooled channels.

    Args:
        in_channels: channels C of the map (N, C, H, W), the first member's first.
        num_classes: K.
        members: G; must divide C.
    """

    def __init__(self, in_channels: int, num_classes: int, members: int) -> None:
        super().__init__()
        self.members = members
        self.conv = nn.Conv2d(in_channels, num_classes * members, 1, groups=members)

    def forward(self, x: Tensor) -> Tensor:
        """Return the members' scores, (N, G, K)."""
        return self.conv(global_average(x)[:, :, None, None]).flatten(1).unflatten(1, (self.members, -1))

    def loss(self, scores: Tensor, labels: Tensor) -> Tensor:
        """Return the mean over members and images of the cross entropy of ``scores`` (N, G, K) with ``labels`` (N,)."""
        return F.cross_entropy(scores.flatten(0, 1), labels.repeat_interleave(self.members))


def running_sums(scores: Tensor) -> Tensor:
    """Return the predictions of the first member, the first two, and so on, (N, G, K), of the members' scores."""
    return scores.cumsum(1)
