"""RLA-ResNet as its authors released it (ImageNet classification and MMDetection 2 backbones)."""
import re

from torch import Tensor

__all__ = ['translate_rla']

_RENAMES = [
    (re.compile(r'^stages\.(\d+)\.'), lambda match: f'layer{int(match[1]) + 1}.'),
    (re.compile(r'^stage_bns\.(\d+)\.'), r'rla.\1.norms.'),
    (re.compile(r'^conv_outs\.(\d+)\.'), r'rla.\1.project.'),
    (re.compile(r'^recurrent_convs\.(\d+)\.'), r'rla.\1.recur.'),
]


def translate_rla(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return an RLA checkpoint under this project's names.

    ====================================  ==============================================================
    released                              here
    ====================================  ==============================================================
    ``stages.{s}.{b}``                    ``layer{s+1}.{b}``
    ``stages.{s}.{b}.conv1`` of (x, h)    ``layer{s+1}.{b}.conv1`` of x and ``rla.{s}.reads.{b}`` of h
    ``conv_outs.{s}``                     ``rla.{s}.project``
    ``recurrent_convs.{s}``               ``rla.{s}.recur``
    ``stage_bns.{s}.{b}``                 ``rla.{s}.norms.{b}``
    ``bn2``, ``fc`` (classifier)          dropped
    ====================================  ==============================================================

    Dropped as well, since nothing comes of them in a backbone: the first block's weights for h, which is zero there,
    and the norm of the update after the last block, which only the classifier reads.
    """
    if 'conv_outs.0.weight' not in state:
        return {key: value for key, value in state.items() if key not in ('fc.weight', 'fc.bias')}
    hidden_channels = state['conv_outs.0.weight'].shape[0]
    stage = max(int(key.split('.')[1]) for key in state if key.startswith('stage_bns.'))
    block = max(int(key.split('.')[2]) for key in state if key.startswith(f'stage_bns.{stage}.'))
    unused = ('fc.', 'bn2.', f'stage_bns.{stage}.{block}.')

    translated = {}
    for key, value in state.items():
        if key.startswith(unused):
            continue
        name = key
        for pattern, replacement in _RENAMES:
            name = pattern.sub(replacement, name)
        match = re.fullmatch(r'stages\.(\d+)\.(\d+)\.conv1\.weight', key)
        if match:
            if match.groups() != ('0', '0'):
                translated[f'rla.{match[1]}.reads.{match[2]}.weight'] = value[:, -hidden_channels:]
            value = value[:, :-hidden_channels]
        translated[name] = value
    return translated
