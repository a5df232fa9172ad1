"""ShuffleNetV2 whose convolutions are WeightNet's."""
from itertools import pairwise

from mmengine.model import BaseModule
from mmengine.registry import MODELS
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

from ..checkpoints import ReleasedCheckpointMixin
from ..checkpoints.weight_net import translate_weightnet
from ..fast.channels_last import channels_last
from ..layers.conv_norm import ConvSequential
from ..layers.weight_net import WeightNetShuffleBlock
from .arguments import norm_builder, one_of
from .freezing import FreezingMixin

__all__ = ['WeightNetShuffleNetV2']


@MODELS.register_module()
class WeightNetShuffleNetV2(ReleasedCheckpointMixin, FreezingMixin, BaseModule):
    """ShuffleNetV2 with WeightNet (arXiv 2007.11823, M = G = 2): a stem of stride 4 and three stages.

    Released checkpoints, MegEngine's files of arrays, load as they are, without MegEngine. They were trained on images
    in BGR from 0 to 255, from which nothing is subtracted:
    ``data_preprocessor=dict(mean=[0, 0, 0], std=[1, 1, 1], bgr_to_rgb=False)``.

    Args:
        widen_factor: 0.5, 1.0, 1.5 or 2.0.
        out_indices: outputs: 0 the stem after its pooling, 1 to 3 the stages. What is deeper than all is not built.
        frozen_stages: freeze these and all before (-1: nothing).
        norm_cfg: the norm layers; published is BN.
        norm_eval: keep batch norms in evaluation mode.
        with_cp: recompute the blocks' maps in the backward pass.
        init_cfg: of mmengine; None initialises as published.

    Raises:
        ValueError: an argument that is not available; the message lists what is.
    """

    widths = {0.5: (48, 96, 192), 1.0: (112, 224, 448), 1.5: (176, 352, 704), 2.0: (248, 496, 992)}
    blocks = (4, 8, 4)
    stem_channels = 24
    block = WeightNetShuffleBlock

    def __init__(self, widen_factor: float = 1.0, *, out_indices: tuple[int, ...] = (0, 1, 2, 3),
                 frozen_stages: int = -1, norm_cfg: dict = dict(type='BN'), norm_eval: bool = False,  # noqa: B006
                 with_cp: bool = False, init_cfg: dict | None = None) -> None:
        one_of('widen_factor', widen_factor, list(self.widths))
        one_of('frozen_stages', frozen_stages, range(-1, 4))
        for index in out_indices:
            one_of('out_indices', index, range(4))
        super().__init__(init_cfg)
        self.out_indices, self.frozen_stages = tuple(out_indices), frozen_stages
        self.norm_eval, self.with_cp = norm_eval, with_cp
        self.channels = (self.stem_channels, *self.widths[widen_factor])
        norm = norm_builder(norm_cfg)
        self.first_conv = ConvSequential(
            nn.Conv2d(3, self.stem_channels, 3, stride=2, padding=1), norm(self.stem_channels), nn.ReLU())
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.features = nn.Sequential(*(
            self.block(width if i else before, width, 1 if i else 2, norm)
            for before, width, blocks in list(zip(self.channels, self.channels[1:], self.blocks))[:max(out_indices)]
            for i in range(blocks)))
        for module in self.modules():
            if isinstance(module, (_BatchNorm, nn.GroupNorm)):
                nn.init.constant_(module.bias, 1e-4)  # as published
        self._freeze_stages()

    @property
    def out_channels(self) -> tuple[int, ...]:
        """Channels of each output."""
        return tuple(self.channels[i] for i in self.out_indices)

    @property
    def out_strides(self) -> tuple[int, ...]:
        """Stride of each output: input pixels per step."""
        return tuple(4 * 2**i for i in self.out_indices)

    @property
    def stages(self) -> list[nn.Sequential]:
        """The stages that are built, each a sequence of blocks."""
        ends = [sum(self.blocks[:i]) for i in range(max(self.out_indices) + 1)]
        return [self.features[begin:end] for begin, end in pairwise(ends)]

    def translate_released(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        return translate_weightnet(state, self.state_dict())

    def _freeze_stages(self) -> None:
        if self.frozen_stages >= 0:
            for part in (self.first_conv, *self.stages[:self.frozen_stages]):
                part.eval().requires_grad_(False)

    @channels_last
    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return the maps of ``out_indices`` for images (N, 3, H, W)."""
        x = self.maxpool(self.first_conv(x))
        outs = [x]
        for stage in self.stages:
            for block in stage:
                recomputed = self.with_cp and x.requires_grad
                x = checkpoint(block, x, use_reentrant=False) if recomputed else block(x)
            outs.append(x)
        return tuple([outs[i] for i in self.out_indices])
