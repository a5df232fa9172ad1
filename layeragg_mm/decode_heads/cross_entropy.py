"""Cross entropy with a weight for each class."""
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmengine.registry import MODELS
from torch import Tensor, nn

__all__ = ['WeightedCrossEntropyLoss']


@MODELS.register_module()
class WeightedCrossEntropyLoss(nn.Module):
    r"""Cross entropy whose mean over the pixels weighs each by its class, as DLA's boundary networks are trained.

    .. math::

        L = \sum_p w_{y_p} \, (-\log \mathrm{softmax}(s_p)_{y_p}) \,/ \sum_p w_{y_p}

    over the pixels p that are not ignored. (MMSegmentation 1.2's own loss cannot have class weights and ignored pixels
    in one image.)

    Args:
        class_weight: w, one number a class.
    """

    loss_name = 'loss_ce'

    def __init__(self, class_weight: Sequence[float]) -> None:
        super().__init__()
        self.register_buffer('class_weight', torch.tensor(class_weight, dtype=torch.float), persistent=False)

    def forward(self, scores: Tensor, labels: Tensor, weight: None = None, ignore_index: int = 255) -> Tensor:
        """Return the loss of scores (N, classes, H, W) for labels (N, H, W); ``weight``, per pixel, must be None."""
        if weight is not None:
            raise ValueError('WeightedCrossEntropyLoss weighs classes, not pixels; leave out the sampler of the head')
        return F.cross_entropy(scores, labels, self.class_weight, ignore_index=ignore_index)
