"""ResNet with key-correlated layer attention as its authors released it (ImageNet classification)."""
import re

import torch
from torch import Tensor

__all__ = ['translate_key_correlated']

_RENAMES = [
    (re.compile(r'^layer(\d)\.layers\.(\d+)\.'), r'layer\1.\2.'),
    (re.compile(r'^layer(\d)\.attention\.(\d+)\.'), r'layer\1.\2.mrla.'),
    (re.compile(r'\.mrla\.Wq\.'), '.mrla.query.'),
    (re.compile(r'\.mrla\.Wk\.'), '.mrla.key.'),
    (re.compile(r'\.mrla\.Wv\.'), '.mrla.value.'),
    (re.compile(r'\.mrla\.head_att\.'), '.mrla.mix.'),
    (re.compile(r'\.mrla\.bn_attention\.'), '.mrla.norm.'),
    (re.compile(r'\.mrla\.adjust_channel\.'), '.mrla.state_conv.'),
    (re.compile(r'\.mrla\.u_Wk\.'), '.mrla.state_key.'),
    (re.compile(r'\.mrla\.u_bn\.'), '.mrla.state_norm.'),
]
# What the published network computes nothing with, and the constants 1 / rho.
_UNUSED = re.compile(r'layer1\.attention\.0\.(adjust_channel|u_Wk|u_bn)\.|.*\.attention\.11\.adjust_channel\.|'
                     r'.*\.norm_d$|fc\.(weight|bias)$')


def translate_key_correlated(state: dict[str, Tensor], scaled: bool = False) -> dict[str, Tensor]:
    """Return a checkpoint of key-correlated layer attention under this project's names.

    ================================================  ==========================================================
    released                                          here
    ================================================  ==========================================================
    ``layer{s}.layers.{b}``                           ``layer{s}.{b}``
    ``layer{s}.attention.{b}.W{q,k,v}``               ``layer{s}.{b}.mrla.{query,key,value}``
    ``layer{s}.attention.{b}.head_att``               ``layer{s}.{b}.mrla.mix``
    ``layer{s}.attention.{b}.bn_attention``           ``layer{s}.{b}.mrla.norm``
    ``layer{s}.attention.{b}.adjust_channel``         ``layer{s}.{b}.mrla.state_conv``
    ``layer{s}.attention.{b}.u_Wk``, ``.u_bn``        ``layer{s}.{b}.mrla.state_key``, ``.state_norm``
    ``.norm_d`` (constants), ``fc`` (classifier)      dropped
    ================================================  ==========================================================

    Dropped as well are the weights that the published network has and computes nothing with: to express the state anew
    in the very first block, where there is none, and to change its channels in block 11, where they stay.

    Args:
        scaled: whether the network has the scale behind the attention, which is ours; in a released network it is 1.
    """
    released = any('.attention.' in key for key in state)
    translated = {}
    for key, value in state.items():
        if _UNUSED.match(key):
            continue
        for pattern, replacement in _RENAMES:
            key = pattern.sub(replacement, key)
        translated[key] = value
        if released and scaled and key.endswith('.mrla.norm.weight'):
            translated[key.replace('.norm.weight', '.scale')] = torch.ones_like(value).view(-1, 1, 1)
    return translated
