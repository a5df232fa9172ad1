"""PyConvResNet as its authors released it: for ImageNet, and in PyConvSegNet."""
import re

from torch import Tensor

__all__ = ['translate_pyconv', 'translate_pyconv_head', 'translate_pyconvsegnet']

_LEVEL = re.compile(r'\.conv2_(\d)\.')


def translate_pyconv(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return a PyConvResNet's checkpoint under this project's names.

    =========================================  =====================================
    released                                   here
    =========================================  =====================================
    ``{conv}.conv2_{l}``                       ``{conv}.pyconv_levels.{l-1}``
    ``layer0.{0,1}`` (PyConvSegNet)            ``conv1``, ``bn1``
    ``fc``, ``pyconvhead``, ``aux``, ``cls``   dropped
    =========================================  =====================================
    """
    translated = {}
    for key, value in state.items():
        if not key.startswith(('fc.', 'pyconvhead.', 'aux.', 'cls.')):
            key = key.replace('layer0.0.', 'conv1.').replace('layer0.1.', 'bn1.')
            translated[_LEVEL.sub(_to_level, key)] = value
    return translated


def translate_pyconv_head(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the parsing head of a PyConvSegNet under this project's names, of which it alone has ``pyconvhead``."""
    translated = {}
    for key, value in state.items():
        if not key.startswith(('layer', 'aux.', 'conv1.', 'bn1.')):
            key = key.removeprefix('pyconvhead.').replace('cls.1.', 'conv_seg.')
            translated[_LEVEL.sub(_to_level, key)] = value
    return translated


_PARTS = [('layer', 'backbone.layer'), ('pyconvhead.', 'decode_head.'), ('cls.1.', 'decode_head.conv_seg.'),
          ('aux.0.', 'auxiliary_head.convs.0.conv.'), ('aux.1.', 'auxiliary_head.convs.0.bn.'),
          ('aux.4.', 'auxiliary_head.conv_seg.')]


def translate_pyconvsegnet(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return a whole PyConvSegNet with its parts under MMSegmentation's names, which pass unchanged.

    =============================  =============================================
    released                       here
    =============================  =============================================
    ``layer{0,1,2,3,4}``           ``backbone``, :func:`translate_pyconv`
    ``pyconvhead``                 ``decode_head``, :func:`translate_pyconv_head`
    ``cls.1``                      ``decode_head.conv_seg``
    ``aux.0``, ``aux.1``           ``auxiliary_head.convs.0.conv``, ``.bn``
    ``aux.4``                      ``auxiliary_head.conv_seg``
    =============================  =============================================
    """
    translated = {}
    for key, value in state.items():
        for released, ours in _PARTS:
            if key.startswith(released):
                key = ours + key.removeprefix(released)
                break
        translated[key] = value
    return translated


def _to_level(match: re.Match) -> str:
    return f'.pyconv_levels.{int(match[1]) - 1}.'
