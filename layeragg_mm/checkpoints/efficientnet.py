"""EfficientNet with MRLA-light in its authors' layout, which is timm's."""
import re

from torch import Tensor

__all__ = ['translate_efficientnet']

# Layers of MMDetection, and the blocks of timm's stacks 0 to 6.
LAYERS = 1, 2, 3, 4, 4, 5, 5
CONTINUED = {4: 3, 6: 5}  # stacks whose blocks are numbered on after those of another

_RENAMES = [
    (re.compile(r'^conv_stem\.'), 'layers.0.conv.'),
    (re.compile(r'^bn1\.'), 'layers.0.bn.'),
    (re.compile(r'^conv_head\.'), 'layers.6.conv.'),
    (re.compile(r'^bn2\.'), 'layers.6.bn.'),
    (re.compile(r'\.se\.conv_reduce\.'), '.se.conv1.conv.'),
    (re.compile(r'\.se\.conv_expand\.'), '.se.conv2.conv.'),
    (re.compile(r'\.mrla\.mla\.Wq\.'), '.mrla.query.'),
    (re.compile(r'\.mrla\.mla\.Wk\.'), '.mrla.key.'),
    (re.compile(r'\.mrla\.mla\.Wv\.'), '.mrla.value.'),
    (re.compile(r'\.mrla\.lambda_t$'), '.mrla.shortcut_scale'),
    (re.compile(r'\.bn_mrla\.'), '.mrla.norm.'),
]
_PARTS = {'conv_pw': 'expand_conv.conv', 'bn1': 'expand_conv.bn', 'conv_dw': 'depthwise_conv.conv',
          'bn2': 'depthwise_conv.bn', 'conv_pwl': 'linear_conv.conv', 'bn3': 'linear_conv.bn'}
_PARTS_OF_FIRST = {'conv_dw': 'depthwise_conv.conv', 'bn1': 'depthwise_conv.bn', 'conv_pw': 'linear_conv.conv',
                   'bn2': 'linear_conv.bn'}


def translate_efficientnet(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return an EfficientNet of timm, with or without MRLA, under this project's names.

    ================================================  ==========================================================
    timm, released                                    here
    ================================================  ==========================================================
    ``conv_stem``, ``bn1``; ``conv_head``, ``bn2``    ``layers.0.{conv,bn}``; ``layers.6.{conv,bn}``
    ``blocks.{0..6}.{i}``                             ``layers.{1,2,3,4,4,5,5}``, those of stacks 4 and 6 numbered
                                                      on after those of 3 and 5
    ``.conv_pw``, ``.conv_dw``, ``.conv_pwl``         ``.expand_conv.conv``, ``.depthwise_conv.conv``,
                                                      ``.linear_conv.conv``; in stack 0 ``.conv_pw`` is the last
    ``.bn{1,2,3}``                                    the norms of these
    ``.se.conv_reduce``, ``.se.conv_expand``          ``.se.conv1.conv``, ``.se.conv2.conv``
    ``.mrla.mla.W{q,k,v}``                            ``.mrla.{query,key,value}``
    ``.mrla.lambda_t``, ``.bn_mrla``                  ``.mrla.shortcut_scale``, ``.mrla.norm``
    ``classifier``                                    dropped
    ================================================  ==========================================================
    """
    if 'conv_stem.weight' not in state:
        return state
    places = {tuple(map(int, key.split('.')[1:3])) for key in state if key.startswith('blocks.')}
    blocks = [sum(stack == j for stack, _ in places) for j in range(len(LAYERS))]
    translated = {}
    for key, value in state.items():
        if key.startswith('classifier.'):
            continue
        if match := re.match(r'blocks\.(\d)\.(\d+)\.(\w+)\.', key):
            stack, index, part = int(match[1]), int(match[2]), match[3]
            index += blocks[CONTINUED[stack]] if stack in CONTINUED else 0
            part = (_PARTS if stack else _PARTS_OF_FIRST).get(part, part)
            key = f'layers.{LAYERS[stack]}.{index}.{part}.{key[match.end():]}'
        for pattern, replacement in _RENAMES:
            key = pattern.sub(replacement, key)
        translated[key] = value
    return translated
