"""The plain ResNet with the fast forms of the networks here: what they save without any layer aggregation."""
from mmengine.registry import MODELS
from torch import Tensor

from ..adapters import plain_step
from .aggregation_resnet import AggregationResNet

__all__ = ['FastResNet']


@MODELS.register_module()
class FastResNet(AggregationResNet):
    """MMDetection's ResNet, the same function with the same parameters, computed by the fast forms.

    Frozen norms are part of their convolutions, and on the CPU maps lie in channels_last: a training step keeps less
    and takes less time (docs/speed.md). It is what the price of RLA and MRLA is measured by.

    Args:
        depth: 18, 34, 50, 101 or 152.
        attention: channel attention before the shortcut's sum: None, 'se' or 'eca'.
        kwargs: the arguments of MMDetection's ResNet.

    Raises:
        ValueError: an argument that is not available; the message lists what is.
    """

    step = staticmethod(plain_step)

    @staticmethod
    def translate_released(state: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return the weights of ImageNet's files without the classifier."""
        return {key: value for key, value in state.items() if key not in ('fc.weight', 'fc.bias')}
