"""MMDetection's ResNet, checked at the door, as what the ResNets here extend."""
from collections.abc import Sequence

from mmdet.models.backbones.resnet import ResNet
from torch import nn

from ..checkpoints import ReleasedCheckpointMixin
from ..fast.channels_last import channels_last
from .arguments import one_of

__all__ = ['ReleasedResNet']


class ReleasedResNet(ReleasedCheckpointMixin, ResNet):
    """MMDetection's :class:`~mmdet.models.ResNet`, which tells of its outputs and loads released checkpoints.

    Args:
        depth: one of ``arch_settings``.
        contract_dilation: as in MMSegmentation's ResNet, the first block of a stage with dilation d > 1 has d // 2.
        multi_grid: as there, the dilation of each block of the last stage, in the place of the stage's.
        kwargs: the arguments of MMDetection's ResNet.

    Raises:
        ValueError: an argument that is not available; the message lists what is.
    """

    stem_stride = 4
    forward = channels_last(ResNet.forward)

    def __init__(self, depth: int, *, contract_dilation: bool = False, multi_grid: Sequence[int] | None = None,
                 **kwargs) -> None:
        one_of('depth', depth, list(self.arch_settings))
        stages = kwargs.get('num_stages', 4)
        one_of('frozen_stages', kwargs.get('frozen_stages', -1), range(-1, stages + 1))
        out_indices = kwargs.get('out_indices', (0,))
        if isinstance(out_indices, int) or not out_indices:
            raise ValueError(f'out_indices={out_indices} is not available; allowed: one or more of '
                             f'{", ".join(map(str, range(stages)))}, e.g. ({stages - 1},)')
        for index in out_indices:
            one_of('out_indices', index, range(stages))
        blocks = self.arch_settings[depth][1][stages - 1]
        if multi_grid is not None and len(multi_grid) != blocks:
            raise ValueError(f'multi_grid={multi_grid} is not available; allowed: {blocks} dilations, one for each '
                             f'block of the last stage of depth {depth}')
        self.contract_dilation, self.multi_grid = contract_dilation, multi_grid
        super().__init__(depth, **kwargs)

    def make_res_layer(self, *, block: type[nn.Module], num_blocks: int, dilation: int, **kwargs) -> nn.Sequential:
        """Return the next stage; its blocks may be dilated differently."""
        dilations = [dilation] * num_blocks
        if self.contract_dilation and dilation > 1:
            dilations[0] = dilation // 2
        if self.multi_grid is not None and len(self.res_layers) == self.num_stages - 1:
            dilations = self.multi_grid
        of_blocks = iter(dilations)

        def dilated(*args, **kwargs) -> nn.Module:
            return block(*args, **{**kwargs, 'dilation': next(of_blocks)})

        dilated.expansion = block.expansion
        stage = super().make_res_layer(block=dilated, num_blocks=num_blocks, dilation=dilation, **kwargs)
        stage.block = block
        return stage

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
        strides = [self.stem_stride * self.strides[0]]
        for stride in self.strides[1:]:
            strides.append(strides[-1] * stride)
        return tuple(strides[i] for i in self.out_indices)
