"""Each layer aggregation as it is put between the blocks of any network: what it builds, and its step at a block."""
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..choices import check_rate
from ..layers import (
    BaseLayerAttention,
    BaseTokenAttention,
    DynamicLayerAttention,
    KeyCorrelatedLayerAttention,
    LightLayerAttention,
    LightTokenAttention,
    RecurrentAggregation,
)
from ..layers.pooling import adaptive_average
from .loop import base_step, dynamic_step, key_correlated_step, light_step, recurrent_step
from .stages import Stage

__all__ = ['METHODS', 'Method']


class Method(NamedTuple):
    """A layer aggregation for networks whose blocks are known by their ports.

    Attributes:
        build: from the stages of a network (:class:`~layeragg_mm.adapters.Stage`) and options to a module for each: a
            ModuleList of one for each block, or one that all its blocks share.
        step: what is done at each block, as in :mod:`~layeragg_mm.adapters.loop`; its ``aggregation`` is the block's
            own or, of a module that the blocks share, that and the block's number.
        token_step: the same where blocks pass tokens; None where there is no such form.
        restarts: whether each stage starts without a state.
        of_residuals: whether it is for blocks with a shortcut only.
        of_states: whether a state passes from block to block.
    """
    build: Callable[..., list[nn.Module]]
    step: Callable
    token_step: Callable | None = None
    restarts: bool = True
    of_residuals: bool = True
    of_states: bool = True


def token_light_step(adapter, block: nn.Module, attention: LightTokenAttention, x: Tensor, state: None):
    ran = adapter.run(block, x)
    return attention(ran.out, ran.shortcut, adapter.size), state


def token_base_step(adapter, block: nn.Module, attention: BaseTokenAttention, x: Tensor, state: tuple | None):
    return attention(adapter.run(block, x).out, state or (), adapter.size)


def pooled_recurrent_step(adapter, block: nn.Module, aggregation: tuple[RecurrentAggregation, int], x: Tensor,
                          state: Tensor | None):
    """RLA, where a network may stride between blocks: the state is pooled to what the block reads."""
    return recurrent_step.literal(adapter, block, aggregation, x, pooled(state, x))


def pooled_key_correlated_step(adapter, block: nn.Module, attention: KeyCorrelatedLayerAttention, x: Tensor,
                               state: tuple | None):
    """KCLA, where a network may stride between blocks: the state's map is pooled to what the block reads."""
    if state is not None:
        state = pooled(state[0], x), state[1]
    return key_correlated_step(adapter, block, attention, x, state)


def pooled(state: Tensor | None, x: Tensor) -> Tensor | None:
    return state if state is None or state.shape[2:] == x.shape[2:] else adaptive_average(state, x.shape[2:])


def heads(stage: Stage, most: int, channels_per_head: int | None) -> dict:
    """Return the arguments of a stage's attention: the largest divisor of its channels up to ``most`` for a head."""
    channels = stage.ports[0].channels
    divisor = max(i for i in range(1, most + 1) if channels % i == 0)
    return dict(channels=channels, norm=stage.norm,
                channels_per_head=divisor if channels_per_head is None else channels_per_head)


def rising(stages: Sequence[Stage], rate: float) -> list[list[float]]:
    """Return drop path rates that rise linearly from 0 at the first block to ``rate`` at the last.

    Raises:
        ValueError: it is none.
    """
    check_rate('drop_path_rate', rate)
    counts = [len(stage.blocks) for stage in stages]
    return [list(row) for row in torch.linspace(0, rate, sum(counts), device='cpu').split(counts)] if rate else [
        [0.] * count for count in counts]


def attentions(on_maps: type[nn.Module], on_tokens: type[nn.Module], most: int, stages: Sequence[Stage], *,
               channels_per_head: int | None = None, drop_path_rate: float = 0., **options) -> list[nn.ModuleList]:
    """Build MRLA for each block: heads of 16 channels on tokens, up to ``most`` on maps, or ``channels_per_head``.

    Raises:
        ValueError: ``drop_path_rate`` for tokens, whose forms have none.
    """
    if drop_path_rate and any(stage.on_tokens for stage in stages):
        raise ValueError(f'drop_path_rate={drop_path_rate} is not available for tokens; allowed: 0')
    modules = []
    for stage, rates in zip(stages, rising(stages, drop_path_rate)):
        common = dict(heads(stage, 16 if stage.on_tokens else most, channels_per_head), **options)
        modules.append(nn.ModuleList(on_tokens(**common) if stage.on_tokens else
                                     on_maps(drop_path_rate=float(rate), **common) for rate in rates))
    return modules


def dynamic_attentions(stages: Sequence[Stage], *, channels_per_head: int | None = None, drop_path_rate: float = 0.,
                       **options) -> list[nn.Module]:
    return [DynamicLayerAttention(num_blocks=len(rates), drop_path_rates=[float(rate) for rate in rates],
                                  **heads(stage, 32, channels_per_head), **options)
            for stage, rates in zip(stages, rising(stages, drop_path_rate))]


def key_correlated_attentions(stages: Sequence[Stage], *, channels_per_head: int | None = None,
                              **options) -> list[nn.ModuleList]:
    """Build KCLA for each block; the state is expressed anew where a stage takes it over and, as published, at block
    11."""
    modules, before = [], None
    for stage in stages:
        common = dict(heads(stage, 64, channels_per_head), **options)
        channels = common['channels']
        anew = {11: (channels, 1)}
        if stage.continues and before is not None:
            anew[0] = before, stage.ports[0].stride
        modules.append(nn.ModuleList(
            KeyCorrelatedLayerAttention(state_from=anew.get(i), **common) for i in range(len(stage.blocks))))
        before = channels
    return modules


def recurrences(stages: Sequence[Stage], *, hidden_channels: int = 32, **options) -> list[RecurrentAggregation]:
    """Build a recurrence for each stage.

    Raises:
        TypeError: a block has no place to read the state.
    """
    for stage in stages:
        for block, ports in zip(stage.blocks, stage.ports):
            if ports.first is None:
                raise TypeError(f'RecurrentAggregation has no place in {type(block).__name__}, which has no '
                                'convolution to add the state to; LightLayerAttention and its kind need none')
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
        partial(attentions, LightLayerAttention, LightTokenAttention, 32), light_step, token_light_step,
        of_states=False),
    BaseLayerAttention: Method(
        partial(attentions, BaseLayerAttention, BaseTokenAttention, 16), base_step, token_base_step),
    RecurrentAggregation: Method(recurrences, pooled_recurrent_step, restarts=False, of_residuals=False),
    DynamicLayerAttention: Method(dynamic_attentions, dynamic_step),
    KeyCorrelatedLayerAttention: Method(key_correlated_attentions, pooled_key_correlated_step, restarts=False),
}
