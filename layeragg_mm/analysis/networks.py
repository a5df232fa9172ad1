"""The networks that the benchmark compares: backbones by name, detectors by config, each in its published form too."""
import re

from mmdet.models.detectors import BaseDetector
from mmengine.registry import MODELS, init_default_scope
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from ..backbones.variants import VARIANTS
from ..engine.config import read_config
from ..engine.model_checks import build_model
from ..errors import InputError

__all__ = ['BASELINES', 'at_depth', 'build_backbone', 'build_detector', 'is_detector', 'use_literal_forms']

# MMDetection's own, without the loading of weights that belongs to its configs.
BASELINES = {
    **{f'resnet{depth}': dict(type='mmdet.ResNet', depth=depth) for depth in (50, 101, 152)},
    **{f'resnext{depth}_32x4d': dict(type='mmdet.ResNeXt', depth=depth, groups=32, base_width=4)
       for depth in (50, 101)},
}


def is_detector(name: str) -> bool:
    """Return whether ``name`` is a config rather than a backbone."""
    return name.endswith('.py')


def build_backbone(name: str, *, depth: int | None = None, norm_eval: bool = True) -> nn.Module:
    """Build a backbone of :data:`BASELINES` or ``VARIANTS``, at another depth if one is given.

    Raises:
        InputError: no backbone has this name, or it does not come in depths.
    """
    rows = {**BASELINES, **VARIANTS}
    if name not in rows:
        raise InputError(f'no backbone is called {name}', f'Available: {", ".join(rows)}.')
    cfg = dict(rows[name], norm_eval=norm_eval)
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


def use_literal_forms(model: nn.Module) -> nn.Module:
    """Make ``model`` compute by the published equations as they stand, in place of the fast forms, and return it.

    Methods that have a literal form (``forward`` and ``forward_literal``) are exchanged for it, and norms are hidden
    from what would join them with their neighbours. For comparisons: norms are called otherwise then (``bn1.0``), no
    checkpoint loads any more, and the model can neither be fused nor draw initial weights.
    """
    for module in list(model.modules()):
        for name in dir(type(module)):
            if name.endswith('_literal'):
                setattr(module, name.removesuffix('_literal'), getattr(module, name))
        for name, child in module.named_children():
            if isinstance(child, _BatchNorm):
                setattr(module, name, nn.Sequential(child).train(child.training))
    return model
