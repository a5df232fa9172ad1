"""ResNet and ResNeXt with recurrent layer aggregation: a small hidden state runs along the depth."""
import torch
import torch.nn.functional as F
from mmdet.models.backbones.resnext import Bottleneck as ResNeXtBottleneck
from mmengine.model import ModuleList
from mmengine.registry import MODELS
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from ..checkpoints import translate_rla
from ..layers import RecurrentAggregation
from ..layers.rla import JointConvs, convs_of_one_map
from .aggregation_resnet import AggregationBottleneck, AggregationResNet, BranchesMixin
from .building import norm_builder

__all__ = ['RLAResNeXt', 'RLAResNet']


class AggregationResNeXtBottleneck(BranchesMixin, ResNeXtBottleneck):
    """MMDetection's ResNeXt bottleneck with its branches as methods."""


@MODELS.register_module()
class RLAResNet(AggregationResNet):
    """ResNet with recurrent layer aggregation (RLA, NeurIPS 2021, arXiv 2110.11852).

    Extends MMDetection's ResNet and keeps its arguments and parameter names, so that a plain ResNet checkpoint
    (``torchvision://resnet50``) starts the trunk; the authors' released checkpoints load as they are. What the
    paper adds lies in ``rla``, one :class:`~layeragg_mm.layers.RecurrentAggregation` a stage.

    Args:
        depth: 50, 101 or 152.
        rla_channels: channels of the hidden state.
        attention: channel attention before the shortcut's sum: None, 'se' or 'eca'.
        zero_init_rla: start what the blocks read of the hidden state at zero: the network starts as the plain ResNet.
            False is the published start (Kaiming, as the rest of the first convolution).
        kwargs: the arguments of MMDetection's ResNet (``out_indices``, ``frozen_stages``, ``norm_cfg``, ``norm_eval``,
            ``with_cp``, ``dcn``, ``plugins``, ``deep_stem``, ``avg_down``, ``init_cfg``, ...).

    Raises:
        ValueError: an argument that is not available; the message lists what is.
    """

    arch_settings = {depth: (AggregationBottleneck, blocks) for depth, (_, blocks)
                     in AggregationResNet.arch_settings.items() if depth >= 50}
    translate_released = staticmethod(translate_rla)

    def __init__(self,
                 depth: int,
                 *,
                 rla_channels: int = 32,
                 attention: str | None = None,
                 zero_init_rla: bool = True,
                 **kwargs) -> None:
        super().__init__(depth, attention, **kwargs)
        self.rla = ModuleList(  # mmengine's, which initialises what is in it
            RecurrentAggregation(
                stage[0].planes * stage[0].expansion,
                rla_channels,
                widths=[block.conv1.out_channels for block in stage],
                strides=[(block.conv1_stride, block.stride) for block in stage],
                reads_first=i > 0,
                updates_last=i < len(self.stages) - 1,
                norm=norm_builder(self.norm_cfg),
                zero_init=zero_init_rla) for i, stage in enumerate(self.stages))
        self._freeze_stages()  # of the aggregation too

    def _freeze_stages(self) -> None:
        super()._freeze_stages()
        if hasattr(self, 'rla'):  # MMDetection calls this once before
            for aggregation in self.rla[:max(self.frozen_stages, 0)]:
                aggregation.eval().requires_grad_(False)

    def features(self, x: Tensor) -> tuple[Tensor, ...]:
        x, hidden, before = self.stem_features(x), None, None
        outs = []
        for stage, aggregation in zip(self.stages[:max(self.out_indices) + 1], self.rla):
            for i, block in enumerate(stage):
                arguments = block, x, hidden, before, (aggregation, i)
                if self.with_cp and x.requires_grad:
                    x, hidden = checkpoint(self._step, *arguments, use_reentrant=False)
                else:
                    x, hidden = self._step(*arguments)
                before = aggregation, i
            outs.append(x)
        return tuple(outs[i] for i in self.out_indices)

    @staticmethod
    def _step(block: nn.Module, x: Tensor, hidden: Tensor | None, before: tuple | None, here: tuple):
        """Return a block's output and the hidden state that it read, which the block before, ``before``, updates.

        Update and block read the same ``x``; so the update is done here, and the state after the last block never.
        """
        first = None
        if before is not None:
            (state, i), (reader, j) = before, here
            if isinstance(block.conv1, JointConvs):
                (first, scale), projected = block.conv1(x)
            else:
                layers = (block.conv1, block.norm1), (state.project, state.norms[i])
                (first, scale), projected = convs_of_one_map(x, *layers)
            hidden = state.update(i, hidden, *projected)
            first = reader.read(j, hidden, first, scale)
            if scale is None:
                first = block.norm1(first)
        return block.relu(block.residual(x, first).add_(block.shortcut(x))), hidden

    @staticmethod
    def _step_literal(block: nn.Module, x: Tensor, hidden: Tensor | None, before: tuple | None, here: tuple):
        """The published step, which the fast one equals: the first convolution reads ``concat(x, h)``."""
        first = None
        if before is not None:
            (state, i), (reader, j) = before, here
            hidden = state.update(i, hidden, state.project(x))
            weight = torch.cat([block.conv1.weight, reader.reads[j].weight], 1)
            first = block.norm1(F.conv2d(torch.cat([x, hidden], 1), weight, stride=block.conv1.stride))
        return block.relu(block.residual(x, first) + block.shortcut(x)), hidden


@MODELS.register_module()
class RLAResNeXt(RLAResNet):
    """ResNeXt with recurrent layer aggregation; see :class:`RLAResNet`.

    Args:
        depth: 50, 101 or 152.
        groups: groups of the 3x3 convolutions (cardinality).
        base_width: channels of a group in the first stage.
        kwargs: the arguments of :class:`RLAResNet`.
    """

    arch_settings = {depth: (AggregationResNeXtBottleneck, blocks) for depth, (_, blocks)
                     in RLAResNet.arch_settings.items()}

    def __init__(self, depth: int, *, groups: int = 32, base_width: int = 4, **kwargs) -> None:
        self.groups = groups
        self.base_width = base_width
        super().__init__(depth, **kwargs)

    def make_res_layer(self, **kwargs) -> nn.Sequential:
        return super().make_res_layer(
            groups=self.groups, base_width=self.base_width, base_channels=self.base_channels, **kwargs)
