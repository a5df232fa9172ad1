"""PyConvResNet as its authors released it: for ImageNet, and in PyConvSegNet."""
import re

from torch import Tensor

__all__ = ['translate_pyconv']

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
            translated[_LEVEL.sub(lambda level: f'.pyconv_levels.{int(level[1]) - 1}.', key)] = value
    return translated
