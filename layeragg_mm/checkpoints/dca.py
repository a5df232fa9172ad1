"""DCANet as its authors released it (ImageNet classification and MMDetection 1 backbones)."""
import re
from collections import defaultdict
from collections.abc import Sequence

import torch
from torch import Tensor

from .reading import CheckpointError

__all__ = ['check_resize', 'translate_dca', 'translate_dca_mobilenet_v2', 'translate_dca_module']

_MODULES = [(re.compile(pattern), replacement) for pattern, replacement in [
    # CBAM
    (r'^ChannelGate\.mlp\.1\.', 'channel_gate.mlp.0.'),
    (r'^ChannelGate\.mlp\.3\.', 'channel_gate.mlp.2.'),
    (r'^ChannelGate\.att_fc\.', 'channel_gate.resize.'),
    (r'^ChannelGate\.alpha\.0\.', 'channel_gate.connection.'),
    (r'^ChannelGate\.alpha\.1\.', 'channel_gate.connection.norm.'),
    (r'^SpatialGate\.spatial\.conv\.', 'spatial_gate.score.0.'),
    (r'^SpatialGate\.spatial\.bn\.', 'spatial_gate.score.1.'),
    (r'^SpatialGate\.bnrelu\.0\.', 'spatial_gate.mixed_norm.'),
    # GC
    (r'^conv_mask\.', 'mask.'),
    (r'^channel_add_conv\.', 'transform.'),
    (r'^gc_resize\.', 'resize.'),
    # SK
    (r'^(conv2g|conv5)\.', 'dilated.0.'),
    (r'^(bn2g|bn5)\.', 'dilated.1.'),
    (r'^conv_fc1\.', 'fc.0.'),
    (r'^bn_fc1\.', 'fc.1.'),
    (r'^conv_fc2\.', 'fc.3.'),
    (r'^att_fc_?1\.', 'connections.0.resize.'),
    (r'^att_fc_?2\.', 'connections.1.resize.'),
    (r'^att_conv1\.0\.', 'connections.0.'),
    (r'^att_conv1\.1\.', 'connections.0.norm.'),
    (r'^att_conv2\.0\.', 'connections.1.'),
    (r'^att_conv2\.1\.', 'connections.1.norm.'),
    # SE, GE
    (r'^att_fc\.', 'connection.resize.'),
    (r'^conv\.0\.', 'connection.'),
    (r'^conv\.1\.', 'connection.norm.'),
]]
# What reads the state before, which a network's first module does not have.
_CONNECTION = re.compile(r'^(weight|(channel_gate\.|spatial_gate\.)?(connections?|resize|weight|mixed_norm)(\.|$))')

_MIX = re.compile(r'connection(s\.\d)?\.weight$')


def translate_dca_module(released: dict[str, Tensor], *, first: bool = False) -> dict[str, Tensor]:
    """Return the weights of one attention module under this project's names.

    ============================================  =====================================
    released                                      here
    ============================================  =====================================
    ``fc.{0,2}`` (SE)                             the same
    ``att_fc``, ``conv.0``, ``conv.1`` (SE, GE)   ``connection.{resize,weight,norm}``
    ``conv_mask``, ``channel_add_conv`` (GC)      ``mask``, ``transform``
    ``att_fc``, ``weight`` (GC)                   ``resize``, ``weight``
    ``ChannelGate.{mlp.{1,3},att_fc}`` (CBAM)     ``channel_gate.{mlp.{0,2},resize}``
    ``ChannelGate.alpha.{0,1}``                   ``channel_gate.connection.{weight,norm}``
    ``SpatialGate.spatial.{conv,bn}``             ``spatial_gate.score.{0,1}``
    ``SpatialGate.bnrelu.0``, ``.p1``, ``.p2``    ``spatial_gate.mixed_norm``, ``.weight``
    ``conv2g``, ``bn2g`` (SK; or ``conv5``, ...)  ``dilated.{0,1}``
    ``conv_fc1``, ``bn_fc1``, ``conv_fc2``        ``fc.{0,1,3}``
    ``att_fc_{1,2}``, ``att_conv{1,2}.{0,1}``     ``connections.{0,1}.{resize,weight,norm}``
    ============================================  =====================================

    1x1 convolutions of vectors are linear layers here. Dropped are biases without effect (of the mix, before LN; of
    GC's mask, before the softmax); that of CBAM's 1x1 convolution goes into the mean of its norm. ``first``: dropped is
    all that would read a state, which the network's first module does not have.
    """
    released = dict(released)
    is_gc = 'conv_mask.weight' in released
    for bias in ('conv.0.bias', 'conv_mask.bias', 'att_conv1.0.bias', 'att_conv2.0.bias'):
        released.pop(bias, None)
    if 'ChannelGate.att_fc.0.bias' in released:
        mean = 'ChannelGate.att_fc.1.running_mean'
        released[mean] = released[mean] - released.pop('ChannelGate.att_fc.0.bias')
    if 'SpatialGate.p1' in released:
        released['spatial_gate.weight'] = _joined(released.pop('SpatialGate.p1'), released.pop('SpatialGate.p2'))
    translated = {}
    for key, value in released.items():
        if is_gc:
            key = key.replace('att_fc.', 'gc_resize.')
        for pattern, replacement in _MODULES:
            key, found = pattern.subn(replacement, key)
            if found:
                break
        if _MIX.search(key):
            value = value.flatten()
        elif is_gc and key.startswith(('transform.', 'resize.')):
            value = value.flatten(1) if value.ndim == 4 else value.flatten()
        if not (first and _CONNECTION.match(key)):
            translated[key] = value
    return translated


def _joined(*values: Tensor) -> Tensor:
    return torch.cat([value.flatten() for value in values])


def translate_dca(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return a DCA-ResNet checkpoint under this project's names; ours pass unchanged.

    =======================================  ================================================
    released                                 here
    =======================================  ================================================
    ``layer{s}.{b}.{se,ge,rgc,cbam}``        ``layer{s}.{b}.dca``, :func:`translate_dca_module`
    ``layer{s}.{b}.{conv2g,conv_fc1,...}``   the same (SK)
    ``fc`` (classifier)                      dropped
    =======================================  ================================================
    """
    return _translate(state, re.compile(
        r'(?P<block>layer\d\.\d+\.)(?:(?:se|ge|rgc|cbam)\.(?P<key>.+)'
        r'|(?P<of_sk>(?:conv2g|bn2g|conv_fc\d|bn_fc1|att_fc_\d|att_conv\d)\..+))$'), 'layer1.0.')


def check_resize(state: dict[str, Tensor], resize: str) -> None:
    """Raise a :class:`CheckpointError` if SE, GE or SK of a checkpoint, under our names, have the other resize."""
    layers = {match[1] for match in (re.search(r'connections?(?:\.\d)?\.resize\.(\d)', key) for key in state) if match}
    found = 'narrow' if '3' in layers else 'wide'
    if layers and found != resize:
        raise CheckpointError(f'the checkpoint has the {found} resize, the network the {resize} one',
                              f"Give resize='{found}' to the network.")


def _translate(state: dict[str, Tensor], module: re.Pattern, first: str) -> dict[str, Tensor]:
    """Translate the modules whose keys match, of the block ``first`` without its connection; drop the classifier."""
    translated, modules = {}, defaultdict(dict)
    for key, value in state.items():
        match = module.match(key)
        if match:
            modules[match['block']][match['key'] or match['of_sk']] = value
        elif not key.startswith(('fc.', 'classifier.')):
            translated[key] = value
    for block, released in modules.items():
        translated.update({f'{block}dca.{key}': value for key, value in
                           translate_dca_module(released, first=block == first).items()})
    return translated


def translate_dca_mobilenet_v2(state: dict[str, Tensor], layer_blocks: Sequence[int]) -> dict[str, Tensor]:
    """Return a DCA-MobileNetV2 checkpoint, or torchvision's plain one, under MMDetection's names; ours pass unchanged.

    =========================  ==========================  ====================================================
    released, SE, CBAM         released, GE, SK            here
    =========================  ==========================  ====================================================
    ``features.0``, ``.18``    ``features1``, ``3``        ``conv1``, ``conv2``
    ``features.{i + 1}``       ``features2.{i}``           ``layer{l}.{b}``
    ``.conv.{0,1,2,3}``        the same (GE)               ``.expand_conv``, ``.depthwise_conv``, ``.linear_conv``
    -                          ``.layer1``, ``.layer3``    ``.expand_conv``, ``.linear_conv``
    -                          ``.layersk.{conv3,bn3}``    ``.depthwise_conv``
    ``.se``, ``.cbam``         ``.ge``, ``.layersk``       ``.dca``, :func:`translate_dca_module`
    ``classifier``             the same                    dropped
    =========================  ==========================  ====================================================

    Args:
        state: the checkpoint.
        layer_blocks: the blocks of each layer.
    """
    names = ['conv1', *(f'layer{layer}.{block}' for layer, number in enumerate(layer_blocks, 1)
                        for block in range(number)), 'conv2']
    renamed = {}
    for key, value in state.items():
        place = re.match(r'features(?:(?P<end>[13])|2\.(?P<block>\d+)|\.(?P<index>\d+))\.(?P<rest>.+)', key)
        if place is not None:
            if place['end']:
                name = 'conv1' if place['end'] == '1' else 'conv2'
            else:
                name = names[int(place['block']) + 1 if place['block'] else int(place['index'])]
            key = f'{name}.{_in_mobilenet(name, place["rest"])}'
        renamed[key] = value
    return _translate(renamed, re.compile(
        r'(?P<block>layer\d\.\d+\.)(?:(?:se|ge|cbam)\.(?P<key>.+)|layersk\.(?P<of_sk>.+))$'), 'layer1.0.')


def _in_mobilenet(layer: str, released: str) -> str:
    """Return MMDetection's name of a released weight inside a layer or block; attention's stay."""
    place, _, weight = released.rpartition('.')
    kinds = list(enumerate(('conv', 'bn')))
    if layer.startswith('conv'):
        table = {f'{nested}{i}': kind for nested in ('', '0.', 'conv.') for i, kind in kinds}
    else:
        nested = ['expand_conv', 'depthwise_conv'][layer == 'layer1.0':]  # the first block does not expand
        table = {f'conv.{j}.{i}': f'{name}.{kind}' for j, name in enumerate(nested) for i, kind in kinds}
        table |= {f'conv.{len(nested) + i}': f'linear_conv.{kind}' for i, kind in kinds}
        table |= {f'layer1.{i}': f'expand_conv.{kind}' for i, kind in kinds}
        table |= {f'layer3.{i}': f'linear_conv.{kind}' for i, kind in kinds}
        table |= {f'layersk.{kind}3': f'depthwise_conv.{kind}' for _, kind in kinds}
    return f'{table.get(place, place)}.{weight}'
