"""Which configs are MMSegmentation's."""
from mmengine.config import Config

__all__ = ['is_segmentation']


def is_segmentation(cfg: Config) -> bool:
    """Tell whether ``cfg`` is for MMSegmentation."""
    return cfg.get('default_scope') == 'mmseg'


