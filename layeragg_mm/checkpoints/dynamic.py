"""ResNet with dynamic layer attention as its authors released it (ImageNet classification)."""
import re

from torch import Tensor

__all__ = ['translate_dynamic']

_RENAMES = [
    (re.compile(r'^layer(\d)\.layers\.(\d+)\.'), r'layer\1.\2.'),
    (re.compile(r'^layer(\d)\.(attention|lstm|extict)\.'), lambda match: f'mrla.{int(match[1]) - 1}.{match[2]}.'),
    (re.compile(r'\.attention\.(\d+)\.'), r'.attentions.\1.'),
    (re.compile(r'\.layer_attention\.lambda_t$'), '.shortcut_scale'),
    (re.compile(r'\.layer_attention\.mrla\.Wq\.'), '.query.'),
    (re.compile(r'\.layer_attention\.mrla\.Wk\.'), '.key.'),
    (re.compile(r'\.layer_attention\.mrla\.Wv\.'), '.value.'),
    (re.compile(r'\.bn_layer_attention\.'), '.norm.'),
    (re.compile(r'\.lstm\.w_ih\.0\.seq\.'), '.cell.from_input.'),
    (re.compile(r'\.lstm\.w_hh\.0\.seq\.'), '.cell.from_state.'),
    (re.compile(r'\.extict\.'), '.extract.'),
]


def translate_dynamic(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return a checkpoint of dynamic layer attention under this project's names.

    ======================================================  ===================================================
    released                                                here
    ======================================================  ===================================================
    ``layer{s}.layers.{b}``                                 ``layer{s}.{b}``
    ``layer{s}.attention.{b}.layer_attention.mrla.W{q,k,v}``  ``mrla.{s-1}.attentions.{b}.{query,key,value}``
    ``layer{s}.attention.{b}.layer_attention.lambda_t``     ``mrla.{s-1}.attentions.{b}.shortcut_scale``
    ``layer{s}.attention.{b}.bn_layer_attention``           ``mrla.{s-1}.attentions.{b}.norm``
    ``layer{s}.lstm.w_{ih,hh}.0.seq``                       ``mrla.{s-1}.cell.from_{input,state}``
    ``layer{s}.extict``                                     ``mrla.{s-1}.extract``
    ``fc`` (classifier)                                     dropped
    ======================================================  ===================================================
    """
    translated = {}
    for key, value in state.items():
        if key in ('fc.weight', 'fc.bias'):
            continue
        for pattern, replacement in _RENAMES:
            key = pattern.sub(replacement, key)
        translated[key] = value
    return translated
