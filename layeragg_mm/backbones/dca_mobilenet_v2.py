"""MobileNetV2 with connected attention: each block's attention also reads what the one before made."""
import re

from mmdet.models.backbones.mobilenet_v2 import MobileNetV2
from mmengine.registry import MODELS
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from ..checkpoints import ReleasedCheckpointMixin
from ..checkpoints.dca import translate_dca_mobilenet_v2
from ..fast.channels_last import channels_last
from ..layers.dca import CONNECTED, ConnectedSK
from .arguments import norm_builder, one_of

__all__ = ['DCAMobileNetV2']


@MODELS.register_module()
class DCAMobileNetV2(ReleasedCheckpointMixin, MobileNetV2):
    """MobileNetV2 with connected attention (DCANet, arXiv 2007.05099).

    Extends MMDetection's MobileNetV2 and keeps its arguments and parameter names; torchvision's checkpoint starts the
    trunk, and the authors' released ones load as they are. What the paper adds is ``dca`` in each block, one of
    :mod:`layeragg_mm.layers.dca`: on the block's narrow output before its sum, or with 'sk' in the place of the
    depthwise convolution.

    Args:
        connected: 'se', 'ge', 'cbam' or 'sk', in the released forms: reduction 8; resize wide, but narrow with 'sk',
            whose state is the weights of the branches.
        kwargs: the arguments of MMDetection's MobileNetV2 (``widen_factor``, ``out_indices``, ``frozen_stages``,
            ``norm_cfg``, ``act_cfg``, ``norm_eval``, ``with_cp``, ``init_cfg``, ...).

    Raises:
        ValueError: an argument that is not available; the message lists what is.
    """

    trunk_keys = re.compile(r'(conv[12]|layer\d\.\d+\.(expand|depthwise|linear)_conv)\.(conv|bn|gn)\.\w+$')

    def __init__(self, *, connected: str = 'se', **kwargs) -> None:
        one_of('connected', connected, ('se', 'ge', 'cbam', 'sk'))
        super().__init__(**kwargs)
        norm, previous_channels = norm_builder(self.norm_cfg), None
        for block in self.blocks:
            if connected == 'sk':
                conv = block.depthwise_conv.conv
                channels = conv.out_channels
                block.dca = ConnectedSK(
                    channels, previous_channels, stride=conv.stride[0], groups=channels, reduction=8, resize='narrow',
                    passes_weights=True, norm=norm, act=nn.ReLU6)
            else:
                channels = block.linear_conv.conv.out_channels
                options = dict(norm=norm) if connected == 'cbam' else {}
                block.dca = CONNECTED[connected](channels, previous_channels, reduction=8, **options)
            block.dca.linear_std = .01
            block.dca.init_weights()
            previous_channels = channels
        self._freeze_stages()  # of the attention too

    @property
    def blocks(self) -> list[nn.Module]:
        """The inverted residual blocks, in order."""
        return [block for name in self.layers[:-1] for block in getattr(self, name)]

    def translate_released(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        return translate_dca_mobilenet_v2(state, [number for _, _, number, _ in self.arch_settings])

    def train(self, mode: bool = True) -> 'DCAMobileNetV2':
        super().train(mode)  # which returns nothing
        return self

    @property
    def out_channels(self) -> tuple[int, ...]:
        """Channels of each output."""
        channels = [getattr(self, name)[-1].linear_conv.conv.out_channels for name in self.layers[:-1]]
        return tuple([*channels, self.out_channel][i] for i in self.out_indices)

    @property
    def out_strides(self) -> tuple[int, ...]:
        """Stride of each output: input pixels per step."""
        strides = [2]
        for *_, stride in self.arch_settings:
            strides.append(strides[-1] * stride)
        return tuple([*strides[1:], strides[-1]][i] for i in self.out_indices)

    @channels_last
    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return the maps of ``out_indices`` for images (N, 3, H, W)."""
        x, state, outs = self.conv1(x), None, []
        for name in self.layers[:-1]:
            for block in getattr(self, name):
                if self.with_cp and x.requires_grad:
                    x, state = checkpoint(connected_block, block, x, state, use_reentrant=False)
                else:
                    x, state = connected_block(block, x, state)
            outs.append(x)
        if len(outs) in self.out_indices:
            outs.append(self.conv2(x))
        return tuple(outs[i] for i in self.out_indices)


def connected_block(block: nn.Module, x: Tensor, state: Tensor | tuple[Tensor, Tensor] | None) -> tuple:
    """Return the output of an inverted residual block and the state of its attention, ``block.dca``."""
    out = block.expand_conv(x) if block.with_expand_conv else x
    if isinstance(block.dca, ConnectedSK):
        out, state = block.dca(out, block.depthwise_conv(out), state)
        out = block.linear_conv(out)
    else:
        out, state = block.dca(block.linear_conv(block.depthwise_conv(out)), state)
    return (x + out if block.with_res_shortcut else out), state
