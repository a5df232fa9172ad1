"""MRLA-ResNet as its authors released it (ImageNet classification and MMDetection 2 backbones)."""
import re

from torch import Tensor

__all__ = ['translate_mrla']

_RENAMES = [
    (re.compile(r'\.mrla\.mrla\.Wq\.'), '.mrla.query.'),
    (re.compile(r'\.mrla\.mrla\.Wk\.'), '.mrla.key.'),
    (re.compile(r'\.mrla\.mrla\.Wv\.'), '.mrla.value.'),
    (re.compile(r'\.mrla\.lambda_t$'), '.mrla.shortcut_scale'),
    (re.compile(r'\.bn_mrla\.'), '.mrla.norm.'),
]


def translate_mrla(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return an MRLA checkpoint under this project's names.

    ========================  ==========================  =============================================
    released, light           released, base              here
    ========================  ==========================  =============================================
    ``layer{1..4}.{b}``       ``stages.{0..3}.{b}``       ``layer{1..4}.{b}``
    ``conv1``, ``bn1``        the same, or with the deep  ``conv1``, ``bn1``; deep: ``stem.{0,1,3,4,6}``,
                              stem ``conv1.{0,1,3,4,6}``  ``stem.7``
    ``.mrla.mrla.W{q,k,v}``   the same                    ``.mrla.{query,key,value}``
    ``.mrla.lambda_t``        -                           ``.mrla.shortcut_scale``
    ``.bn_mrla``              the same                    ``.mrla.norm``
    ``fc`` (classifier)       the same                    dropped
    ========================  ==========================  =============================================
    """
    deep_stem = 'conv1.0.weight' in state
    translated = {}
    for key, value in state.items():
        if key in ('fc.weight', 'fc.bias'):
            continue
        key = re.sub(r'^stages\.(\d+)\.', lambda match: f'layer{int(match[1]) + 1}.', key)
        if deep_stem:
            key = re.sub(r'^conv1\.', 'stem.', key)
            key = re.sub(r'^bn1\.', 'stem.7.', key)
        for pattern, replacement in _RENAMES:
            key = pattern.sub(replacement, key)
        translated[key] = value
    return translated
