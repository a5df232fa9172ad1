r"""RLA's step with one convolution in place of two: the next block's first, and the projection to the hidden state.

Both read the block's output x', so the update of the state waits for the next block: a pending state is x' and the
state before it. With frozen norms, ``norm(z) = s z + b``, the joint convolution ends with both of them,

.. math::

    \mathrm{norm}(W x' + W_h h) = \mathrm{norm}(W x') + (s W_h) h, \qquad
    \mathrm{norm}(h + O x') = \mathrm{norm}(O x') + s h

The state after the last block is never computed.
"""
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..adapters.loop import recurrent_step
from ..adapters.resnet import BlockAdapter
from ..layers import RecurrentAggregation
from ..layers.forms import Form, carries_hooks
from .frozen_norm import is_plain, joined_weight, map_is_larger

__all__ = ['JointConvs', 'are_joinable', 'joint_step']

form = Form('joint_projection')
Place = tuple[RecurrentAggregation, int]  # a block's recurrence, and the block's number in the stage


class Pending(NamedTuple):
    """A hidden state that is yet to be updated, by the output ``out`` of the block at ``place``."""
    out: Tensor
    hidden: Tensor | None
    place: Place


@form.replaces(recurrent_step)
def step(adapter: BlockAdapter, block: nn.Module, place: Place, x: Tensor, state: Pending | Tensor | None) -> tuple:
    recurrence, index = place
    if x.device.type not in form.devices and not isinstance(state, Pending):  # else it was switched off on the way
        return NotImplemented
    if state is None:
        return joint_step(adapter, block, place, x, None)
    if isinstance(state, Pending):
        before, j = state.place
        if state.out is x:  # no hook has put another map in its place
            return joint_step(adapter, block, place, x, state)
        state = before.update(j, state.out, state.hidden)
    ran = adapter.run(block, x, recurrence.read(index, state))
    return ran.out, Pending(ran.out, state, place)


def joint_step(adapter: BlockAdapter, block: nn.Module, place: Place, x: Tensor, state: Pending | None) -> tuple:
    """The step where the block before it left its update pending, or where there is no state yet."""
    if state is None:
        out = adapter.run(block, x).out
        return out, Pending(out, None, place)
    (recurrence, index), (before, j) = place, state.place
    conv, norm, read, project = block.conv1, block.norm1, recurrence.reads[index], before.project
    scale = projected_scale = None
    if isinstance(conv, JointConvs):
        (first, scale), (projected, projected_scale) = conv(x)
    elif are_joinable(conv, project) and not carries_hooks(conv, norm, read, project, before.norms[j]):
        (first, scale), (projected, projected_scale) = convs_of_one_map(x, (conv, norm), (project, before.norms[j]))
    else:
        first, projected = conv(x), project(x)
    hidden = updated(before, j, state.hidden, projected, projected_scale)
    if scale is None:
        first = norm(first + read(hidden))
    elif is_plain(read):
        first = F.conv2d(hidden, scale.view(-1, 1, 1, 1) * read.weight, None, read.stride).add_(first)
    else:
        first = torch.addcmul(first, scale[:, None, None], read(hidden))
    out = adapter.finish(block, x, first).out
    return out, Pending(out, hidden, place)


def updated(recurrence: RecurrentAggregation, index: int, hidden: Tensor | None, projected: Tensor,
            scale: Tensor | None) -> Tensor:
    """Return the state after a block; ``projected`` is ``O x'`` or, with the scale of a frozen norm, ``norm(O x')``."""
    if hidden is not None:
        pooled = recurrence.pools[index](hidden)
        projected = projected + pooled if scale is None else projected.addcmul(scale[:, None, None], pooled)
    if scale is None:
        projected = recurrence.norms[index](projected)
    # Without a state it may be a part of a larger map, which autograd does not let change in place.
    own = hidden is not None and scale is not None
    return recurrence.recur(projected.tanh_() if own else torch.tanh(projected))


def are_joinable(*convs: nn.Module) -> bool:
    """Whether convolutions of one map can be one: plain 1x1 ones that read every pixel."""
    for conv in convs:
        if type(conv) is not nn.Conv2d or conv.kernel_size != (1, 1) or conv.stride != (1, 1) or conv.groups != 1:
            return False
    return True


def convs_of_one_map(x: Tensor, *layers: tuple[nn.Module, nn.Module]) -> tuple[tuple[Tensor, Tensor | None], ...]:
    """Return, by one convolution, what ``conv(x)`` of each ``(conv, norm)`` contributes to the sum that ``norm`` reads.

    That is ``(conv(x), None)`` before the norm or, where a frozen norm joins the convolution,
    ``(norm(conv(x)), s)`` after it, s being the norm's scale: ``norm(conv(x) + z) = norm(conv(x)) + s z``. Together
    they read ``x``, and add to its gradient, once.
    """
    convs, _ = zip(*layers)
    weight, bias, scales = joint_weights(*layers, with_norms=map_is_larger(convs[0], x))  # the same for all of them
    return tuple(zip(F.conv2d(x, weight, bias).split([conv.out_channels for conv in convs], 1), scales))


def joint_weights(*layers: tuple[nn.Module, nn.Module],
                  with_norms: bool) -> tuple[Tensor, Tensor | None, list[Tensor | None]]:
    """Return weight and bias of all convolutions in one, and the scale of each ``(conv, norm)`` whose norm is in it."""
    weights, biases, scales = [], [], []
    for conv, norm in layers:
        weight, bias, scale = joined_weight(conv, norm) if with_norms else (conv.weight, conv.bias, None)
        weights.append(weight)
        biases.append(bias)
        scales.append(scale)
    if biases == [None] * len(biases):
        return torch.cat(weights), None, scales
    biases = [weight.new_zeros(len(weight)) if bias is None else bias for weight, bias in zip(weights, biases)]
    return torch.cat(weights), torch.cat(biases), scales


class JointConvs(nn.Module):
    """:func:`convs_of_one_map` for inference: the weights, frozen norms included, are joined once."""

    def __init__(self, *layers: tuple[nn.Module, nn.Module]) -> None:
        super().__init__()
        weight, bias, scales = joint_weights(*layers, with_norms=True)
        self.widths = [conv.out_channels for conv, _ in layers]
        self.conv = nn.Conv2d(weight.shape[1], weight.shape[0], 1, bias=bias is not None)
        self.conv.weight, self.conv.bias = (None if value is None else nn.Parameter(value) for value in (weight, bias))
        for i, scale in enumerate(scales):
            self.register_parameter(f'scale{i}', None if scale is None else nn.Parameter(scale))

    def forward(self, x: Tensor) -> tuple[tuple[Tensor, Tensor | None], ...]:
        outs = self.conv(x).split(self.widths, 1)
        return tuple((out, getattr(self, f'scale{i}')) for i, out in enumerate(outs))
