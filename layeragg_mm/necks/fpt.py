"""The feature pyramid transformer: a neck in which every level attends to itself and to every other one."""
from collections.abc import Sequence
from functools import partial

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule, ModuleList
from mmengine.registry import MODELS
from torch import Tensor, nn

from ..backbones.arguments import norm_builder, one_of
from ..checkpoints import ReleasedCheckpointMixin
from ..checkpoints.fpt import translate_fpt
from ..fast.channels_last import channels_last
from ..layers.conv_norm import pixel_norm
from ..layers.fpt import EuclideanGroundingTransformer, GroundingTransformer, RenderingTransformer, SelfTransformer

__all__ = ['FPT']


@MODELS.register_module()
class FPT(ReleasedCheckpointMixin, BaseModule):
    r"""Feature pyramid transformer (FPT, arXiv 2007.09451, ECCV 2020), in FPN's place.

    With ``l_i`` level i through a 1x1 convolution, the finest first, all transformers reading these:

    .. math::

        \mathrm{out}_i = \mathrm{conv}_{3 \times 3}(\mathrm{concat}(\mathrm{ST}(l_i),
            \mathrm{RT}(l_i, l_{i-1}), \ldots, \mathrm{RT}(l_i, l_0),
            \mathrm{GT}(l_i, l_{i+1}), \ldots, \mathrm{GT}(l_i, l_n), l_i))

    The transformers are those of :mod:`layeragg_mm.layers.fpt`. Features may have any size; memory is linear in it,
    time is not: at stride 4 of an image of 800 x 1344 the self-transformer alone makes some 1.2 T multiply-adds.

    The authors' network cannot run as released; this is their assembly, with the stride that each rendering transformer
    needs, and its weights' names are read too.

    Args:
        in_channels: channels of each input, the finest first (a backbone's ``out_channels``), each at half the size of
            the one before, rounded up.
        out_channels: channels C of each result.
        num_outs: number of results: one for each level that is used, then coarser ones.
        start_level: the first input that is used, as FPN's.
        add_extra_convs: where the maps beyond the inputs come from: False: the last map with every second pixel left
            out; 'on_input' or True: 3x3 convolutions with stride 2, the first on the last input; 'on_output': the same,
            the first on the last map.
        similarity: of the grounding transformers: 'dot' (as released: linear, no softmax) or 'euclidean' (the paper's).
        parts: parts of the channels that attend each for itself, where there is a softmax.
        norm_cfg: the norm layers' config; a GN's groups are lowered where they do not divide the channels. The norm
            that sees single pixels is LN; with batch norm, as released, one that keeps its running statistics in
            training. A GN's group has two channels or more: of a single one on a map of one pixel it leaves nothing.
        init_cfg: how to initialise, as everywhere in mmengine. None: as published, convolutions Kaiming uniform, the
            grounding transformers at zero.

    Raises:
        ValueError: an argument that is not available, or inputs other than ``in_channels`` announces.
    """

    translate_released = staticmethod(translate_fpt)
    prefixes = ('neck.',)

    def __init__(self,
                 in_channels: Sequence[int],
                 out_channels: int,
                 num_outs: int,
                 *,
                 start_level: int = 0,
                 add_extra_convs: bool | str = False,
                 similarity: str = 'dot',
                 parts: int = 2,
                 norm_cfg: dict = dict(type='GN', num_groups=32, requires_grad=True),  # noqa: B006
                 init_cfg: dict | list[dict] | None = None) -> None:
        super().__init__(init_cfg or dict(type='Caffe2Xavier', layer='Conv2d'))
        one_of('similarity', similarity, ('dot', 'euclidean'))
        one_of('add_extra_convs', add_extra_convs, (False, True, 'on_input', 'on_output'))
        one_of('start_level', start_level, range(len(in_channels)))
        channels = in_channels[start_level:]
        num_levels = len(channels)
        if num_outs < num_levels:
            raise ValueError(f'num_outs={num_outs} is not available; allowed: {num_levels} (inputs used) or more')
        self.num_ins = len(in_channels)
        self.start_level = start_level
        self.num_outs = num_outs
        self.extra_on_input = add_extra_convs in (True, 'on_input')

        if 'num_groups' in norm_cfg and norm_cfg['num_groups'] % out_channels == 0:  # each channel would be a group
            norm_cfg = dict(norm_cfg, num_groups=out_channels // 2 or 1)
        norm = norm_builder(norm_cfg)
        gate_norm = partial(pixel_norm, norm)
        ground = (partial(EuclideanGroundingTransformer, parts=parts) if similarity == 'euclidean'
                  else GroundingTransformer)
        self.laterals = ModuleList(nn.Conv2d(width, out_channels, 1) for width in channels)
        self.self_transformers = ModuleList(SelfTransformer(out_channels, parts=parts, norm=norm) for _ in channels)
        self.rendering = ModuleList(
            ModuleList(RenderingTransformer(out_channels, stride=2**(i - j), norm=norm, gate_norm=gate_norm)
                       for j in range(i)) for i in range(num_levels))
        self.grounding = ModuleList(
            ModuleList(ground(out_channels, norm=norm) for _ in range(i + 1, num_levels)) for i in range(num_levels))
        self.out_convs = ModuleList(
            nn.Conv2d((num_levels + 1) * out_channels, out_channels, 3, padding=1) for _ in channels)
        first = channels[-1] if self.extra_on_input else out_channels
        self.extra_convs = ModuleList(
            nn.Conv2d(out_channels if i else first, out_channels, 3, stride=2, padding=1)
            for i in range(num_outs - num_levels if add_extra_convs else 0))

    @channels_last
    def forward(self, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Return ``num_outs`` maps with ``out_channels`` for the backbone's maps."""
        if len(inputs) != self.num_ins:
            raise ValueError(f'FPT got {len(inputs)} inputs; allowed: {self.num_ins}, as in_channels has')
        levels = [lateral(x) for lateral, x in zip(self.laterals, inputs[self.start_level:])]
        outs = [conv(torch.cat(self._transformed(i, levels), 1)) for i, conv in enumerate(self.out_convs)]
        extra = inputs[-1] if self.extra_on_input else outs[-1]
        for conv in self.extra_convs:
            extra = conv(extra)
            outs.append(extra)
        while len(outs) < self.num_outs:
            outs.append(F.max_pool2d(outs[-1], 1, stride=2))
        return tuple(outs)

    def _transformed(self, i: int, levels: list[Tensor]) -> list[Tensor]:
        """Return level ``i``, transformed by itself, by finer levels and by coarser ones, and as it is."""
        finer, coarser = range(i - 1, -1, -1), levels[i + 1:]
        return [
            self.self_transformers[i](levels[i]),
            *(self.rendering[i][j](levels[i], levels[j]) for j in finer),
            *(ground(levels[i], coarse) for ground, coarse in zip(self.grounding[i], coarser)),
            levels[i],
        ]
