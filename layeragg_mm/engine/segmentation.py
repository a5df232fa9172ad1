"""What tools/test.py does otherwise for configs of MMSegmentation."""
from mmengine.config import Config, ConfigDict

from ..errors import InputError

__all__ = ['is_segmentation', 'use_map_tta']


def is_segmentation(cfg: Config) -> bool:
    """Tell whether ``cfg`` is for MMSegmentation."""
    return cfg.get('default_scope') == 'mmseg'


def use_map_tta(cfg: Config) -> None:
    """Wrap the model for the config's test-time augmentation.

    Raises:
        InputError: it has none.
    """
    if not cfg.get('tta_model') or not cfg.get('tta_pipeline'):
        raise InputError('--tta: the config has no tta_model and tta_pipeline', 'Add both, or leave --tta out.')
    cfg.model = ConfigDict(**cfg.tta_model, module=cfg.model)
    cfg.test_dataloader.dataset.pipeline = cfg.tta_pipeline
