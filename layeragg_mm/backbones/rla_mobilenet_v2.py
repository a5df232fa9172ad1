"""MobileNetV2 with recurrent layer aggregation: a small hidden state runs along the depth."""
import re
from collections.abc import Sequence
from functools import partial

from mmcv.cnn import build_activation_layer
from mmdet.models.backbones.mobilenet_v2 import MobileNetV2
from mmengine.registry import MODELS
from torch import Tensor, nn

from ..adapters import AggregatingMixin, adapter_of, conv_module, inverted_recurrent_step
from ..checkpoints import ReleasedCheckpointMixin, translate_mobilenet_v2, translate_rla_mobilenet_v2
from ..fast.channels_last import channels_last
from ..layers import EfficientChannelAttention, InvertedRecurrentAggregation
from .arguments import norm_builder, one_of

__all__ = ['RLAMobileNetV2']


@MODELS.register_module()
class RLAMobileNetV2(ReleasedCheckpointMixin, AggregatingMixin, MobileNetV2):
    """MobileNetV2 with recurrent layer aggregation (RLA, NeurIPS 2021, arXiv 2110.11852).

    Extends MMDetection's MobileNetV2 and keeps its arguments and parameter names, so that a plain checkpoint, also
    torchvision's, starts the trunk; the authors' released checkpoints load as they are. What the paper adds lies in
    ``rla``, a :class:`~layeragg_mm.layers.InvertedRecurrentAggregation`. Layers beyond the last output are not built.

    Args:
        widen_factor: the channels are multiplied with this, and rounded to multiples of 8.
        rla_channels: channels of the hidden state.
        recurrence: 'depthwise', as the published results and weights have it, or 'full', the 3x3 convolution of the
            state.
        attention: channel attention before the shortcut's sum: None or 'eca' (kernel sizes 1 and 3).
        out_indices: the layers to return, 0 to 6 and 7, the last 1x1 convolution, which reads the state too.
        zero_init_rla: start what is read of the hidden state at zero: the network starts as the plain MobileNetV2.
            False is the published start (Kaiming).
        kwargs: the arguments of MMDetection's MobileNetV2 (``frozen_stages``, ``conv_cfg``, ``norm_cfg``, ``act_cfg``,
            ``norm_eval``, ``with_cp``, ``init_cfg``).

    Raises:
        ValueError: an argument that is not available; the message lists what is.
    """

    step = staticmethod(inverted_recurrent_step)
    trunk_keys = re.compile(r'(conv[12]|layer\d\.\d+\.(expand_conv|depthwise_conv|linear_conv))\.')

    def __init__(self,
                 widen_factor: float = 1.,
                 *,
                 rla_channels: int = 32,
                 recurrence: str = 'depthwise',
                 attention: str | None = None,
                 out_indices: Sequence[int] = (1, 2, 4, 7),
                 zero_init_rla: bool = True,
                 frozen_stages: int = -1,
                 **kwargs) -> None:
        one_of('recurrence', recurrence, ['depthwise', 'full'])
        one_of('attention', attention, [None, 'eca'])
        for index in out_indices:
            one_of('out_indices', index, range(8))
        one_of('frozen_stages', frozen_stages, range(-1, min(max(out_indices) + 1, 7) + 1))
        super().__init__(widen_factor, out_indices, frozen_stages, **kwargs)
        for name in self.layers[max(out_indices) + 1:]:
            delattr(self, name)
        self.layers = self.layers[:max(out_indices) + 1]
        self.has_head = self.layers[-1] == 'conv2'
        if attention == 'eca':
            for (_, channels, *_), stage in zip(self.arch_settings, self.stages):
                for block in stage:
                    block.eca = EfficientChannelAttention(
                        adapter_of(block).ports(block).channels, kernel_size=1 if channels < 96 else 3)
        ports = [[adapter_of(block).ports(block) for block in stage] for stage in self.stages]
        self.rla = InvertedRecurrentAggregation(
            rla_channels,
            [(blocks[0].channels, [block.stride for block in blocks]) for blocks in ports],
            recurrence=recurrence,
            head_channels=self.out_channel if self.has_head else None,
            norm=norm_builder(self.norm_cfg),
            act=partial(build_activation_layer, self.act_cfg),
            zero_init=zero_init_rla)
        self._freeze_stages()

    @property
    def stages(self) -> list[nn.Sequential]:
        """The stages' blocks, in order."""
        return [getattr(self, name) for name in self.layers if name != 'conv2']

    @property
    def out_channels(self) -> tuple[int, ...]:
        """Channels of each output."""
        channels = [adapter_of(stage[0]).ports(stage[0]).channels for stage in self.stages]
        return tuple((*channels, self.out_channel)[i] for i in self.out_indices)

    @property
    def out_strides(self) -> tuple[int, ...]:
        """Stride of each output: input pixels per step."""
        return tuple((2, 4, 8, 16, 16, 32, 32, 32)[i] for i in self.out_indices)

    @channels_last
    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return the maps of ``out_indices`` for images (N, 3, H, W)."""
        x, state, outs = conv_module(self.conv1, x), None, []
        for j, stage in enumerate(self.stages):
            x, state = self._run(stage, [(self.rla, (j, i)) for i in range(len(stage))], x, state)
            outs.append(x)
        if self.has_head:
            outs.append(conv_module(self.conv2, x, self.rla.read_by_head(state)))
        return tuple([outs[i] for i in self.out_indices])

    def translate_released(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        state = translate_rla_mobilenet_v2(translate_mobilenet_v2(state))
        if self.has_head:
            return state
        own = self.state_dict()  # of a whole network's file, what is built here
        return {key: value for key, value in state.items()
                if key in own or not re.match(r'layer\d\.|conv2\.|rla\.', key)}

    def _freeze_stages(self) -> None:
        super()._freeze_stages()
        for j in range(max(self.frozen_stages, 0)):
            for part in self.rla.of_stage(j):
                part.eval().requires_grad_(False)

    def train(self, mode: bool = True) -> 'RLAMobileNetV2':
        super().train(mode)  # which returns nothing
        return self
