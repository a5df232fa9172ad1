"""The networks that the benchmark compares: backbones by name, detectors by config, each in its published form too."""
import copy
import re
from inspect import signature

import torch
from mmdet.models.backbones import ResNet
from mmdet.models.detectors import BaseDetector
from mmengine.model.efficient_conv_bn_eval import turn_on_efficient_conv_bn_eval_for_single_model
from mmengine.registry import MODELS, init_default_scope
from torch import Tensor, nn

from ..backbones import WeightNetShuffleNetV2
from ..backbones.variants import ATTACHED, PLAIN, VARIANTS
from ..engine.config import read_config
from ..engine.model_checks import build_model
from ..errors import InputError
from ..layers.conv_norm import conv_norm
from ..layers.weight_net import WeightNetConv2d, WeightNetShuffleBlock

__all__ = ['MODULES', 'PlainShuffleNetV2', 'at_depth', 'build_backbone', 'build_detector', 'is_detector']

# MMDetection's ResNet with one of our layers and the fast forms, and what others are compared with.
MODULES = {
    'doconv_r50': dict(type='FastResNet', depth=50, conv_cfg=dict(type='DOConv2d')),
    'psconv_r50': dict(type='FastResNet', depth=50, dcn=dict(type='PSConv2d'), stage_with_dcn=(True,) * 4),
    'weightnet_r50': dict(type='FastResNet', depth=50, conv_cfg=dict(type='WeightNetConv2d')),
    'ulsam_r50': dict(type='FastResNet', depth=50, plugins=[
        dict(cfg=dict(type='ULSAM', groups=4), position='after_conv3')]),
    'shufflenet_v2_1.0x': dict(type='PlainShuffleNetV2', widen_factor=1.0),
    'efficient_conv_bn_eval_r50': dict(type='EfficientConvBNEvalResNet', depth=50),
}


@MODELS.register_module()
class EfficientConvBNEvalResNet(ResNet):
    """MMDetection's ResNet with mmengine's ``efficient_conv_bn_eval``, which joins frozen norms too."""

    def __init__(self, depth: int, **kwargs) -> None:
        super().__init__(depth, **kwargs)
        turn_on_efficient_conv_bn_eval_for_single_model(self)


class PlainShuffleBlock(WeightNetShuffleBlock):
    """ShuffleNetV2's block with plain convolutions, under WeightNet's names."""

    def __init__(self, *args) -> None:
        super().__init__(*args)
        del self.reduce
        for name, conv in list(self.named_children()):
            if isinstance(conv, WeightNetConv2d):
                setattr(self, name, nn.Conv2d(conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride,
                                              conv.padding, groups=conv.groups, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        passed, x = (x, x) if self.stride > 1 else x.unflatten(1, (-1, 2)).unbind(2)
        if self.stride > 1:
            passed = conv_norm(self.wnet_proj_1, self.bn_proj_1, passed)
            passed = conv_norm(self.wnet_proj_2, self.bn_proj_2, passed).relu_()
        x = conv_norm(self.wnet1, self.bn1, x).relu_()
        x = conv_norm(self.wnet2, self.bn2, x)
        return torch.cat([passed, conv_norm(self.wnet3, self.bn3, x).relu_()], 1)


@MODELS.register_module()
class PlainShuffleNetV2(WeightNetShuffleNetV2):
    """The same network without WeightNet; see :class:`~layeragg_mm.backbones.WeightNetShuffleNetV2`."""

    block = PlainShuffleBlock


def is_detector(name: str) -> bool:
    """Return whether ``name`` is a config rather than a backbone."""
    return name.endswith('.py')


def build_backbone(name: str, *, depth: int | None = None, norm_eval: bool = True) -> nn.Module:
    """Build a backbone of ``PLAIN``, :data:`MODULES`, ``VARIANTS`` or ``ATTACHED``, perhaps at another depth.

    Args:
        name: of the backbone.
        depth: in place of its own.
        norm_eval: for backbones that have this argument.

    Raises:
        InputError: no backbone has this name, or it does not come in depths.
    """
    rows = {**PLAIN, **MODULES, **VARIANTS, **ATTACHED}
    if name not in rows:
        raise InputError(f'no backbone is called {name}', f'Available: {", ".join(rows)}.')
    cfg = copy.deepcopy(rows[name])
    trunk = cfg.get('backbone', cfg)
    if trunk['type'].startswith('mmseg') or trunk['type'] == 'MRLAVisionTransformer':
        from .. import segmentation  # noqa: F401  (registers what needs MMSegmentation)
    if any('norm_eval' in signature(kind).parameters for kind in MODELS.get(trunk['type']).__mro__[:-1]):
        trunk['norm_eval'] = norm_eval
    if depth is not None:
        if 'depth' not in cfg:
            raise InputError(f'{name} does not come in depths', 'Compare it without --depths.')
        cfg['depth'] = depth
    return MODELS.build(cfg)


def at_depth(name: str, depth: int | None) -> str:
    """Return what a backbone is called at another depth: ``at_depth('rla_r50', 101)`` is ``'rla_r101'``."""
    return name if depth is None else re.sub('50|101|152', str(depth), name)


def build_detector(path: str) -> nn.Module:
    """Build the detector of a config file, or of a package's own config (``mmdet::retinanet/...``).

    Raises:
        InputError: the config cannot be read, or describes no detector that can be built.
    """
    cfg = read_config(path)
    if 'model' not in cfg:
        raise InputError(f'{path} has no model', 'Give the whole config of a detector.')
    init_default_scope(cfg.get('default_scope', 'mmdet'))
    model = build_model(cfg.model, f'{path}: model')
    if not isinstance(model, BaseDetector):
        raise InputError(f'{path} is a config of {type(model).__name__}, which is no detector',
                         'Give configs of MMDetection\'s detectors.')
    return model
