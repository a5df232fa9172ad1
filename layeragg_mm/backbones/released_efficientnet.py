"""MMDetection's EfficientNet, as what the EfficientNets here extend."""
import math

from mmdet.models.backbones.efficientnet import EfficientNet
from torch import Tensor

from ..checkpoints import ReleasedCheckpointMixin
from ..fast.channels_last import channels_last

__all__ = ['ReleasedEfficientNet']


class ReleasedEfficientNet(ReleasedCheckpointMixin, EfficientNet):
    """MMDetection's :class:`~mmdet.models.EfficientNet`, which tells of its outputs and loads released checkpoints.

    Args:
        arch: one of ``arch_settings``.
        kwargs: the arguments of MMDetection's EfficientNet.
    """

    forward = channels_last(EfficientNet.forward)

    def __init__(self, arch: str, **kwargs) -> None:
        super().__init__(arch, **kwargs)
        self.out_channels = tuple(self.layer_setting[i][-1][1] for i in self.out_indices)
        self._freeze_stages()

    @property
    def out_strides(self) -> tuple[int, ...]:
        """Stride of each output: input pixels per step."""
        strides = [layer[0][3] for layer in self.layer_setting]  # a layer strides in its first block
        return tuple(math.prod(strides[:i + 1]) for i in self.out_indices)

    def translate_released(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        beyond = tuple(f'layers.{i}.' for i in range(len(self.layers), len(self.layer_setting)))
        return {key: value for key, value in state.items() if not key.startswith(beyond)}

    def train(self, mode: bool = True) -> 'ReleasedEfficientNet':
        super().train(mode)  # which returns nothing
        return self
