"""Detectors that load files of MMDetection 0.6 and 1."""
from mmdet.models import CascadeRCNN
from mmengine.registry import MODELS

from ..checkpoints.mmdet1 import translate_mmdet1
from ..checkpoints.whole_model import TranslatedModelMixin

__all__ = ['MMDet1CascadeRCNN']


@MODELS.register_module()
class MMDet1CascadeRCNN(TranslatedModelMixin, CascadeRCNN):
    """MMDetection's Cascade R-CNN that reads a checkpoint of MMDetection 0.6 or 1 as it is.

    To compute what it computed then, its config needs that version's parts: ``LegacyAnchorGenerator`` with
    ``center_offset=0.5``, ``LegacyDeltaXYWHBBoxCoder``, ``offset=1`` in each ``nms``, ``aligned=False`` in RoIAlign.
    """

    translate_released = staticmethod(translate_mmdet1)
