"""CenterNet with DLA-34 as its authors released it: the whole detector."""
from torch import Tensor

__all__ = ['translate_centernet']

_PARTS = {
    'base': 'backbone', 'dla_up': 'neck.dla_up', 'ida_up': 'neck.ida_up', 'hm': 'bbox_head.heatmap_head',
    'wh': 'bbox_head.wh_head', 'reg': 'bbox_head.offset_head'
}


def translate_centernet(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return a CenterNet detector's checkpoint with its parts under MMDetection's names; ours pass unchanged.

    ====================  ==================================
    released              here
    ====================  ==================================
    ``base``              ``backbone``
    ``dla_up``            ``neck.dla_up``
    ``ida_up``            ``neck.ida_up``
    ``hm``                ``bbox_head.heatmap_head``
    ``wh``                ``bbox_head.wh_head``
    ``reg``               ``bbox_head.offset_head``
    ====================  ==================================

    What lies inside ``base``, ``dla_up`` and ``ida_up``, backbone and neck translate themselves.
    """
    translated = {}
    for key, value in state.items():
        part, _, rest = key.partition('.')
        translated[f'{_PARTS.get(part, part)}.{rest}'] = value
    return translated
