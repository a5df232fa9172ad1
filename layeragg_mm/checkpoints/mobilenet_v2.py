"""MobileNetV2 with recurrent layer aggregation as its authors released it, and torchvision's MobileNetV2."""
import re

import torch
from torch import Tensor

from .reading import CheckpointError

__all__ = ['translate_mobilenet_v2', 'translate_rla_mobilenet_v2']

BLOCKS = 1, 2, 3, 4, 3, 3, 1  # of the seven stages
EPS = 1e-5


def translate_mobilenet_v2(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return torchvision's MobileNetV2 under MMDetection's names; of another file, what it holds.

    ============================================  ==========================================
    torchvision                                   here
    ============================================  ==========================================
    ``features.0.{0,1}``, ``features.18.{0,1}``   ``conv1.{conv,bn}``, ``conv2.{conv,bn}``
    ``features.{1..17}`` in order                 ``layer{1..7}.{i}``
    ``.conv.0.{0,1}``, not in the first           ``.expand_conv.{conv,bn}``
    ``.conv.{-3}.{0,1}``                          ``.depthwise_conv.{conv,bn}``
    ``.conv.{-2}``, ``.conv.{-1}``                ``.linear_conv.conv``, ``.linear_conv.bn``
    ``classifier``                                dropped
    ============================================  ==========================================
    """
    if 'features.0.0.weight' not in state:
        return state
    places = [(j, i) for j, count in enumerate(BLOCKS, 1) for i in range(count)]
    parts = ['expand_conv.conv', 'expand_conv.bn', 'depthwise_conv.conv', 'depthwise_conv.bn', 'linear_conv.conv',
             'linear_conv.bn']
    names = {'features.0.0': 'conv1.conv', 'features.0.1': 'conv1.bn', 'features.18.0': 'conv2.conv',
             'features.18.1': 'conv2.bn'}
    for f, (j, i) in enumerate(places, 1):
        theirs = ['conv.0.0', 'conv.0.1', 'conv.1', 'conv.2'] if f == 1 else [
            'conv.0.0', 'conv.0.1', 'conv.1.0', 'conv.1.1', 'conv.2', 'conv.3']
        names.update({f'features.{f}.{their}': f'layer{j}.{i}.{ours}'
                      for their, ours in zip(theirs, parts[-len(theirs):])})
    translated = {}
    for key, value in state.items():
        module, _, name = key.rpartition('.')
        if not key.startswith('classifier.'):
            translated[f'{names.get(module, module)}.{name}'] = value
    return translated


_RENAMES = [
    (re.compile(r'^stages\.(\d)\.(\d)\.'), lambda match: f'layer{int(match[1]) + 1}.{match[2]}.'),
    (re.compile(r'\.conv1x1\.0\.'), '.expand_conv.conv.'),
    (re.compile(r'\.conv1x1\.1\.'), '.expand_conv.bn.'),
    (re.compile(r'\.conv\.0\.0\.'), '.depthwise_conv.conv.'),
    (re.compile(r'\.conv\.0\.1\.'), '.depthwise_conv.bn.'),
    (re.compile(r'\.conv\.1\.'), '.linear_conv.conv.'),
    (re.compile(r'\.conv\.2\.'), '.linear_conv.bn.'),
    (re.compile(r'\.conv\.3\.conv\.'), '.eca.conv.'),
    (re.compile(r'^stage_bns\.'), 'rla.norms.'),
    (re.compile(r'^conv_outs\.'), 'rla.projects.'),
    (re.compile(r'^bn2\.'), 'rla.head.0.'),
    (re.compile(r'^conv([12])\.0\.'), r'conv\1.conv.'),
    (re.compile(r'^conv([12])\.1\.'), r'conv\1.bn.'),
]
# Of these the last k channels, or the last k columns, are those of h.
_SPLIT = [
    (re.compile(r'layer(\d)\.(\d)\.depthwise_conv\.(conv|bn)\.(\w+)$'), 0,
     lambda match: f'rla.reads.{int(match[1]) - 1}.{match[2]}.{"norm" if match[3] == "bn" else "conv"}.{match[4]}'),
    (re.compile(r'layer(\d)\.(\d)\.linear_conv\.conv\.weight$'), 1,
     lambda match: f'rla.reads.{int(match[1]) - 1}.{match[2]}.project.weight'),
    (re.compile(r'conv2\.conv\.weight$'), 1, lambda match: 'rla.head.2.weight'),
]


def translate_rla_mobilenet_v2(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return a checkpoint of RLA-MobileNetV2 under this project's names.

    ==============================================  ==============================================================
    released                                        here
    ==============================================  ==============================================================
    ``conv{1,2}.{0,1}``                             ``conv{1,2}.{conv,bn}``
    ``stages.{j}.{i}.conv1x1.{0,1}``                ``layer{j+1}.{i}.expand_conv.{conv,bn}``
    ``stages.{j}.{i}.conv.0.{0,1}`` of (e, h)       ``.depthwise_conv.{conv,bn}`` of e and
                                                    ``rla.reads.{j}.{i}.{conv,norm}`` of h
    ``stages.{j}.{i}.conv.1`` of (p, r)             ``.linear_conv.conv`` of p and ``rla.reads.{j}.{i}.project`` of r
    ``stages.{j}.{i}.conv.2``, ``.conv.3.conv``     ``.linear_conv.bn``, ``.eca.conv``
    ``stage_bns.{j}.{i}``, ``conv_outs.{j}``        ``rla.norms.{j}.{i}``, ``rla.projects.{j}``
    ``recurrent_convs.{0..4}`` (one tensor), or     ``rla.recur``
    ``recurrent_dsconvs.{0..4}``
    ``bn2``, ``conv2.0`` of (x, h)                  ``rla.head.0``, ``conv2.conv`` of x and ``rla.head.2`` of h
    ``classifier``                                  dropped
    ==============================================  ==============================================================

    The first block reads a state of zeros, which its norm and ReLU6 make a constant: that goes into the running mean of
    its last norm, and the block reads nothing here.

    Raises:
        CheckpointError: the copies of the recurrent convolution differ.
    """
    if 'conv_outs.0.weight' not in state:
        return state
    hidden = state['conv_outs.0.weight'].shape[0]
    recurrent = [value for key, value in state.items() if re.match(r'recurrent_(ds)?convs\.\d\.weight$', key)]
    if not recurrent or not all(torch.equal(value, recurrent[0]) for value in recurrent):
        raise CheckpointError(
            'the recurrent convolutions of the checkpoint differ, or there is none: RLA-MobileNetV2 has one for the '
            'whole network, which its file names five times',
            'Give the checkpoint of an RLA-MobileNetV2 of its authors.')
    translated = {'rla.recur.weight': recurrent[0]}
    for key, value in state.items():
        if key.startswith(('classifier.', 'recurrent_')):
            continue
        for pattern, replacement in _RENAMES:
            key = pattern.sub(replacement, key)
        for pattern, axis, name_of_read in _SPLIT:
            if match := pattern.match(key):
                translated[name_of_read(match)] = value if value.ndim == 0 else value.narrow(
                    axis, value.shape[axis] - hidden, hidden)
                value = value if value.ndim == 0 else value.narrow(axis, 0, value.shape[axis] - hidden)
        translated[key] = value
    prefix = 'rla.reads.0.0.'
    first = {key.removeprefix(prefix): translated.pop(key) for key in list(translated) if key.startswith(prefix)}
    scale = first['norm.weight'] * (first['norm.running_var'] + EPS).rsqrt()
    constant = (first['norm.bias'] - scale * first['norm.running_mean']).clamp(0, 6)
    mean = translated['layer1.0.linear_conv.bn.running_mean']
    translated['layer1.0.linear_conv.bn.running_mean'] = mean - first['project.weight'].flatten(1) @ constant
    return translated
