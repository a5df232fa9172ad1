"""DLA, its upsampling neck and CenterNet as their authors released them, and timm's DLA."""
import re

from torch import Tensor

__all__ = ['translate_dla', 'translate_dla_segmentor', 'translate_ida_up']


def translate_dla(state: dict[str, Tensor], num_levels: int = 6) -> dict[str, Tensor]:
    """Return a DLA checkpoint, the authors' or timm's, without what the backbone does not have; the names are the same.

    Dropped are the classifier (``fc``), the levels from ``num_levels`` on, and the projection of a tree that consists
    of trees, ``level3.project`` for one: the published code computes it and never reads it. timm's files may lack it.
    """

    def is_kept(key: str) -> bool:
        if key in ('fc.weight', 'fc.bias'):
            return False
        level = re.match(r'level(\d+)\.', key)
        if level and int(level[1]) >= num_levels:
            return False
        tree, projects, _ = key.partition('.project.')
        return not (projects and any(other.startswith(f'{tree}.tree1.tree1.') for other in state))

    return {key: value for key, value in state.items() if is_kept(key)}


_RENAMES = [
    (re.compile(r'^dla_up\.ida_(\d+)\.'), r'dla_up.idas.\1.'),
    (re.compile(r'\.(proj|up|node)_(\d+)\.'), r'.\1.\2.'),
    (re.compile(r'\.conv\.conv_offset_mask\.'), '.0.conv_offset.'),
    (re.compile(r'\.conv\.'), '.0.'),
    (re.compile(r'\.actf\.0\.'), '.1.'),
]


def translate_ida_up(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the upsampling neck of a DLA segmentation or CenterNet checkpoint under this project's names.

    =====================================  =============================  ============================
    released, DLA                          released, CenterNet            here
    =====================================  =============================  ============================
    ``dla_up.ida_{i}``                     the same                       ``dla_up.idas.{i}``
    -                                      ``ida_up``                     ``ida_up``
    ``.up_{j}``                            the same                       ``.up.{j}``
    ``.proj_{j}.0``, ``.node_{j}.0``       ``.proj_{j}.conv``, ...        ``.proj.{j}.0``, ...
    -                                      ``.conv.conv_offset_mask``     ``.0.conv_offset``
    ``.proj_{j}.1``, ``.node_{j}.1``       ``.proj_{j}.actf.0``, ...      ``.proj.{j}.1``, ...
    =====================================  =============================  ============================

    Of a whole network (a file with ``base.``) only the neck is taken.
    """
    if any(key.startswith('base.') for key in state):
        state = {key: value for key, value in state.items() if key.startswith(('dla_up.', 'ida_up.'))}
    translated = {}
    for key, value in state.items():
        for pattern, replacement in _RENAMES:
            key = pattern.sub(replacement, key)
        translated[key] = value
    return translated


_PARTS = {'base.': 'backbone.', 'dla_up.': 'neck.dla_up.', 'fc.0.': 'decode_head.conv_seg.', 'up.': 'decode_head.up.'}


def translate_dla_segmentor(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return a whole DLA segmentation network with its parts under MMSegmentation's names; ours pass unchanged.

    =============  =========================
    released       here
    =============  =========================
    ``base``       ``backbone``
    ``dla_up``     ``neck.dla_up``
    ``fc.0``       ``decode_head.conv_seg``
    ``up``         ``decode_head.up``
    =============  =========================

    What lies inside ``base`` and ``dla_up``, backbone and neck translate themselves.
    """
    translated = {}
    for key, value in state.items():
        part = next((part for part in _PARTS if key.startswith(part)), '')
        translated[_PARTS.get(part, '') + key.removeprefix(part)] = value
    return translated
