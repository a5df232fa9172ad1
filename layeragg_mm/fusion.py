"""Inference without norms: what a frozen norm does becomes part of the convolution before it."""
import copy
from collections.abc import Iterator
from functools import singledispatch
from itertools import pairwise
from typing import NamedTuple

import torch
from mmcv.cnn import ConvModule
from mmcv.cnn.bricks import wrappers
from mmcv.cnn.bricks.conv2d_adaptive_padding import Conv2dAdaptivePadding
from mmcv.ops import ModulatedDeformConv2dPack
from mmdet.models.backbones.resnet import ResNet
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from .backbones import (
    DCAMobileNetV2,
    DLANet,
    MobileNeXt,
    RLAMobileNetV2,
    RLAResNet,
    WeightNetShuffleNetV2,
)
from .backbones.released_efficientnet import ReleasedEfficientNet
from .fast.channels_last import reads_channels_last, to_contiguous
from .fast.frozen_norm import Affine, affine_of_frozen
from .fast.joint_projection import JointConvs, are_joinable, joint_step
from .layers import (
    DGConv2d,
    DOConv2d,
    InvertedRecurrentAggregation,
    KeyCorrelatedLayerAttention,
    PSConv2d,
    PyConv2d,
    RecurrentAggregation,
    WeightNetConv2d,
    dla,
)
from .layers.dca import SpatialGate
from .layers.forms import carries_hooks
from .layers.inverted_rla import ReadThroughDepthwise
from .layers.mrla import LayerAttention
from .layers.weight_net import WeightNetShuffleBlock
from .necks.deformable import DeformableConv2d

__all__ = ['fuse']

# Exactly these: what extends them may compute its weights anew each time.
CONVOLUTIONS = (nn.Conv2d, wrappers.Conv2d, nn.ConvTranspose2d, wrappers.ConvTranspose2d, ModulatedDeformConv2dPack,
                DeformableConv2d, Conv2dAdaptivePadding, PSConv2d, WeightNetConv2d, PyConv2d, DGConv2d)
COMPUTE_IN_CHANNELS_LAST = (ResNet, DLANet, MobileNeXt, DCAMobileNetV2, ReleasedEfficientNet,
                            RLAMobileNetV2, WeightNetShuffleNetV2)


@torch.no_grad()
def fuse(model: nn.Module) -> nn.Module:
    r"""Return a copy of ``model`` for inference, in which frozen norms are part of the convolutions before them.

    A frozen batch norm is ``s z + b`` per channel, so that

    .. math::

        \mathrm{norm}(\textstyle\sum_i W_i * x_i + c) = \sum_i (s W_i) * x_i + (s c + b)

    and the layer attention of MRLA and the update of RLA's hidden state read s and b in their fast forms. Covered are
    the backbones and the neck of this package, OpenMMLab's ResNets and their kind, mmcv's ``ConvModule`` (FPN, heads,
    ...) and every ``Sequential``. Before, each :class:`~layeragg_mm.layers.DOConv2d` becomes the plain convolution that
    it is. Every other norm stays, and the result is right all the same: one without statistics
    of its own (GN, LN, ...), one that follows no convolution, one in an architecture that is not known here.

    Args:
        model: a backbone, a neck, a detector or what contains one, in evaluation mode; it stays as it is.

    Returns:
        A model with the same outputs (within 1e-4 in float32). Its state loads into a model that was fused in the same
        way, ``fuse(model).load_state_dict(state)``, and into no other. Its parameters take no gradient.

    Raises:
        ValueError: the model, or a part of it, is in training mode, in which norms are not frozen.
        TypeError: ``model`` is none.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f'fuse needs a model, and got {model!r}; call eval() on a line of its own, since that of '
                        'MMDetection\'s ResNet returns nothing')
    for name, module in model.named_modules():
        if module.training:
            part = f'{name} of this' if name else 'this'
            raise ValueError(f'fuse needs a model in evaluation mode, and {part} {type(model).__name__} is in training '
                             'mode; call eval() first')
    model = _folded(copy.deepcopy(model))
    for module in list(model.modules()):
        for norm, *convs in _junctions(module):
            _join(norm, convs)
        if isinstance(module, RLAResNet):
            _join_projections(module)
        if isinstance(module, COMPUTE_IN_CHANNELS_LAST) and reads_channels_last(module):
            for conv in module.modules():
                if type(conv) in CONVOLUTIONS:
                    conv.to(memory_format=torch.channels_last)
            module.register_forward_pre_hook(_to_channels_last, with_kwargs=True)
            module.register_forward_hook(_to_contiguous)
    model.eval()  # the new layers too; MMDetection's ResNet returns nothing here
    return model.requires_grad_(False)


def _folded(model: nn.Module) -> nn.Module:
    """Replace in ``model`` the convolutions that make their kernel of several tensors by plain ones; return it."""
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if type(child) is DOConv2d and not carries_hooks(child):
                parent._modules[name] = child.folded()
    return model.folded() if type(model) is DOConv2d else model


def _to_channels_last(backbone: nn.Module, inputs: tuple, named: dict) -> tuple[tuple[torch.Tensor], dict]:
    images, = (*inputs, *named.values())
    return (images.contiguous(memory_format=torch.channels_last),), {}


def _to_contiguous(backbone: nn.Module, inputs: tuple, outputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    """mmcv's RoIAlign reads a channels_last map as if it were contiguous."""
    return tuple(to_contiguous(out) for out in outputs)


class _Place(NamedTuple):
    """Where a layer lies, so that another can take its place."""

    parent: nn.Module
    name: str

    def get(self) -> nn.Module:
        return self.parent._modules[self.name]

    def put(self, layer: nn.Module) -> None:
        self.parent._modules[self.name] = layer


def _join(norm_place: _Place, conv_places: list[_Place]) -> None:
    """Make the norm part of the convolutions, whose sum it reads; of none, an affine map."""
    norm, convs = norm_place.get(), [place.get() for place in conv_places]
    if not isinstance(norm, _BatchNorm) or norm.running_mean is None or norm.weight is None:
        return
    # Weights that a hook computes (spectral norm) would be overwritten, and what a hook adds (RLA) would not be scaled.
    if any(type(conv) not in CONVOLUTIONS or conv._forward_pre_hooks or conv._forward_hooks for conv in convs):
        return
    scale, shift = affine_of_frozen(norm)
    norm_place.put(nn.Identity() if convs else Affine(scale, shift))
    for place, conv in zip(conv_places, convs):
        place.put(_scaled(conv, scale, shift))
        shift = None  # belongs to one of them


@singledispatch
def _scaled(conv: nn.Module, scale: torch.Tensor, shift: torch.Tensor | None) -> nn.Module:
    """Return a convolution with ``scale`` times the result of ``conv``, plus ``shift``; others may share ``conv``."""
    fused = copy.deepcopy(conv)
    if conv.transposed:  # (in, out / groups, height, width)
        grouped = conv.weight.unflatten(0, (conv.groups, -1)) * scale.view(conv.groups, 1, -1, 1, 1)
        fused.weight = nn.Parameter(grouped.flatten(0, 1))
    else:
        fused.weight = nn.Parameter(scale[:, None, None, None] * conv.weight)
    terms = [term for term in (None if conv.bias is None else scale * conv.bias, shift) if term is not None]
    fused.bias = nn.Parameter(sum(terms)) if terms else None
    return fused


@_scaled.register
def _(conv: PyConv2d, scale: torch.Tensor, shift: torch.Tensor | None) -> PyConv2d:
    fused = copy.deepcopy(conv)
    widths = [level.out_channels for level in conv.pyconv_levels]
    shifts = [None] * len(widths) if shift is None else shift.split(widths)
    for i, (of_level, shift_of_level) in enumerate(zip(scale.split(widths), shifts)):
        fused.pyconv_levels[i] = _scaled(conv.pyconv_levels[i], of_level, shift_of_level)
    return fused


@_scaled.register
def _(conv: DGConv2d, scale: torch.Tensor, shift: torch.Tensor | None) -> DGConv2d:
    fused = copy.deepcopy(conv)
    for h in range(conv.heads):
        head = getattr(fused, f'headconv_{h}')
        head.conv = _scaled(head.conv, scale[h::conv.heads], None if shift is None else shift[h::conv.heads])
    for norm, in _junctions(fused):  # its own, which a copy still has
        _join(norm, [])
    return fused


def _join_projections(backbone: RLAResNet) -> None:
    """Make the projection to the hidden state after a block part of the next block's first convolution."""
    steps = [(block, state, i) for stage, state in zip(backbone.stages, backbone.rla) for i, block in enumerate(stage)]
    unjoined = set()
    for (_, state, i), (block, *_) in pairwise(steps):
        if not are_joinable(block.conv1, state.project) or carries_hooks(block.conv1, state.project):
            unjoined.add(state)
            continue
        block.conv1 = JointConvs((block.conv1, block.norm1), (state.project, state.norms[i]))
        if block.conv1.scale1 is not None:
            state.norms[i] = nn.Identity()
    for state in set(backbone.rla) - unjoined:
        state.project = nn.Identity()
    backbone.step = joint_step


@singledispatch
def _junctions(module: nn.Module) -> Iterator[tuple[_Place, ...]]:
    """Yield the norms inside ``module``, each with the convolutions whose sum it reads.

    OpenMMLab's ResNets and their kind keep the name of the norm after ``conv1`` in ``norm1_name``, and so on.
    """
    for i in (1, 2, 3):
        norm = getattr(module, f'norm{i}_name', None)
        if norm in module._modules and f'conv{i}' in module._modules:
            yield _Place(module, norm), _Place(module, f'conv{i}')


@_junctions.register
def _(module: nn.Sequential):
    for conv, norm in pairwise(module._modules):
        if isinstance(module._modules[conv], CONVOLUTIONS):
            yield _Place(module, norm), _Place(module, conv)


@_junctions.register
def _(module: ConvModule):
    if module.with_norm and module.order.index('norm') == module.order.index('conv') + 1:
        module.efficient_conv_bn_eval_forward = None  # mmcv's own way to join them, which would look for the norm
        yield _Place(module, module.norm_name), _Place(module, 'conv')


@_junctions.register
def _(module: RLAResNet):
    yield from _junctions.dispatch(nn.Module)(module)
    # The first norm of a block reads from two modules; when the block's own turn comes, that norm is gone.
    for stage, state in zip(module.stages, module.rla):
        for block, read in zip(stage, state.reads._modules):
            convs = [_Place(block, 'conv1'), _Place(state.reads, read)]
            if isinstance(convs[1].get(), nn.Identity):
                del convs[1]
            yield _Place(block, block.norm1_name), *convs


@_junctions.register
def _(module: RLAMobileNetV2):
    # The last norm of a block and of the head read from two modules; when their own turn comes, these norms are gone.
    for stage, reads in zip(module.stages, module.rla.reads):
        for block, read in zip(stage, reads):
            last = block.linear_conv
            convs = [_Place(last, 'conv')]
            if isinstance(read, ReadThroughDepthwise):
                convs.append(_Place(read, 'project'))
            yield _Place(last, last.norm_name), *convs
    if module.has_head:
        head = module.conv2
        yield _Place(head, head.norm_name), _Place(head, 'conv'), _Place(module.rla.head, '2')


@_junctions.register
def _(module: ReadThroughDepthwise):
    yield _Place(module, 'norm'), _Place(module, 'conv')


@_junctions.register
def _(module: InvertedRecurrentAggregation):
    for norms in module.norms:
        for name in norms._modules:
            yield (_Place(norms, name),)
    if module.head is not None:
        yield (_Place(module.head, '0'),)


@_junctions.register
def _(module: KeyCorrelatedLayerAttention):
    yield (_Place(module, 'norm'),)
    if module.state_norm is not None:
        yield _Place(module, 'state_norm'), *([] if module.state_conv is None else [_Place(module, 'state_conv')])


@_junctions.register(dla.BasicBlock)
@_junctions.register(dla.Bottleneck)
@_junctions.register(dla.Root)
def _(module):
    for i in ('', 1, 2, 3):
        if hasattr(module, f'bn{i}'):
            yield _Place(module, f'bn{i}'), _Place(module, f'conv{i}')


@_junctions.register
def _(module: WeightNetShuffleBlock):
    for i in ('1', '2', '3', '_proj_1', '_proj_2'):
        if hasattr(module, f'bn{i}'):
            yield _Place(module, f'bn{i}'), _Place(module, f'wnet{i}')


@_junctions.register(DGConv2d)
@_junctions.register(LayerAttention)
def _(module):
    yield (_Place(module, 'norm'),)


@_junctions.register
def _(module: SpatialGate):
    if hasattr(module, 'mixed_norm'):
        yield (_Place(module, 'mixed_norm'),)


@_junctions.register
def _(module: RecurrentAggregation):
    for name in module.norms._modules:
        yield (_Place(module.norms, name),)
