"""Layer aggregation for MMDetection and MMSegmentation: backbones RLA, MRLA and DLA, and the IDA neck.

:func:`attach` puts an aggregation into any backbone; in a config, ``dict(type='LayerAggregation', ...)`` does.

Importing the package checks the installed mm libraries, registers networks (backbones, necks, detectors) in mmengine's
root registry, where configs of any mm library find them, and makes ``_base_ = 'layeragg_mm::NAME.py'`` known:
``custom_imports = dict(imports=['layeragg_mm'], allow_failed_imports=False)``. :mod:`layeragg_mm.engine` registers what
trainings use, :mod:`layeragg_mm.segmentation` what needs MMSegmentation.

Where there is no mmengine, and so no registry, the plain modules of :mod:`layeragg_mm.layers` are all there is.
"""
from importlib.util import find_spec

from .version import __version__

if find_spec('mmengine') is None:
    from . import layers
    __all__ = ['__version__', 'layers']
else:
    from .stack import check_stack
    check_stack()

    from . import backbones, detectors, layers, necks
    from .adapters import attach
    from .configs import config, know_our_bases
    from .fast import fast_forms
    from .fusion import fuse
    know_our_bases()
    __all__ = ['__version__', 'attach', 'backbones', 'config', 'detectors', 'fast_forms', 'fuse', 'layers', 'necks']
