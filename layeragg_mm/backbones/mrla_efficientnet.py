"""EfficientNet with multi-head recurrent layer attention after its blocks."""
import re
from collections.abc import Sequence

from mmengine.model import ModuleList
from mmengine.registry import MODELS
from torch import Tensor, nn

from ..adapters import AggregatingMixin, adapter_of, conv_module, light_step
from ..checkpoints import translate_efficientnet
from ..fast.channels_last import channels_last
from ..layers import LightLayerAttention
from .arguments import check_rate, norm_builder, one_of
from .released_efficientnet import ReleasedEfficientNet

__all__ = ['MRLAEfficientNet']


@MODELS.register_module()
class MRLAEfficientNet(AggregatingMixin, ReleasedEfficientNet):
    """EfficientNet with MRLA-light (ICLR 2023, arXiv 2302.03985), as its authors had it in January 2022.

    Extends MMDetection's EfficientNet and keeps its arguments and parameter names; convolutions and norms are timm's
    (symmetric padding, eps 1e-5), so that timm's checkpoints start the trunk and the authors' layout loads as it is.
    What the paper adds is in the blocks that have a shortcut, but for the first stage's: ``block.mrla``, a
    :class:`~layeragg_mm.layers.LightLayerAttention` of 8 heads.

    Args:
        arch: 'b0', 'b1' or 'b2', which the authors had; the others of MMDetection's 'b' work as well.
        drop_path_rate: stochastic depth; rises linearly from 0 at the first block to this rate at the last, of the
            block's branch and of the layer attention.
        out_indices: the layers to return: 0 (stem) to 5, strides 2, 2, 4, 8, 16, 32, and 6, the last 1x1 convolution.
            Layers beyond the last one are not built.
        conv_cfg: the convolution layers' config; plain ones by default.
        norm_cfg: the norm layers' config.
        zero_init_mrla: start the scale of the norm after the attention at zero: the network starts as the plain
            EfficientNet. False is the published start (scale 1).
        kwargs: the arguments of MMDetection's EfficientNet (``frozen_stages``, ``act_cfg``, ``norm_eval``, ``with_cp``,
            ``init_cfg``).

    Raises:
        ValueError: an argument that is not available; the message lists what is.
    """

    heads = 8
    step = staticmethod(light_step)
    trunk_keys = re.compile(r'layers\.\d+\.(\d+\.(expand_conv|depthwise_conv|linear_conv|se)\.|conv\.|bn\.)')

    def __init__(self,
                 arch: str = 'b0',
                 *,
                 drop_path_rate: float = 0.,
                 out_indices: Sequence[int] = (6, ),
                 conv_cfg: dict | None = None,
                 norm_cfg: dict = dict(type='BN'),  # noqa: B006
                 zero_init_mrla: bool = True,
                 **kwargs) -> None:
        one_of('arch', arch, [name for name in self.arch_settings if name.startswith('b')])
        check_rate('drop_path_rate', drop_path_rate)
        for index in out_indices:
            one_of('out_indices', index, range(7))
        super().__init__(arch, drop_path_rate=drop_path_rate, out_indices=out_indices, conv_cfg=conv_cfg,
                         norm_cfg=norm_cfg, **kwargs)
        self.layers = ModuleList(self.layers)  # mmengine's, which initialises what is in it
        for stage in self.stages[1:]:
            for block in stage:
                if block.with_res_shortcut:
                    channels = adapter_of(block).ports(block).channels
                    block.mrla = LightLayerAttention(
                        channels, channels_per_head=channels // self.heads, norm=norm_builder(norm_cfg),
                        drop_path_rate=getattr(block.drop_path, 'drop_prob', 0.), zero_init=zero_init_mrla)
        self._freeze_stages()

    @property
    def stages(self) -> list[nn.Sequential]:
        """The stages' blocks, in order."""
        return list(self.layers[1:6])

    @channels_last
    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return the maps of ``out_indices`` for images (N, 3, H, W)."""
        outs = [conv_module(self.layers[0], x)]
        for stage in self.stages:
            attentions = [getattr(block, 'mrla', None) for block in stage]
            outs.append(self._run(stage, attentions, outs[-1], None)[0])
        if len(self.layers) > 6:
            outs.append(conv_module(self.layers[6], outs[-1]))
        return tuple([outs[i] for i in self.out_indices])

    def translate_released(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        return super().translate_released(translate_efficientnet(state))
