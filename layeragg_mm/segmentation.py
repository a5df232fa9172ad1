"""What needs MMSegmentation, registered by being imported; a config for it says
``custom_imports = dict(imports=['layeragg_mm.segmentation'], allow_failed_imports=False)``.
"""
from .stack import check_package

check_package('mmseg')

from . import decode_heads, segmentors  # noqa: E402  (register; need the checked package)
from .backbones import mrla_vision_transformer  # noqa: E402
from .datasets import bsds, camvid, label_boundaries  # noqa: E402
from .evaluation import boundary_metric  # noqa: E402

__all__ = [
    'boundary_metric', 'bsds', 'camvid', 'decode_heads', 'label_boundaries', 'mrla_vision_transformer', 'segmentors'
]
