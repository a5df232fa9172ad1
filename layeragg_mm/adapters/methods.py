"""Each layer aggregation as it is put between the blocks of any network: what it builds, and its step at a block."""
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d

from ..layers import (
    BaseLayerAttention,
    BaseTokenAttention,
    LightLayerAttention,
    LightTokenAttention,
    RecurrentAggregation,
)
from .loop import base_step, light_step, recurrent_step
from .ports import Ports
from .stages import Stage

__all__ = ['METHODS', 'Method']


class Method(NamedTuple):
    """A layer aggregation for networks whose blocks are known by their ports.

    Attributes:
        build: from the stages of a network (:class:`~layeragg_mm.adapters.stages.Stage`) and options to a module for
            each: a ModuleList of one for each block (Identity where there is none), or one that all its blocks share.
        step: what is done at each block, as in :mod:`~layeragg_mm.adapters.loop`; its ``aggregation`` is the block's
            own or, of a module that the blocks share, that and the block's number.
        token_step: the same where blocks pass tokens; None where there is no such form.
        restarts: whether each stage starts without a state.
    """
    build: Callable[..., list[nn.Module]]
    step: Callable
    token_step: Callable | None
    restarts: bool


def token_light_step(adapter, block: nn.Module, attention: LightTokenAttention, x: Tensor, state: None):
    ran = adapter.run(block, x)
    return attention(ran.out, ran.shortcut, adapter.size), state


def token_base_step(adapter, block: nn.Module, attention: BaseTokenAttention, x: Tensor, state: tuple | None):
    return attention(adapter.run(block, x).out, state or (), adapter.size)


def pooled_recurrent_step(adapter, block: nn.Module, aggregation: tuple[RecurrentAggregation, int], x: Tensor,
                          state: Tensor | None):
    """RLA, where the network strides between blocks too: the state is pooled to what the block reads."""
    if state is not None and state.shape[2:] != x.shape[2:]:
        state = adaptive_avg_pool2d(state, x.shape[2:])
    return recurrent_step.literal(adapter, block, aggregation, x, state)


def attentions(on_maps: type[nn.Module], on_tokens: type[nn.Module], most: int, stages: Sequence[Stage], *,
               channels_per_head: int | None = None, drop_path_rate: float = 0., **options) -> list[nn.ModuleList]:
    """Build layer attention for each block that has a shortcut.

    Args:
        on_maps: the form for maps.
        on_tokens: the form for tokens with layer norm.
        most: of a block's channels, a head has the largest divisor that is at most this, or 16 on tokens.
        stages: of the network.
        channels_per_head: in place of that.
        drop_path_rate: of the last block's attention; rises linearly from 0 at the first one's. The forms for tokens
            have none.
        options: of the form.
    """
    count = sum(ports.shortcut is not None for stage in stages for ports in stage.ports)
    if not count:
        raise TypeError('layer attention has no place here: no block has a shortcut; RecurrentAggregation needs none')
    if drop_path_rate and any(stage.on_tokens for stage in stages):
        raise ValueError(f'drop_path_rate={drop_path_rate} is not available for tokens; allowed: 0')
    rates = iter(torch.linspace(0, drop_path_rate, count, device='cpu').tolist())

    def attention(stage: Stage, ports: Ports) -> nn.Module:
        if ports.shortcut is None:
            return nn.Identity()
        per_head = channels_per_head or divisor(ports.channels, 16 if stage.on_tokens else most)
        common = dict(channels_per_head=per_head, norm=stage.norm, **options)
        if stage.on_tokens:
            return on_tokens(ports.channels, **common)
        return on_maps(ports.channels, drop_path_rate=next(rates), **common)

    return [nn.ModuleList(attention(stage, ports) for ports in stage.ports) for stage in stages]


def divisor(number: int, most: int) -> int:
    """Return the largest divisor of ``number`` that is at most ``most``."""
    return max(i for i in range(1, most + 1) if number % i == 0)


def recurrences(stages: Sequence[Stage], *, hidden_channels: int = 32, **options) -> list[RecurrentAggregation]:
    """Build a recurrence for each stage.

    Args:
        stages: of the network.
        hidden_channels: channels of the state.
        options: of :class:`~layeragg_mm.layers.RecurrentAggregation`.

    Raises:
        TypeError: a block has no place to read the state.
    """
    for stage in stages:
        for block, ports in zip(stage.blocks, stage.ports):
            if ports.first is None:
                raise TypeError(f'RecurrentAggregation has no place in {type(block).__name__}, which has no '
                                'convolution to add the state to; LightLayerAttention and BaseLayerAttention have one')
    handed_on = [stage.continues for stage in stages[1:]] + [False]
    return [
        RecurrentAggregation(
            stage.ports[0].channels,
            hidden_channels,
            widths=[ports.first.out_channels for ports in stage.ports],
            strides=[(ports.first.stride[0], ports.stride) for ports in stage.ports],
            reads_first=stage.continues,
            updates_last=updates_last,
            norm=stage.norm,
            **options) for stage, updates_last in zip(stages, handed_on)
    ]


METHODS = {
    LightLayerAttention: Method(
        partial(attentions, LightLayerAttention, LightTokenAttention, 32), light_step, token_light_step, restarts=True),
    BaseLayerAttention: Method(
        partial(attentions, BaseLayerAttention, BaseTokenAttention, 16), base_step, token_base_step, restarts=True),
    RecurrentAggregation: Method(recurrences, pooled_recurrent_step, None, restarts=False),
}
