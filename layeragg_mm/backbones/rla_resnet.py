"""ResNet and ResNeXt with recurrent layer aggregation: a small hidden state runs along the depth."""
from mmdet.models.backbones.resnext import Bottleneck as ResNeXtBottleneck
from mmengine.model import ModuleList
from mmengine.registry import MODELS
from torch import nn

from ..adapters import adapter_of, recurrent_step
from ..checkpoints import translate_rla
from ..layers import RecurrentAggregation
from .aggregation_resnet import AggregationResNet
from .arguments import norm_builder

__all__ = ['RLAResNeXt', 'RLAResNet']


@MODELS.register_module()
class RLAResNet(AggregationResNet):
    """ResNet with recurrent layer aggregation (RLA, NeurIPS 2021, arXiv 2110.11852).

    Extends MMDetection's ResNet and keeps its arguments and parameter names, so that a plain ResNet checkpoint
    (``torchvision://resnet50``) starts the trunk; the authors' released checkpoints load as they are. What the
    paper adds lies in ``rla``, one :class:`~layeragg_mm.layers.RecurrentAggregation` a stage.

    Args:
        depth: 18, 34, 50, 101 or 152; 18 and 34 are ours, the paper has bottlenecks only.
        rla_channels: channels of the hidden state.
        attention: channel attention before the shortcut's sum: None, 'se', 'eca', or connected, 'dca_gc' and its kind
            (:class:`~layeragg_mm.backbones.DCAResNet`).
        zero_init_rla: start what the blocks read of the hidden state at zero: the network starts as the plain ResNet.
            False is the published start (Kaiming, as the rest of the first convolution).
        kwargs: the arguments of MMDetection's ResNet (``out_indices``, ``frozen_stages``, ``norm_cfg``, ``norm_eval``,
            ``with_cp``, ``dcn``, ``plugins``, ``deep_stem``, ``avg_down``, ``init_cfg``, ...).

    Raises:
        ValueError: an argument that is not available; the message lists what is.
    """

    step = staticmethod(recurrent_step)
    aggregation_of_stages = 'rla'
    translate_released = staticmethod(translate_rla)

    def __init__(self,
                 depth: int,
                 *,
                 rla_channels: int = 32,
                 attention: str | None = None,
                 zero_init_rla: bool = True,
                 **kwargs) -> None:
        super().__init__(depth, attention, **kwargs)
        ports = [[adapter_of(block).ports(block) for block in stage] for stage in self.stages]
        self.rla = ModuleList(  # mmengine's, which initialises what is in it
            RecurrentAggregation(
                blocks[0].channels,
                rla_channels,
                widths=[block.read_channels for block in blocks],
                strides=[(block.read_stride, block.stride) for block in blocks],
                reads_first=i > 0,
                updates_last=i < len(ports) - 1,
                norm=norm_builder(self.norm_cfg),
                zero_init=zero_init_rla) for i, blocks in enumerate(ports))
        self._freeze_stages()  # of the aggregation too


@MODELS.register_module()
class RLAResNeXt(RLAResNet):
    """ResNeXt with recurrent layer aggregation; see :class:`RLAResNet`.

    Args:
        depth: 50, 101 or 152.
        groups: groups of the 3x3 convolutions (cardinality).
        base_width: channels of a group in the first stage.
        kwargs: the arguments of :class:`RLAResNet`.
    """

    arch_settings = {depth: (ResNeXtBottleneck, blocks) for depth, (_, blocks)
                     in RLAResNet.arch_settings.items() if depth >= 50}

    def __init__(self, depth: int, *, groups: int = 32, base_width: int = 4, **kwargs) -> None:
        self.groups = groups
        self.base_width = base_width
        super().__init__(depth, **kwargs)

    def make_res_layer(self, **kwargs) -> nn.Sequential:
        return super().make_res_layer(
            groups=self.groups, base_width=self.base_width, base_channels=self.base_channels, **kwargs)
