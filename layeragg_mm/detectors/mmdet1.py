"""Detectors that load files of MMDetection 0.6 and 1."""
from mmdet.models import CascadeRCNN, FasterRCNN, MaskRCNN
from mmengine.registry import MODELS

from ..checkpoints.mmdet1 import translate_mmdet1
from ..checkpoints.whole_model import TranslatedModelMixin

__all__ = ['MMDet1CascadeRCNN', 'MMDet1FasterRCNN', 'MMDet1MaskRCNN']


class MMDet1Mixin(TranslatedModelMixin):
    """Makes a two-stage detector of MMDetection read a checkpoint of MMDetection 0.6 or 1 as it is.

    To compute what it computed then, its config needs that version's parts (``configs/_base_/mmdet1.py``):
    ``LegacyAnchorGenerator`` with ``center_offset=0.5``, ``LegacyDeltaXYWHBBoxCoder``, ``offset=1`` in each ``nms``,
    ``aligned=False`` in RoIAlign.
    """

    translate_released = staticmethod(translate_mmdet1)


@MODELS.register_module()
class MMDet1FasterRCNN(MMDet1Mixin, FasterRCNN):
    """MMDetection's Faster R-CNN for files of MMDetection 0.6 and 1; see :class:`MMDet1Mixin`."""


@MODELS.register_module()
class MMDet1MaskRCNN(MMDet1Mixin, MaskRCNN):
    """MMDetection's Mask R-CNN for files of MMDetection 0.6 and 1; see :class:`MMDet1Mixin`."""


@MODELS.register_module()
class MMDet1CascadeRCNN(MMDet1Mixin, CascadeRCNN):
    """MMDetection's Cascade R-CNN, masks or not, for files of MMDetection 0.6 and 1; see :class:`MMDet1Mixin`."""
