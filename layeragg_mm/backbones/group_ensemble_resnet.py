"""ResNet and ResNeXt whose last stage is several members over one shared base."""
from mmcv.cnn import build_conv_layer
from mmdet.models.backbones.resnext import ResNeXt
from mmdet.models.layers import ResLayer
from mmengine.registry import MODELS
from torch import Tensor, nn

from ..checkpoints import ReleasedCheckpointMixin
from ..checkpoints.group_ensemble import translate_group_ensemble
from ..fast.channels_last import channels_last
from ..layers.sandglass import divisible
from .arguments import one_of

__all__ = ['GroupEnsembleResNet']


@MODELS.register_module('MemberConv')
def member_conv(*args, members: int, conv_cfg: dict | None = None, groups: int = 1, **kwargs) -> nn.Module:
    """Return the convolution of ``conv_cfg`` with one group for each member, where it has none of its own."""
    return build_conv_layer(conv_cfg, *args, groups=groups if groups > 1 else members, **kwargs)


@MODELS.register_module()
class GroupEnsembleResNet(ReleasedCheckpointMixin, ResNeXt):
    """Group ensemble (arXiv 2007.00649): in the last stage, G networks in one, over the stages that they share.

    Every convolution of the last stage has G groups: each member reads its part of the shared channels, and no other
    member's. The stage is wider, times 1, 1.35, 1.5 and 1.7 for G = 1 to 4. (ResNeXt's 32 groups hold more than one
    member where G does not divide them.) The members' scores are those of
    :class:`~layeragg_mm.layers.group_ensemble.GroupEnsembleClassifier`; published is classification alone.

    Extends MMDetection's ResNeXt, with ``groups=1`` ResNet. Up to the last stage the names, and for G = 1, 2 and 4 the
    shapes, are the plain network's. Checkpoints in the layout of the authors' later code load as they are.

    Args:
        depth: 50, 101 or 152.
        members: G, 1 to 4.
        groups: of the 3x3 convolutions: 1 (ResNet) or 32 (ResNeXt 32x4d).
        base_width: channels of a group in the first stage.
        kwargs: the arguments of MMDetection's ResNet (``out_indices``, ``frozen_stages``, ``norm_cfg``, ``norm_eval``,
            ``with_cp``, ``init_cfg``, ...), all four stages.

    Raises:
        ValueError: an argument that is not available; the message lists what is.
    """

    widths = {1: 1., 2: 1.35, 3: 1.5, 4: 1.7}
    prefixes = ('backbone.',)
    forward = channels_last(ResNeXt.forward)

    def __init__(self, depth: int, *, members: int = 2, groups: int = 1, base_width: int = 4, **kwargs) -> None:
        one_of('depth', depth, list(self.arch_settings))
        one_of('members', members, list(self.widths))
        one_of('num_stages', kwargs.get('num_stages', 4), [4])
        for index in kwargs.get('out_indices', ()):
            one_of('out_indices', index, range(4))
        if kwargs.get('stage_with_dcn', (False,))[-1]:
            raise ValueError('dcn is not available in the last stage, which needs groups; allowed: stages 1 to 3')
        self.members = members
        self.stage_channels = []
        super().__init__(depth=depth, groups=groups, base_width=base_width, **kwargs)

    def make_res_layer(self, planes: int, inplanes: int, conv_cfg: dict | None, **kwargs) -> nn.Module:
        stage, base_width = len(self.stage_channels), self.base_width
        if stage >= 2:  # the members share out the channels
            planes = divisible(planes * (self.widths[self.members] if stage == 3 else 1), self.members)
        if stage == 3:
            conv_cfg = dict(type='MemberConv', members=self.members, conv_cfg=conv_cfg)
            width = int(planes * base_width / self.base_channels) * self.groups
            width = divisible(width, self.members * self.groups)
            # MMDetection rounds planes * base_width / base_channels down.
            base_width = (width // self.groups + .5) * self.base_channels / planes
        layer = ResLayer(
            groups=self.groups, base_width=base_width, base_channels=self.base_channels, planes=planes,
            inplanes=self.stage_channels[-1] if stage else inplanes, conv_cfg=conv_cfg, **kwargs)
        self.stage_channels.append(planes * self.block.expansion)
        return layer

    def translate_released(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        return translate_group_ensemble(state, self.stage_blocks)

    def train(self, mode: bool = True) -> 'GroupEnsembleResNet':
        super().train(mode)  # which returns nothing
        return self

    @property
    def out_channels(self) -> tuple[int, ...]:
        """Channels of each output."""
        return tuple(self.stage_channels[i] for i in self.out_indices)

    @property
    def out_strides(self) -> tuple[int, ...]:
        """Stride of each output: input pixels per step."""
        strides = [4 * self.strides[0]]
        for stride in self.strides[1:]:
            strides.append(strides[-1] * stride)
        return tuple(strides[i] for i in self.out_indices)
