"""FPT as its authors' code names it (they released no weights)."""
import re

from torch import Tensor

__all__ = ['translate_fpt', 'translate_fpt_module']

_MODULES = [(re.compile(pattern), replacement) for pattern, replacement in [
    # self-transformer
    (r'^conv_qs\.', 'query_key.'),
    (r'^conv_vs\.', 'value.'),
    (r'^attention\.weight$', 'mixture'),
    (r'^conv\.', 'out.0.'),
    (r'^norm_layer\.', 'out.1.'),
    # grounding transformer
    (r'^theta\.', 'query.'),
    (r'^phi\.', 'key.'),
    (r'^g\.', 'value.'),
    (r'^W_z\.', 'out.'),
    # rendering transformer
    (r'^str_conv3x3\.', 'fine.0.'),
    (r'^bn_reduction\.', 'fine.1.'),
    (r'^conv3x3\.', 'coarse.0.'),
    (r'^bn_high\.', 'coarse.1.'),
    (r'^conv1x1\.', 'gate.0.'),
    (r'^bn_low\.', 'gate.1.'),
]]
_IDLE = re.compile(r'(conv_ks|conv_reduction|conv_upsample|conv_cat)\.')


def translate_fpt_module(released: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights of one transformer under this project's names.

    =====================================================  =================================
    released                                               here
    =====================================================  =================================
    ``conv_qs``, ``conv_vs``, ``attention.weight`` (ST)    ``query_key``, ``value``, ``mixture``
    ``conv``, ``norm_layer``                               ``out.{0,1}``
    ``theta``, ``phi``, ``g``, ``W_z`` (GT)                ``query``, ``key``, ``value``, ``out``
    ``str_conv3x3``, ``bn_reduction`` (RT)                 ``fine.{0,1}``
    ``conv3x3``, ``bn_high``                               ``coarse.{0,1}``
    ``conv1x1``, ``bn_low``                                ``gate.{0,1}``
    =====================================================  =================================

    Dropped are the second name of the self-transformer's convolution (``conv_ks``) and convolutions of RT that compute
    nothing.
    """
    translated = {}
    for key, value in released.items():
        for pattern, replacement in _MODULES:
            key, found = pattern.subn(replacement, key)
            if found:
                break
        if not _IDLE.match(key):
            translated[key] = value
    return translated


def translate_fpt(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return a whole pyramid over levels 2 to 5 under this project's names; ours pass unchanged.

    =======================  ========================================
    released                 here, i and j being levels counted from 0
    =======================  ========================================
    ``fpn_p{i}_1x1``         ``laterals.{i}``
    ``fpt_p{i}``             ``out_convs.{i}``
    ``st_p{i}``              ``self_transformers.{i}``
    ``rt_p{i}_p{j}``         ``rendering.{i}.{j}``
    ``gt_p{i}_p{j}``         ``grounding.{i}.{j - i - 1}``
    =======================  ========================================
    """
    translated, modules = {}, {}
    for key, value in state.items():
        place = re.match(r'(fpn|fpt|st|rt|gt)_p(\d)(?:_p(\d))?(?:_1x1)?\.(.+)', key)
        if place is None:
            translated[key] = value
            continue
        kind, level, other, name = place.groups()
        level, other = int(level) - 2, int(other or 2) - 2
        prefix = {'fpn': f'laterals.{level}', 'fpt': f'out_convs.{level}', 'st': f'self_transformers.{level}',
                  'rt': f'rendering.{level}.{other}', 'gt': f'grounding.{level}.{other - level - 1}'}[kind]
        modules.setdefault((kind, prefix), {})[name] = value
    for (kind, prefix), weights in modules.items():
        weights = weights if kind in ('fpn', 'fpt') else translate_fpt_module(weights)
        translated.update({f'{prefix}.{name}': value for name, value in weights.items()})
    return translated
