"""MobileNeXt: a network of sandglass blocks for small devices."""
from collections.abc import Callable, Sequence

from mmengine.model import BaseModule
from mmengine.registry import MODELS
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from ..checkpoints import ReleasedCheckpointMixin
from ..checkpoints.mobilenext import translate_mobilenext
from ..fast.channels_last import channels_last
from ..layers.conv_norm import ConvSequential
from ..layers.sandglass import Sandglass, divisible
from .arguments import norm_builder, one_of
from .freezing import FreezingMixin

__all__ = ['MobileNeXt']


@MODELS.register_module()
class MobileNeXt(ReleasedCheckpointMixin, FreezingMixin, BaseModule):
    """MobileNeXt (arXiv 2007.02269, ECCV 2020): a 3x3 convolution and eight rows of sandglass blocks.

    The rows are those of ``arch_settings``, at strides 4, 4, 8, 16, 16, 32, 32 and 32. For an image (N, 3, H, W) a row
    returns (N, C, ceil(H / stride), ceil(W / stride)), for any H and W. Rows beyond the last output are not built.

    The authors' classification checkpoints load as they are; of their SSDLite the backbone takes its part.

    Args:
        widen_factor: factor of the channels: 0.35, 0.5, 0.75, 1.0 and 1.4 were published.
        identity_divisor: 1 as released; d adds the first 1/d of the channels in a shortcut, for less memory traffic.
        out_indices: the rows to return, 0 to 7, in increasing order.
        ssd_taps: return of each row the map inside its first block after the expansion, as the authors' SSDLite reads
            them with ``out_indices=(5, 7)``: 576 channels at stride 16, 1280 at stride 32.
        output_stride: 32, or 16 or 8 for segmentation: the depthwise convolutions beyond it dilate in place of
            striding, so that the maps hold those of the network that strides, and the pixels between.
        frozen_stages: freeze the first convolution and rows 0 to this one, parameters and statistics; -1 freezes
            nothing.
        norm_cfg: the norm layers' config; a GN's groups are lowered where they do not divide the channels.
        norm_eval: keep batch norm's statistics as they are in training.
        with_cp: save memory in training by computing each block once more in the backward pass.
        init_cfg: how to initialise, as everywhere in mmengine. None: as published, convolutions normal with deviation
            sqrt(2 / (k * k * C_out)), norms at scale 1.

    Raises:
        ValueError: an argument that is not available; the message lists what is.
    """

    arch_settings = (
        # reduction t, channels, blocks, stride; one block with stride 1 is "kept": no shortcut
        (2, 96, 1, 2),
        (6, 144, 1, 1),
        (6, 192, 3, 2),
        (6, 288, 3, 2),
        (6, 384, 4, 1),
        (6, 576, 4, 2),
        (6, 960, 3, 1),
        (6, 1280, 1, 1),
    )

    def __init__(self,
                 *,
                 widen_factor: float = 1.,
                 identity_divisor: int = 1,
                 out_indices: Sequence[int] = (1, 2, 4, 7),
                 ssd_taps: bool = False,
                 output_stride: int = 32,
                 frozen_stages: int = -1,
                 norm_cfg: dict = dict(type='BN', requires_grad=True),  # noqa: B006
                 norm_eval: bool = False,
                 with_cp: bool = False,
                 init_cfg: dict | list[dict] | None = None) -> None:
        super().__init__(init_cfg or [dict(type='Kaiming', layer='Conv2d'),
                                      dict(type='Constant', val=1, layer=['_BatchNorm', 'GroupNorm'])])
        for name, value in dict(widen_factor=widen_factor, identity_divisor=identity_divisor).items():
            if value <= 0:
                raise ValueError(f'{name}={value} is not available; allowed: positive numbers')
        one_of('output_stride', output_stride, (8, 16, 32))
        for index in out_indices:
            one_of('out_indices', index, range(len(self.arch_settings)))
        if not out_indices or list(out_indices) != sorted(set(out_indices)):
            raise ValueError(f'out_indices={out_indices} is not available; allowed: some of 0 to 7, increasing')
        one_of('frozen_stages', frozen_stages, range(-1, max(out_indices) + 1))
        self.out_indices = tuple(out_indices)
        self.ssd_taps = ssd_taps
        self.frozen_stages = frozen_stages
        self.norm_eval = norm_eval
        self.with_cp = with_cp

        norm, channels = norm_builder(norm_cfg), divisible(32 * widen_factor, 8)
        self.features = nn.ModuleList([ConvSequential(
            nn.Conv2d(3, channels, 3, stride=2, padding=1, bias=False), norm(channels), nn.ReLU6(inplace=True))])
        self.rows, self.channels, self.strides = [], [], [2]
        dilation = 1
        for row, (reduction, width, num_blocks, row_stride) in enumerate(self.arch_settings[:max(out_indices) + 1]):
            ends_here = ssd_taps and row == max(out_indices)
            dilates = self.strides[-1] * row_stride > output_stride
            if widen_factor > 1 or width < 1280:
                width = divisible(width * widen_factor, 8)
            self.rows.append(range(len(self.features), len(self.features) + (1 if ends_here else num_blocks)))
            for i in range(len(self.rows[-1])):
                self.features.append(Sandglass(
                    channels,
                    width,
                    stride=1 if i else row_stride,
                    reduction=reduction,
                    kept=num_blocks == row_stride == 1,
                    identity_divisor=identity_divisor,
                    dilation=dilation,
                    dilates=dilates and i == 0,
                    norm=norm,
                    ends_at_expansion=ends_here))
                channels = width
                if dilates and i == 0:
                    dilation *= row_stride
            self.channels.append(channels)
            self.strides.append(self.strides[-1] * (1 if dilates else row_stride))
        self._freeze_stages()

    @property
    def out_channels(self) -> tuple[int, ...]:
        """Channels of each output."""
        return tuple(self.channels[row] for row in self.out_indices)

    @property
    def out_strides(self) -> tuple[int, ...]:
        """Stride of each output: input pixels per step."""
        return tuple(self.strides[row if self.ssd_taps else row + 1] for row in self.out_indices)

    def translate_released(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        stem, *blocks = self.features
        return translate_mobilenext(state, [len(stem), *(len(block.conv) for block in blocks)])

    def _freeze_stages(self) -> None:
        if self.frozen_stages >= 0:
            for part in self.features[:self.rows[self.frozen_stages].stop]:
                part.eval().requires_grad_(False)

    @channels_last
    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return the maps of ``out_indices`` for images (N, 3, H, W)."""
        x, outs = self.features[0](x), []
        for row, indices in enumerate(self.rows):
            first, *others = (self.features[i] for i in indices)
            if self.ssd_taps and row in self.out_indices:
                expanded, x = self._run(first.with_expansion, x)
                outs.append(expanded)
            else:
                x = self._run(first, x)
            for block in others:
                x = self._run(block, x)
            if not self.ssd_taps and row in self.out_indices:
                outs.append(x)
        return tuple(outs)

    def _run(self, block: Callable, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        return checkpoint(block, x, use_reentrant=False) if self.with_cp and x.requires_grad else block(x)
