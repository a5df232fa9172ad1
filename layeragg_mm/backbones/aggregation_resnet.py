"""MMDetection's ResNet as what layer aggregation is added to."""
import re
from itertools import chain

from mmengine.registry import MODELS
from torch import nn

from ..adapters import AggregatingMixin, ResNetTrunk, connect
from ..fast.channels_last import channels_last
from ..layers import ULSAM, EfficientChannelAttention, SqueezeExcitation
from ..layers.dca import CONNECTED
from .arguments import norm_builder, one_of
from .released_resnet import ReleasedResNet

__all__ = ['AggregationResNet']

# As MMDetection's plugins, which are called by these names in a checkpoint.
for name, attention in {'se': SqueezeExcitation, 'eca': EfficientChannelAttention, 'ulsam': ULSAM}.items():
    attention._abbr_ = name
    MODELS.register_module(module=attention)


class AggregationResNet(AggregatingMixin, ReleasedResNet):
    """Base of the ResNets with layer aggregation: MMDetection's :class:`~mmdet.models.ResNet` and the loop.

    Args:
        depth: one of ``arch_settings``.
        attention: channel attention on the residual branch, before the shortcut's sum: None, 'se' (reduction 16) or
            'eca'; in bottlenecks, that is from depth 50 on. It is one more of MMDetection's ``plugins``. Or connected
            attention, 'dca_gc', 'dca_se', 'dca_ge', 'dca_cbam' or 'dca_sk' (see
            :class:`~layeragg_mm.backbones.dca_resnet.DCAResNet`), in blocks of any depth but 'dca_sk'.
        resize: of 'dca_se', 'dca_ge' and 'dca_sk': 'wide' (the default) or 'narrow'.
        kwargs: the arguments of MMDetection's ResNet.

    Raises:
        ValueError: an argument that is not available; the message lists what is.
    """

    trunk = ResNetTrunk
    trunk_keys = re.compile(r'(conv1|bn1|stem\.\d+|layer\d\.\d+\.(conv[123]|bn[123]|downsample\.\d))'
                            r'\.(weight|bias|running_\w+|num_batches_tracked)$')
    attentions = {None: None, 'se': 'SqueezeExcitation', 'eca': 'EfficientChannelAttention'}
    connected_attentions = tuple(f'dca_{kind}' for kind in (*CONNECTED, 'sk'))

    forward = channels_last(AggregatingMixin.forward)

    def __init__(self, depth: int, attention: str | None = None, *, resize: str | None = None, **kwargs) -> None:
        one_of('depth', depth, list(self.arch_settings))
        one_of('attention', attention, [*self.attentions, *self.connected_attentions])
        one_of(f'with attention={attention!r}, resize', resize,
               (None, 'wide', 'narrow') if attention in ('dca_se', 'dca_ge', 'dca_sk') else (None,))
        if attention not in (None, 'dca_gc', 'dca_se', 'dca_ge', 'dca_cbam'):
            one_of(f'with attention={attention!r}, depth', depth, [deep for deep in self.arch_settings if deep >= 50])
        if attention == 'dca_sk':
            one_of(f'with attention={attention!r}, plugins', kwargs.get('plugins'), [None])
        if self.attentions.get(attention):
            channel_attention = dict(cfg=dict(type=self.attentions[attention]), position='after_conv3')
            kwargs['plugins'] = [channel_attention, *(kwargs.get('plugins') or [])]
        super().__init__(depth, **kwargs)
        self.connected = attention in self.connected_attentions
        if self.connected:
            options = {} if resize is None else dict(resize=resize)
            connect(chain(*self.stages), attention.removeprefix('dca_'), norm_builder(self.norm_cfg), **options)
            self._freeze_stages()  # of the attention too

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
