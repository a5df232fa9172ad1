"""MMDetection's ResNet, checked at the door, as what layer aggregation is added to."""
import re

from mmdet.models.backbones.resnet import ResNet
from mmengine.registry import MODELS
from torch import nn

from ..adapters import AggregatingMixin, ResNetTrunk
from ..checkpoints import ReleasedCheckpointMixin
from ..fast.channels_last import channels_last
from ..layers import EfficientChannelAttention, SqueezeExcitation
from .arguments import one_of

__all__ = ['AggregationResNet']

# As MMDetection's plugins, which are called by these names in a checkpoint.
for name, attention in {'se': SqueezeExcitation, 'eca': EfficientChannelAttention}.items():
    attention._abbr_ = name
    MODELS.register_module(module=attention)


class AggregationResNet(ReleasedCheckpointMixin, AggregatingMixin, ResNet):
    """Base of the ResNets with layer aggregation: MMDetection's :class:`~mmdet.models.ResNet` and the loop.

    Args:
        depth: one of ``arch_settings``.
        attention: channel attention on the residual branch, before the shortcut's sum: None, 'se' (reduction 16) or
            'eca'; in bottlenecks, that is from depth 50 on. It is one more of MMDetection's ``plugins``.
        kwargs: the arguments of MMDetection's ResNet.

    Raises:
        ValueError: an argument that is not available; the message lists what is.
    """

    trunk = ResNetTrunk
    trunk_keys = re.compile(r'(conv1|bn1|stem\.\d+|layer\d\.\d+\.(conv[123]|bn[123]|downsample\.\d))\.\w+$')
    attentions = {None: None, 'se': 'SqueezeExcitation', 'eca': 'EfficientChannelAttention'}

    forward = channels_last(AggregatingMixin.forward)

    def __init__(self, depth: int, attention: str | None = None, **kwargs) -> None:
        one_of('depth', depth, list(self.arch_settings))
        one_of('attention', attention, list(self.attentions))
        for index in kwargs.get('out_indices', ()):
            one_of('out_indices', index, range(kwargs.get('num_stages', 4)))
        if attention is not None:
            one_of(f'with attention={attention!r}, depth', depth, [deep for deep in self.arch_settings if deep >= 50])
            channel_attention = dict(cfg=dict(type=self.attentions[attention]), position='after_conv3')
            kwargs['plugins'] = [channel_attention, *(kwargs.get('plugins') or [])]
        super().__init__(depth, **kwargs)

    @property
    def stages(self) -> list[nn.Sequential]:
        """The stages' blocks, in order."""
        return self.trunk.stages(self)

    def _freeze_stages(self) -> None:
        super()._freeze_stages()
        # MMDetection calls this once before there is an aggregation.
        if self.aggregation_of_stages is not None and hasattr(self, self.aggregation_of_stages):
            for aggregation in getattr(self, self.aggregation_of_stages)[:max(self.frozen_stages, 0)]:
                aggregation.eval().requires_grad_(False)

    def train(self, mode: bool = True):
        super().train(mode)  # which returns nothing
        return self

    @property
    def out_channels(self) -> tuple[int, ...]:
        """Channels of each output."""
        return tuple(self.base_channels * 2**i * self.block.expansion for i in self.out_indices)

    @property
    def out_strides(self) -> tuple[int, ...]:
        """Stride of each output: input pixels per step."""
        strides, stride = [], 4  # the stem's convolution and pooling
        for stage_stride in self.strides:
            stride *= stage_stride
            strides.append(stride)
        return tuple(strides[i] for i in self.out_indices)
