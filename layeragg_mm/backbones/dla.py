"""Deep layer aggregation networks."""
import re
from collections.abc import Callable, Sequence
from functools import partial

from mmengine.model import BaseModule
from mmengine.registry import MODELS
from torch import Tensor, nn

from ..checkpoints import ReleasedCheckpointMixin
from ..checkpoints.dla import translate_dla
from ..fast.channels_last import channels_last
from ..layers.conv_norm import ConvSequential
from ..layers.dla import BasicBlock, Bottleneck, Tree
from .arguments import conv_builder, norm_builder, one_of
from .freezing import FreezingMixin

__all__ = ['DLANet']


@MODELS.register_module()
class DLANet(ReleasedCheckpointMixin, FreezingMixin, BaseModule):
    """Deep layer aggregation network (DLA, CVPR 2018, arXiv 1707.06484, table 1).

    A 7x7 convolution, then levels 0 to 5 with strides 1, 2, 4, 8, 16 and 32: levels 0 and 1 are 3x3 convolutions,
    levels 2 to 5 aggregation trees (:class:`~layeragg_mm.layers.Tree`). For an image (N, 3, H, W) level i
    returns (N, C_i, ceil(H / stride_i), ceil(W / stride_i)), for any H and W. Levels beyond the last output are not
    built.

    The authors' and timm's classification checkpoints load as they are, and so do whole DLA segmentation and CenterNet
    checkpoints, of which the backbone takes its part.

    Args:
        arch: a row of ``arch_settings``: '34', '46_c', '46x_c', '60x_c', '60', '60x', '102', '102x', '102x2' or '169'
            ('x': grouped convolutions, 'c': compact).
        in_channels: channels of the image.
        out_indices: the levels to return, 0 to 5, in this order.
        output_stride: 32, or 16 or 8 for segmentation: levels that would go beyond it dilate in place of striding.
        frozen_stages: freeze the 7x7 convolution and levels 0 to this one, parameters and statistics; -1 freezes
            nothing. What ResNet's ``frozen_stages=1`` freezes, the layers up to stride 4, is 2 here.
        conv_cfg: the convolution layers' config; plain ones by default.
        dcn: config of a deformable convolution, for each block's second convolution (3x3) in the levels asked for. As
            MMDetection's ResNet: ``fallback_on_stride=True`` leaves those that stride plain; not with ``conv_cfg``.
        stage_with_dcn: for levels 2 to 5, whether they have it.
        norm_cfg: the norm layers' config; a GN's groups are lowered where they do not divide the channels.
        norm_eval: keep batch norm's statistics as they are in training.
        with_cp: save memory in training by computing each pair of blocks once more in the backward pass.
        init_cfg: how to initialise, as everywhere in mmengine. None: as published, convolutions normal with deviation
            sqrt(2 / (k * k * C_out)), norms at scale 1.

    Raises:
        ValueError: an argument that is not available; the message lists what is.
    """

    arch_settings = {
        arch: dict(depths=depths, channels=channels, block=block, residual_root=residual_root)
        for arch, depths, channels, block, residual_root in [
            # depths of the trees, levels 2 to 5; channels of levels 0 to 5
            ('34', (1, 2, 2, 1), (16, 32, 64, 128, 256, 512), BasicBlock, False),
            ('46_c', (1, 2, 2, 1), (16, 32, 64, 64, 128, 256), Bottleneck, False),
            ('46x_c', (1, 2, 2, 1), (16, 32, 64, 64, 128, 256), partial(Bottleneck, cardinality=32), False),
            ('60x_c', (1, 2, 3, 1), (16, 32, 64, 64, 128, 256), partial(Bottleneck, cardinality=32), False),
            ('60', (1, 2, 3, 1), (16, 32, 128, 256, 512, 1024), Bottleneck, False),
            ('60x', (1, 2, 3, 1), (16, 32, 128, 256, 512, 1024), partial(Bottleneck, cardinality=32), False),
            ('102', (1, 3, 4, 1), (16, 32, 128, 256, 512, 1024), Bottleneck, True),
            ('102x', (1, 3, 4, 1), (16, 32, 128, 256, 512, 1024), partial(Bottleneck, cardinality=32), True),
            ('102x2', (1, 3, 4, 1), (16, 32, 128, 256, 512, 1024), partial(Bottleneck, cardinality=64), True),
            ('169', (2, 3, 5, 1), (16, 32, 128, 256, 512, 1024), Bottleneck, True),
        ]
    }
    prefixes = ('backbone.', 'base.')
    trunk_keys = re.compile(r'(?!.*\.conv_offset\.|aggregation\.)')  # not the offsets of deformable convolutions

    def __init__(self,
                 arch: str,
                 *,
                 in_channels: int = 3,
                 out_indices: Sequence[int] = (2, 3, 4, 5),
                 output_stride: int = 32,
                 frozen_stages: int = -1,
                 conv_cfg: dict | None = None,
                 dcn: dict | None = None,
                 stage_with_dcn: Sequence[bool] = (False, False, False, False),
                 norm_cfg: dict = dict(type='BN', requires_grad=True),  # noqa: B006
                 norm_eval: bool = True,
                 with_cp: bool = False,
                 init_cfg: dict | list[dict] | None = None) -> None:
        super().__init__(init_cfg)
        one_of('arch', arch, list(self.arch_settings))
        one_of('output_stride', output_stride, (8, 16, 32))
        for index in out_indices:
            one_of('out_indices', index, range(6))
        if not out_indices:
            raise ValueError('out_indices is empty; allowed: one or more of 0, 1, 2, 3, 4, 5')
        if dcn is not None and conv_cfg is not None:
            raise ValueError('dcn and conv_cfg are not available together; allowed: one of them')
        if len(stage_with_dcn) != 4:
            raise ValueError(f'stage_with_dcn={stage_with_dcn} is not available; allowed: four, for levels 2 to 5')
        self.num_levels = max(out_indices) + 1
        one_of('frozen_stages', frozen_stages, range(-1, self.num_levels))
        self.out_indices = tuple(out_indices)
        self.frozen_stages = frozen_stages
        self.norm_eval = norm_eval
        settings = self.arch_settings[arch]
        self.channels = settings['channels']
        self.strides = tuple(min(2**i, output_stride) for i in range(6))

        norm, conv = norm_builder(norm_cfg), conv_builder(conv_cfg)

        def layer(in_channels: int, out_channels: int, kernel_size: int, **kwargs) -> nn.Module:
            return ConvSequential(
                conv(in_channels, out_channels, kernel_size, **kwargs), norm(out_channels), nn.ReLU(inplace=True))

        self.base_layer = layer(in_channels, self.channels[0], 7)
        self.level0 = layer(self.channels[0], self.channels[0], 3)
        if self.num_levels > 1:
            self.level1 = layer(self.channels[0], self.channels[1], 3, stride=2)
        for i in range(2, self.num_levels):
            conv2 = _deformable(dcn) if dcn is not None and stage_with_dcn[i - 2] else None
            self.add_module(f'level{i}', Tree(
                settings['depths'][i - 2],
                partial(settings['block'], conv=conv, conv2=conv2),
                self.channels[i - 1],
                self.channels[i],
                stride=self.strides[i] // self.strides[i - 1],
                dilation=2**i // self.strides[i],
                level_root=i > 2,
                residual_root=settings['residual_root'],
                norm=norm,
                conv=conv,
                with_cp=with_cp))
        self._freeze_stages()

    @property
    def out_channels(self) -> tuple[int, ...]:
        """Channels of each output."""
        return tuple(self.channels[i] for i in self.out_indices)

    @property
    def out_strides(self) -> tuple[int, ...]:
        """Stride of each output: input pixels per step."""
        return tuple(self.strides[i] for i in self.out_indices)

    @property
    def levels(self) -> list[nn.Module]:
        """The levels that are built, from 0."""
        return [getattr(self, f'level{i}') for i in range(self.num_levels)]

    def translate_released(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        return translate_dla(state, self.num_levels)

    def _freeze_stages(self) -> None:
        if self.frozen_stages >= 0:
            for part in (self.base_layer, *self.levels[:self.frozen_stages + 1]):
                part.eval().requires_grad_(False)

    @channels_last
    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return the maps of ``out_indices`` for images (N, in_channels, H, W)."""
        x = self.base_layer(x)
        outs = {}
        for i, level in enumerate(self.levels):
            x = level(x)
            if i in self.out_indices:
                outs[i] = x
        return tuple(outs[i] for i in self.out_indices)


def _deformable(dcn: dict) -> Callable[..., nn.Module]:
    """Return what makes the deformable convolution ``dcn``, or a plain one where that falls back on strides."""
    cfg = dict(dcn)
    fallback_on_stride = cfg.pop('fallback_on_stride', False)

    def conv(*args, stride: int = 1, **kwargs) -> nn.Module:
        plain = fallback_on_stride and stride > 1
        return conv_builder(None if plain else cfg)(*args, stride=stride, **kwargs)

    return conv
