"""Our ResNets in MMSegmentation's registry, with the arguments that its ResNet has beside those of MMDetection's."""
from collections.abc import Sequence

from mmseg.registry import MODELS
from torch import nn

from .backbones import DCAResNet, MRLAResNet, RLAResNet, RLAResNeXt

__all__ = ['DilatedStagesMixin']


class DilatedStagesMixin:
    """A ResNet of MMDetection whose blocks of one stage can be dilated differently, as those of MMSegmentation's.

    Args:
        contract_dilation: the first block of a stage with dilation d > 1 is dilated by d // 2, not by d.
        multi_grid: the dilation of each block of the last stage, in the place of the stage's.
        args, kwargs: those of the ResNet.
    """

    def __init__(self, *args, contract_dilation: bool = False, multi_grid: Sequence[int] | None = None,
                 **kwargs) -> None:
        super().__init__(*args, **kwargs)
        stages = [getattr(self, name) for name in self.res_layers]
        for stage, dilation in zip(stages, self.dilations):
            if contract_dilation and dilation > 1:
                dilate(stage[0], dilation // 2)
        if multi_grid is not None:
            if len(multi_grid) != len(stages[-1]):
                raise ValueError(f'multi_grid={multi_grid!r} is not available; allowed: {len(stages[-1])} dilations, '
                                 'one for each block of the last stage')
            for block, dilation in zip(stages[-1], multi_grid):
                dilate(block, dilation)


def dilate(block: nn.Module, dilation: int) -> None:
    """Dilate a block's 3x3 convolution with the stride (of deformable ones, that of the offsets too)."""
    conv = block.conv2 if hasattr(block, 'conv3') else block.conv1
    block.dilation = dilation
    for module in (conv, getattr(conv, 'conv_offset', None)):
        if module is not None:
            module.dilation = module.padding = (dilation, dilation)


for resnet in (RLAResNet, RLAResNeXt, MRLAResNet, DCAResNet):
    extended = type(resnet.__name__, (DilatedStagesMixin, resnet), dict(__doc__=resnet.__doc__, __module__=__name__))
    MODELS.register_module(module=extended)
