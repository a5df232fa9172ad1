"""Whole detectors that MMDetection 0.6 or 1 wrote."""
import re

import torch
from torch import Tensor

__all__ = ['translate_mmdet1']


def translate_mmdet1(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the checkpoint of a two-stage detector under the names of today's MMDetection; those pass unchanged.

    ==================================  ============================================================
    MMDetection 0.6, 1                  today
    ==================================  ============================================================
    ``bbox_head``, ``mask_head``        ``roi_head.bbox_head``, ``roi_head.mask_head``
    ``fc_cls``: background, classes     classes, background
    ``fc_reg``: background, classes     classes; one box for all stays
    ``conv_logits``: the same           classes
    ==================================  ============================================================

    One-stage heads with one sigmoid a class (RetinaNet) have no background; their files are the same.
    """
    if not any(key.startswith('rpn_head.') for key in state) or any(key.startswith('roi_head.') for key in state):
        return state
    outputs = {key.rpartition('.fc_cls.')[0]: len(value) for key, value in state.items() if '.fc_cls.' in key}
    translated = {}
    for key, value in state.items():
        if re.match(r'(bbox|mask)_head\.', key):
            if '.fc_cls.' in key:
                value = torch.cat([value[1:], value[:1]])
            elif '.fc_reg.' in key and len(value) == 4 * outputs[key.rpartition('.fc_reg.')[0]]:
                value = value[4:]
            elif '.conv_logits.' in key and len(value) > 1:
                value = value[1:]
            key = f'roi_head.{key}'
        translated[key] = value
    return translated
