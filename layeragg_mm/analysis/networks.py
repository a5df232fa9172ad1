"""The networks that the benchmark compares: backbones by name, detectors by config, each in its published form too."""
import re

from mmdet.models.detectors import BaseDetector
from mmengine.registry import MODELS, init_default_scope
from torch import nn

from ..backbones.variants import PLAIN, VARIANTS
from ..engine.config import build_model, read_config
from ..errors import InputError

__all__ = ['at_depth', 'build_backbone', 'build_detector', 'is_detector']

def is_detector(name: str) -> bool:
    """Return whether ``name`` is a config rather than a backbone."""
    return name.endswith('.py')


def build_backbone(name: str, *, depth: int | None = None, norm_eval: bool = True) -> nn.Module:
    """Build a backbone of ``PLAIN`` or ``VARIANTS``, at another depth if one is given.

    Raises:
        InputError: no backbone has this name, or it does not come in depths.
    """
    rows = {**PLAIN, **VARIANTS}
    if name not in rows:
        raise InputError(f'no backbone is called {name}', f'Available: {", ".join(rows)}.')
    cfg = dict(rows[name], norm_eval=norm_eval)
    if 'mmseg' in cfg['type'] or cfg['type'] == 'MRLAVisionTransformer':
        from .. import segmentation  # noqa: F401  (registers what needs MMSegmentation)
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
    model = build_model(cfg.model, f'the model of {path}', 'Correct it in the config.')
    if not isinstance(model, BaseDetector):
        raise InputError(f'{path} is a config of {type(model).__name__}, which is no detector',
                         'Give configs of MMDetection\'s detectors.')
    return model
