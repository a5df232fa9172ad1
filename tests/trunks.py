"""Backbones of other libraries, small, and what layer aggregation each takes; a new one joins by being listed."""
import copy
from typing import NamedTuple

import mmseg.models  # noqa: F401  (registers)
import torch
from mmengine.registry import MODELS
from torch import nn

from layeragg_mm import attach

ATTENTION = 'LightLayerAttention', 'BaseLayerAttention'
ALL = *ATTENTION, 'RecurrentAggregation', 'DynamicLayerAttention', 'KeyCorrelatedLayerAttention'


class Trunk(NamedTuple):
    """A backbone's config, images that it takes (height, width; odd where it can), and what fits it."""
    config: dict
    size: tuple[int, int] = (65, 97)
    aggregations: tuple[str, ...] = ALL
    frozen_stages: int | None = None
    has_with_cp: bool = True


def hrnet_stages() -> dict:
    return {f'stage{n}': dict(num_modules=1, num_branches=n, block='BOTTLENECK' if n == 1 else 'BASIC',
                              num_blocks=(2,) * n, num_channels=tuple(8 << i for i in range(n))) for n in (1, 2, 3, 4)}


NARROW = dict(base_channels=8, stem_channels=8)
VIT = dict(img_size=64, embed_dims=32, num_heads=2, mlp_ratio=2, num_layers=5, out_indices=(2, 4))
TRUNKS = {
    'resnet18': Trunk(dict(type='mmdet.ResNet', depth=18, **NARROW), frozen_stages=2),
    'resnet50': Trunk(dict(type='mmdet.ResNet', depth=50, **NARROW), frozen_stages=2),
    'resnext50': Trunk(dict(type='mmdet.ResNeXt', depth=50, groups=4, base_width=8, **NARROW), frozen_stages=2),
    'res2net50': Trunk(dict(type='mmdet.Res2Net', depth=50, scales=4, base_width=4, **NARROW), frozen_stages=2),
    'resnest50': Trunk(dict(type='mmdet.ResNeSt', depth=50, **NARROW), frozen_stages=2),
    'regnet': Trunk(dict(type='mmdet.RegNet', arch=dict(w0=8, wa=8, wm=2, group_w=8, depth=8, bot_mul=1.)),
                    frozen_stages=2),
    'hrnet': Trunk(dict(type='mmdet.HRNet', extra=hrnet_stages()), (64, 96)),
    'cspnext': Trunk(dict(type='mmdet.CSPNeXt', deepen_factor=.34, widen_factor=.125), frozen_stages=2,
                     has_with_cp=False),
    'cspdarknet': Trunk(dict(type='mmdet.CSPDarknet', deepen_factor=.34, widen_factor=.125), (66, 98), frozen_stages=2,
                        has_with_cp=False),
    'mobilenet_v2': Trunk(dict(type='mmdet.MobileNetV2', widen_factor=.25), frozen_stages=3),
    'efficientnet': Trunk(dict(type='mmdet.EfficientNet', arch='b0', out_indices=(3, 4)), frozen_stages=3),
    'efficientnet_edge': Trunk(dict(type='mmdet.EfficientNet', arch='es', out_indices=(2, 3)), frozen_stages=3),
    'efficientnet_lite0': Trunk(dict(type='EfficientNetLite0', out_indices=(3, 4)), frozen_stages=3),
    'swin': Trunk(dict(type='mmdet.SwinTransformer', embed_dims=16, depths=(2, 2, 3, 1), num_heads=(1, 2, 2, 4),
                       mlp_ratio=2, drop_path_rate=0.), aggregations=ATTENTION, frozen_stages=2),
    'pvt': Trunk(dict(type='mmdet.PyramidVisionTransformer', embed_dims=8, num_layers=(2, 2, 3, 1), mlp_ratios=(2,) * 4,
                      drop_path_rate=0.), (64, 96), ATTENTION, has_with_cp=False),
    'pvt_v2': Trunk(dict(type='mmdet.PyramidVisionTransformerV2', embed_dims=8, num_layers=(2, 2, 3, 1),
                         mlp_ratios=(2,) * 4, drop_path_rate=0.), aggregations=ATTENTION, has_with_cp=False),
    'vit': Trunk(dict(type='mmseg.VisionTransformer', **VIT), aggregations=ATTENTION),
    'vit_without_class_token': Trunk(dict(type='mmseg.VisionTransformer', with_cls_token=False, **VIT),
                                     aggregations=ATTENTION),
    'mit': Trunk(dict(type='mmseg.MixVisionTransformer', embed_dims=8, num_layers=(2, 2, 3, 1), mlp_ratio=2),
                 aggregations=ATTENTION),
    'beit': Trunk(dict(type='mmseg.BEiT', **VIT), (64, 64), ATTENTION, has_with_cp=False),
    'mscan': Trunk(dict(type='mmseg.MSCAN', embed_dims=(8, 16, 16, 32), depths=(2, 2, 3, 1), norm_cfg=dict(type='BN')),
                   has_with_cp=False),
    'mobilenet_v3_small': Trunk(dict(type='mmseg.MobileNetV3', arch='small'), frozen_stages=3),
    'mobilenet_v3_large': Trunk(dict(type='mmseg.MobileNetV3', arch='large', out_indices=(1, 3, 16)), frozen_stages=3),
    'dla46_c': Trunk(dict(type='DLANet', arch='46_c'), frozen_stages=3),
}
COMBINATIONS = [f'{name} {aggregation}' for name, trunk in TRUNKS.items() for aggregation in trunk.aggregations]


def build_plain(name: str, **kwargs) -> nn.Module:
    """Build a trunk with weights as after some training: none of its norms or scales is zero or one."""
    torch.manual_seed(0)
    return draw(MODELS.build(copy.deepcopy({**TRUNKS[name].config, **kwargs})))


def build(combination: str, **kwargs) -> nn.Module:
    """Build the same trunk with an aggregation, which adds nothing yet."""
    name, aggregation = combination.split()
    return attach(build_plain(name, **kwargs), aggregation)


def draw(model: nn.Module, *start: str) -> nn.Module:
    """Draw the scales of ``model``, those whose names start so, and what its blocks read of a state."""
    for key, parameter in model.named_parameters():
        if key.startswith(start or ''):
            if (parameter.ndim == 1 and key.endswith('weight')) or key.endswith(('layer_scale_1', 'layer_scale_2')):
                nn.init.uniform_(parameter, .3, .6)
            elif '.reads.' in key or key.endswith(('shortcut_scale', '.scale')):
                nn.init.normal_(parameter, std=.1)
    return model


def images(name: str, batch: int = 2) -> torch.Tensor:
    return torch.randn(batch, 3, *TRUNKS[name.split()[0]].size, generator=torch.Generator().manual_seed(1))
