"""The upsampling neck of deep layer aggregation, for detection, segmentation and CenterNet."""
from collections.abc import Sequence
from itertools import pairwise

import torch.nn.functional as F
from mmengine.model import BaseModule
from mmengine.registry import MODELS
from torch import Tensor, nn

from ..backbones.arguments import conv_builder, norm_builder, one_of
from ..checkpoints import ReleasedCheckpointMixin
from ..checkpoints.dla import translate_ida_up
from ..fast.channels_last import channels_last
from ..layers import IterativeAggregation, UpAggregation
from .deformable import DeformableConv2d

__all__ = ['IDAUp']


@MODELS.register_module()
class IDAUp(ReleasedCheckpointMixin, BaseModule):
    """Iterative deep aggregation of a backbone's features, upwards (DLA, CVPR 2018, arXiv 1707.06484, section 4.2).

    From the coarsest level on, each level aggregates itself with everything coarser
    (:class:`~layeragg_mm.layers.UpAggregation`). Three kinds of heads read the results:

    ===========  =========================================================================================
    mode         result, a tuple of maps with ``out_channels``
    ===========  =========================================================================================
    'pyramid'    one map a level at its own stride, and coarser ones up to ``num_outs``, as FPN gives them,
                 for RPN, RoI heads, RetinaNet and their kind
    'finest'     one map at the finest stride: the published network for semantic segmentation
    'centernet'  one map at the finest stride, as CenterNet's DLA-34 (arXiv 1904.07850): with modulated
                 deformable convolutions and sums, and the levels' results aggregated once more
    ===========  =========================================================================================

    The pyramid's maps are the aggregates that arise anyway at each level, each through a 1x1 convolution, as FPN's
    lateral ones (the coarsest level has nothing to aggregate: its map is its feature through that convolution). Every
    layer thus works for the finest map as well as for its own, none for nothing, and 3x3 convolutions run at the
    backbone's widths, narrow where the maps are large.

    Reads the backbone's features (N, in_channels[i], H_i, W_i), which need not be exact multiples in size: the coarser
    one, upsampled, is cropped to the finer one's size.

    DLA segmentation and CenterNet checkpoints load as they are: of a whole network, the neck takes its part.

    Args:
        in_channels: channels of each input, the finest first (a backbone's ``out_channels``).
        out_channels: channels of each result.
        mode: 'pyramid', 'finest' or 'centernet'.
        in_strides: stride of each input (a backbone's ``out_strides``); by default each twice the one before.
        start_level: the first input that is used, as FPN's; DLA's segmentation networks use levels 1 to 5 of the
            backbone for results at stride 2, 2 to 5 at stride 4.
        num_outs: number of maps of the pyramid; by default one a level that is used.
        add_extra_convs: where the maps beyond the inputs come from: False: the last map with every second pixel left
            out; 'on_input' or True: 3x3 convolutions with stride 2, the first on the last input; 'on_output': the same,
            the first on the last map.
        include_coarsest: 'centernet' only: the second aggregation reads the coarsest level (stride 32) too, as the
            paper has it; the released code leaves it out.
        conv_cfg: the config of the convolution layers of projections and nodes; plain ones by default. 'centernet' has
            deformable ones, and takes none.
        norm_cfg: the norm layers' config; a GN's groups are lowered where they do not divide the channels.
        init_cfg: how to initialise, as everywhere in mmengine. None: as published (upsampling as bilinear
            interpolation), the pyramid's own convolutions as FPN's.

    Raises:
        ValueError: an argument that is not available, or inputs other than ``in_channels`` announces.
    """

    translate_released = staticmethod(translate_ida_up)
    prefixes = ('neck.',)

    def __init__(self,
                 in_channels: Sequence[int],
                 out_channels: int,
                 *,
                 mode: str = 'pyramid',
                 in_strides: Sequence[int] | None = None,
                 start_level: int = 0,
                 num_outs: int | None = None,
                 add_extra_convs: bool | str = False,
                 include_coarsest: bool = False,
                 conv_cfg: dict | None = None,
                 norm_cfg: dict = dict(type='BN', requires_grad=True),  # noqa: B006
                 init_cfg: dict | list[dict] | None = None) -> None:
        super().__init__(init_cfg)
        one_of('mode', mode, ('pyramid', 'finest', 'centernet'))
        one_of('add_extra_convs', add_extra_convs, (False, True, 'on_input', 'on_output'))
        if mode != 'pyramid' and (num_outs not in (None, 1) or add_extra_convs):
            raise ValueError(f"mode={mode!r} returns one map; num_outs and add_extra_convs are for 'pyramid'")
        if mode != 'centernet' and include_coarsest:
            raise ValueError(f"mode={mode!r} always reads the coarsest level; include_coarsest is for 'centernet'")
        if mode == 'centernet' and conv_cfg is not None:
            raise ValueError("mode='centernet' has deformable convolutions; conv_cfg is for 'pyramid' and 'finest'")
        fewest = 3 if mode == 'centernet' and not include_coarsest else 2
        if not 0 <= start_level <= len(in_channels) - fewest:
            raise ValueError(f'start_level={start_level} of {len(in_channels)} inputs is not available; '
                             f'allowed: one that leaves {fewest} inputs or more')
        strides = in_strides or [2**i for i in range(len(in_channels))]
        if len(strides) != len(in_channels) or any(coarse % fine for fine, coarse in pairwise(strides)):
            raise ValueError(f'in_strides={in_strides} is not available; allowed: {len(in_channels)} strides, '
                             'each a multiple of the one before')
        channels, strides = in_channels[start_level:], strides[start_level:]
        num_outs = num_outs or len(channels)
        if mode == 'pyramid' and num_outs < len(channels):
            raise ValueError(f'num_outs={num_outs} is not available; allowed: {len(channels)} (inputs used) or more')

        self.num_ins = len(in_channels)
        self.start_level = start_level
        self.mode = mode
        conv = _deformable if mode == 'centernet' else conv_builder(conv_cfg)
        aggregation = dict(norm=norm_builder(norm_cfg), conv=conv, sums=mode == 'centernet')
        self.dla_up = UpAggregation(
            channels, out_channels=out_channels if mode == 'finest' else None, strides=strides, **aggregation)
        if mode == 'centernet':
            self.num_refined = len(channels) if include_coarsest else len(channels) - 1
            factors = [stride // strides[0] for stride in strides[:self.num_refined]]
            self.ida_up = IterativeAggregation(
                channels[:self.num_refined], out_channels, factors=factors, **aggregation)
        if mode == 'pyramid':
            self.num_outs = num_outs
            self.extra_on_input = add_extra_convs in (True, 'on_input')
            self.out_convs = nn.ModuleList(_out_conv(width, out_channels, 1) for width in channels)
            first = channels[-1] if self.extra_on_input else out_channels
            self.extra_convs = nn.ModuleList(
                _out_conv(out_channels if i else first, out_channels, 3, stride=2)
                for i in range(num_outs - len(channels) if add_extra_convs else 0))

    @channels_last
    def forward(self, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Return the results for the backbone's features ``inputs``, the finest first."""
        if len(inputs) != self.num_ins:
            raise ValueError(f'IDAUp got {len(inputs)} inputs; allowed: {self.num_ins}, as in_channels has')
        results = self.dla_up(inputs[self.start_level:])
        if self.mode == 'finest':
            return (results[0],)
        if self.mode == 'centernet':
            return (self.ida_up(results[:self.num_refined])[-1],)
        outs = [conv(result) for conv, result in zip(self.out_convs, results)]
        extra = inputs[-1] if self.extra_on_input else outs[-1]
        for conv in self.extra_convs:
            extra = conv(extra)
            outs.append(extra)
        while len(outs) < self.num_outs:
            outs.append(F.max_pool2d(outs[-1], 1, stride=2))
        return tuple(outs)


def _out_conv(in_channels: int, out_channels: int, kernel_size: int, *, stride: int = 1) -> nn.Conv2d:
    conv = nn.Conv2d(in_channels, out_channels, kernel_size, stride=stride, padding=kernel_size // 2)
    nn.init.xavier_uniform_(conv.weight)
    nn.init.zeros_(conv.bias)
    return conv


def _deformable(in_channels: int, out_channels: int, kernel_size: int) -> DeformableConv2d:
    """CenterNet's convolution: deformable 3x3, projections (``kernel_size`` 3 as well) included."""
    return DeformableConv2d(in_channels, out_channels)
