"""Layer aggregation for MMDetection and MMSegmentation: backbones RLA, MRLA and DLA, and the IDA neck.

Importing the package registers everything in mmengine's root registry, where configs of any mm library find it:
``custom_imports = dict(imports=['layeragg_mm'], allow_failed_imports=False)``.
"""
import layeragg_mm_scope

from .stack import check_stack
from .version import __version__

check_stack()
layeragg_mm_scope.install()

from . import backbones, detectors, engine, layers, necks  # noqa: E402  (registers; needs the checked stack)
from .checkpoints.training_state import allow_training_state  # noqa: E402
from .fusion import fuse  # noqa: E402

allow_training_state()

__all__ = ['__version__', 'backbones', 'detectors', 'engine', 'fuse', 'layers', 'necks']
