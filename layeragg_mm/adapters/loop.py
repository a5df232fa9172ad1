"""The loop over the blocks of a network, between which an aggregation's state passes.

For each block, in order::

    x, state = step(adapter, block, aggregation, x, state)

A step is one of the functions below: it runs the block as its adapter says, and lets the aggregation read and update
the state. Nothing is hidden in modules: what a block knows of earlier ones is ``state``.
"""
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from threading import RLock

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from ..layers import (
    BaseLayerAttention,
    DynamicLayerAttention,
    InvertedRecurrentAggregation,
    KeyCorrelatedLayerAttention,
    LightLayerAttention,
    RecurrentAggregation,
)
from ..layers.forms import carries_hooks, replaceable
from .connected import Connected, connected_step
from .resnet import ADAPTERS, BlockAdapter, adapter_of

__all__ = [
    'AggregatingMixin', 'base_step', 'dynamic_step', 'inverted_recurrent_step', 'key_correlated_step', 'light_step',
    'plain_step', 'recurrent_step'
]


def plain_step(adapter: BlockAdapter, block: nn.Module, aggregation: None, x: Tensor, state: None):
    """No aggregation: what passes between blocks is x alone."""
    return adapter.run(block, x).out, state


def light_step(adapter: BlockAdapter, block: nn.Module, attention: LightLayerAttention | None, x: Tensor, state: None):
    """MRLA-light: what a layer knows of the earlier ones, it has from its block's shortcut; None has no attention."""
    ran = adapter.run(block, x)
    return ran.out if attention is None else attention(ran.out, ran.shortcut), state


def base_step(adapter: BlockAdapter, block: nn.Module, attention: BaseLayerAttention, x: Tensor, state: tuple | None):
    """MRLA-base: the state is the history, keys and values of the blocks before in the stage."""
    ran = adapter.run(block, x)
    return attention(ran.out, state or ())


def dynamic_step(adapter: BlockAdapter, block: nn.Module, aggregation: tuple[DynamicLayerAttention, int], x: Tensor,
                 state: tuple | None):
    """Dynamic layer attention: the state is that of the stage's gated cell."""
    attention, index = aggregation
    ran = adapter.run(block, x)
    return attention(index, ran.out, ran.shortcut, state)


def key_correlated_step(adapter: BlockAdapter, block: nn.Module, attention: KeyCorrelatedLayerAttention, x: Tensor,
                        state: tuple | None):
    """KCLA: the state is the weighted sum of all blocks' outputs so far, and of their weights."""
    return attention(adapter.run(block, x).out, state)


@replaceable
def recurrent_step(adapter: BlockAdapter, block: nn.Module, aggregation: tuple[RecurrentAggregation, int], x: Tensor,
                   state: Tensor | None):
    """RLA: the block reads the hidden state, and its output updates it."""
    recurrence, index = aggregation
    ran = adapter.run(block, x, recurrence.read(index, state))
    return ran.out, recurrence.update(index, ran.out, state)


def inverted_recurrent_step(adapter: BlockAdapter, block: nn.Module,
                            aggregation: tuple[InvertedRecurrentAggregation, tuple[int, int]], x: Tensor,
                            state: Tensor | None):
    """RLA among inverted residuals: the block reads the hidden state, and its branch updates it."""
    recurrence, place = aggregation
    ran = adapter.run(block, x, recurrence.read(place, state))
    return ran.out, recurrence.update(place, ran.branch, state)


CALLING = RLock()  # a module has one forward, whoever calls it


class AggregatingMixin:
    """A network whose forward is the loop.

    Attributes:
        trunk: where its stem and stages are (:class:`~layeragg_mm.adapters.ResNetTrunk`).
        step: what is done at each block, one of the functions above.
        aggregation_of_blocks: name under which each block holds its aggregation, ...
        aggregation_of_stages: ... or under which the network holds a list of one for each stage; neither where there is
            none.
        state_of_stages: whether each stage starts without a state.
        connected: whether each block holds a connected attention too (:mod:`layeragg_mm.adapters.connected`), whose
            state passes through all stages.
    """

    aggregation_of_blocks: str | None = None
    aggregation_of_stages: str | None = None
    state_of_stages = False
    connected = False

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return the maps of ``out_indices`` for images (N, 3, H, W)."""
        x, state, outs = self.trunk.stem(self, x), None, []
        for s, stage in enumerate(self.trunk.stages(self)[:max(self.out_indices) + 1]):
            if self.aggregation_of_blocks is not None:
                aggregations = [getattr(block, self.aggregation_of_blocks, None) for block in stage]
            elif self.aggregation_of_stages is not None:
                aggregations = [(getattr(self, self.aggregation_of_stages)[s], i) for i in range(len(stage))]
            else:
                aggregations = [None] * len(stage)
            x, state = self._run(stage, aggregations, x, self._entering(state))
            outs.append(x)
        return tuple([outs[i] for i in self.out_indices])

    def _entering(self, state):
        """Return the state with which a stage starts, for the one after the stage before."""
        if not self.state_of_stages or state is None:
            return state
        return Connected(None, state.attention) if self.connected else None

    def _run(self, stage: nn.Sequential, aggregations: list, x: Tensor, state) -> tuple:
        """Run the blocks of a stage as MMDetection does: stage and blocks are called, their hooks included."""
        loop = partial(self._loop, stage, aggregations)
        return _call(stage, loop, x, state) if carries_hooks(stage) else loop(x, state)

    def _loop(self, stage: nn.Sequential, aggregations: list, x: Tensor, state) -> tuple:
        for block, aggregation in zip(stage, aggregations):
            step = partial(connected_step, self.step) if self.connected else self.step
            adapter = ADAPTERS.get(type(block))
            if adapter is None or 'forward' in block.__dict__:
                adapter = adapter_of(block)
            step = partial(step, adapter, block, aggregation)
            if block.with_cp and x.requires_grad:
                step = partial(checkpoint, step, use_reentrant=False)
            x, state = _call(block, step, x, state) if carries_hooks(block) else step(x, state)
        return x, state


def _call(module: nn.Module, compute: Callable, x: Tensor, state) -> tuple:
    """Return ``compute(x, state)``, a map and a state, as the call ``module(x)``: hooks see and may change the maps."""
    after = []

    def forward(x):
        out, state_after = compute(x, state)
        after.append(state_after)
        return out

    forward.opens = True
    with nullcontext() if torch.compiler.is_compiling() else CALLING:
        module.forward = forward
        try:
            return module(x), after[0]
        finally:
            del module.forward
