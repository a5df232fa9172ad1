"""MMDetection's ResNet, opened where layer aggregation reads and writes."""
import re

from mmdet.models.backbones.resnet import Bottleneck, ResNet
from torch import Tensor, nn

from ..checkpoints import ReleasedCheckpointMixin
from ..layers.frozen_norm import apply_in_sequence, conv_norm
from ..layers.memory_format import ChannelsLastMixin
from .building import one_of

__all__ = ['AggregationBottleneck', 'AggregationResNet', 'BranchesMixin']


class BranchesMixin:
    """The branches of MMDetection's bottlenecks as methods: a plain block is ``relu(residual(x) + shortcut(x))``."""

    def shortcut(self, x: Tensor) -> Tensor:
        """Return ``x``, downsampled and projected where the block does so."""
        return x if self.downsample is None else apply_in_sequence(self.downsample, x)

    def residual(self, x: Tensor, first: Tensor | None = None) -> Tensor:
        """Return the convolutions' result, channel attention and other plugins included, before the sum.

        ``first`` is the first convolution's result after its norm, where the caller has it already.
        """
        out = conv_norm(self.norm1, self.conv1, x) if first is None else first
        out = self._plugins(self.relu(out), 1)
        out = self._plugins(self.relu(conv_norm(self.norm2, self.conv2, out)), 2)
        return self._plugins(conv_norm(self.norm3, self.conv3, out), 3)

    def _plugins(self, x: Tensor, position: int) -> Tensor:
        return self.forward_plugin(x, getattr(self, f'after_conv{position}_plugin_names')) if self.with_plugins else x


class AggregationBottleneck(BranchesMixin, Bottleneck):
    """MMDetection's bottleneck with its branches as methods; parameters and arguments are the same."""


class AggregationResNet(ReleasedCheckpointMixin, ChannelsLastMixin, ResNet):
    """Base of the ResNets with layer aggregation: MMDetection's :class:`~mmdet.models.ResNet`, checked at the door.

    Args:
        depth: one of ``arch_settings``.
        attention: channel attention on the residual branch, before the shortcut's sum: None, 'se' (reduction 16) or
            'eca'. It is one more of MMDetection's ``plugins``.
        kwargs: the arguments of MMDetection's ResNet.

    Raises:
        ValueError: an argument that is not available; the message lists what is.
    """

    trunk = re.compile(r'(conv1|bn1|stem\.\d+|layer\d\.\d+\.(conv[123]|bn[123]|downsample\.\d))\.\w+$')
    attentions = {None: None, 'se': 'SqueezeExcitation', 'eca': 'EfficientChannelAttention'}

    def __init__(self, depth: int, attention: str | None = None, **kwargs) -> None:
        one_of('depth', depth, list(self.arch_settings))
        one_of('attention', attention, list(self.attentions))
        for index in kwargs.get('out_indices', ()):
            one_of('out_indices', index, range(kwargs.get('num_stages', 4)))
        if attention is not None:
            channel_attention = dict(cfg=dict(type=self.attentions[attention]), position='after_conv3')
            kwargs['plugins'] = [channel_attention, *(kwargs.get('plugins') or [])]
        # MMDetection starts norm3 at zero only for its own Bottleneck class, not for one that extends it.
        self._zero_init_norm3 = (kwargs.get('zero_init_residual', True)
                                 and kwargs.get('init_cfg') is None and kwargs.get('pretrained') is None)
        super().__init__(depth, **kwargs)

    def make_res_layer(self, **kwargs) -> nn.Sequential:
        if self._zero_init_norm3:
            kwargs['init_cfg'] = dict(type='Constant', val=0, override=dict(name='norm3'))
        return super().make_res_layer(**kwargs)

    @property
    def stages(self) -> list[nn.Sequential]:
        """The stages' blocks, in order."""
        return [getattr(self, name) for name in self.res_layers]

    def stem_features(self, x: Tensor) -> Tensor:
        """Return the input of the first stage, at stride 4."""
        *layers, relu = self.stem if self.deep_stem else (self.conv1, self.norm1, self.relu)
        return relu(self.maxpool(apply_in_sequence(layers, x)))  # max(relu(x)), computed for a quarter of the pixels

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
