"""Layer aggregation between the blocks of any network, which goes on running its own forward.

A network gets one more child, ``aggregation``, and its class one more base (:class:`Aggregating`); its parameters keep
their names. Each block calls, in place of its forward, a :class:`Junction`, which runs that forward and the
aggregation's step on what comes out. The state is handed from block to block by a :class:`Handover`, while the
network's forward runs and no longer.
"""
import inspect
from collections.abc import Callable
from contextlib import nullcontext
from functools import cache, cached_property, partial
from threading import RLock
from typing import NamedTuple

import torch
from mmengine.logging import print_log
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from ..checkpoints import CheckpointError, ReleasedCheckpointMixin, plain_checkpoints
from ..checkpoints.loading import part_of, some
from ..layers.mrla_tokens import as_map
from .loop import AggregatingMixin
from .methods import METHODS, Method
from .outputs import look_at_outputs
from .ports import Ports
from .resnet import Ran
from .stages import stages_of, with_shortcuts

__all__ = ['Aggregating', 'attach', 'method_of']


class Handover:
    """What passes between the blocks of a network while its forward runs.

    Attributes:
        state: the aggregation's, after the last block; None before the first one.
        size: (H, W) of the tokens, where the blocks are not told.
        running: whether a forward runs. A block that is called by itself knows of no earlier ones.
        lock: held while it does, since there is one state, whichever thread calls the network.
    """

    def __init__(self) -> None:
        self.lock = RLock()
        self.clear()

    def __reduce__(self) -> tuple:
        return Handover, ()

    def clear(self, running: bool = False) -> None:
        self.state = self.size = None
        self.running = running

    def keep_size(self, layer: nn.Module, inputs: tuple, outputs: tuple[Tensor, tuple[int, int]]) -> None:
        self.size = outputs[1]


class Junction:
    """The forward of a block with its aggregation: ``x, state <- step(block's own forward, aggregation, x, state)``.

    Steps take it for the block's adapter (:class:`~layeragg_mm.adapters.BlockAdapter`).

    Args:
        block: the block.
        ports: where the aggregation meets it.
        aggregation: the block's own, or the stage's and the block's number there.
        step: of the aggregation.
        on_tokens: whether that takes tokens; if not, tokens come to it as maps.
        starts: whether the block starts without a state.
        takes_state: whether it takes one from the block before, within a forward of the network.
        handover: the network's.
        with_cp: whether to compute the whole step once more in the backward pass, in place of the block alone.
    """

    def __init__(self, block: nn.Module, ports: Ports, aggregation: nn.Module | tuple[nn.Module, int], step: Callable,
                 *, on_tokens: bool, starts: bool, takes_state: bool, handover: Handover, with_cp: bool) -> None:
        self.block, self.aggregation, self.step = block, aggregation, step
        self.starts, self.takes_state, self.handover = starts, takes_state, handover
        self.size_of, self.on_tokens, self.with_cp = ports.size, on_tokens, with_cp
        self.channels = ports.channels
        self.shortcut_of, self.first = ports.shortcut, ports.first
        self.shortcut = self.added = None
        self.runs = False
        self.own_forward = block.__dict__.get('forward')  # one that somebody put in place of the class's
        self.name = list(inspect.signature(type(block).forward).parameters)[1]  # of x
        if isinstance(ports.shortcut, nn.Module):
            self.shortcut_of = None
            ports.shortcut.register_forward_hook(self.keep_shortcut)
        if ports.first is not None and isinstance(aggregation, tuple):
            ports.first.register_forward_hook(self.add_read)
        block.forward = self

    def __call__(self, *args, **kwargs) -> Tensor:
        x, *args = args or [kwargs.pop(self.name)]
        handover = self.handover
        if not handover.running and self.takes_state and torch._C._current_graph_task_id() != -1:
            raise RuntimeError(f'{type(self.block).__name__} was called in the backward pass, as a checkpoint '
                               'does, where the state that earlier blocks handed to it is gone; give the blocks '
                               'with_cp=True before you attach an aggregation, or checkpoint the whole network')
        size = handover.size if isinstance(self.size_of, str) else self.size_of and self.size_of(x, *args, **kwargs)
        compute = partial(self.compute, args, kwargs, size)
        if self.with_cp and x.requires_grad:
            compute = partial(checkpoint, compute, use_reentrant=False)
        out, state = compute(x, None if self.starts or not handover.running else handover.state)
        if handover.running:
            handover.state = state
        return out

    def compute(self, args: list, kwargs: dict, size: tuple[int, int] | None, x: Tensor, state) -> tuple:
        call = Call(self, x, args, kwargs, size)
        if size is None or self.on_tokens:
            return self.step(call, self.block, self.aggregation, x, state)
        out, state = self.step(call, self.block, self.aggregation, as_map(x, size), state)
        return out.flatten(2).transpose(1, 2), state

    def keep_shortcut(self, layer: nn.Module, inputs: tuple, output: Tensor) -> None:
        if self.runs:  # else it would stay
            self.shortcut = output

    def add_read(self, layer: nn.Module, inputs: tuple, output: Tensor) -> Tensor:
        return output if self.added is None else output + self.added


class Call(NamedTuple):
    """One call of a block, as a step sees it."""
    junction: Junction
    x: Tensor
    args: list
    kwargs: dict
    size: tuple[int, int] | None

    def run(self, block: nn.Module, x: Tensor, read: Tensor | None = None) -> Ran:
        """Return what the block's own forward gives, ``read`` being added to the result of its first convolution."""
        junction = self.junction
        forward = junction.own_forward or partial(type(block).forward, block)
        junction.added, junction.runs = read, True
        try:
            out = forward(self.x, *self.args, **self.kwargs)
            if isinstance(out, (tuple, list, dict)):
                raise TypeError(f'{type(block).__name__} returns a {type(out).__name__}; an aggregation is for blocks '
                                'that return one map, or tokens, alone')
            channels = out.shape[1 if self.size is None else -1]
            if channels != junction.channels:
                raise ValueError(f'{type(block).__name__} gives {channels} channels, and its Ports say '
                                 f'{junction.channels}; correct what layeragg_mm.adapters.register was told of it')
            shortcut = (junction.shortcut if junction.shortcut_of is None
                        else junction.shortcut_of(self.x, *self.args, **self.kwargs))
        finally:
            junction.added = junction.shortcut = None
            junction.runs = False
        if self.size is None or junction.on_tokens:
            return Ran(out, shortcut)
        return Ran(as_map(out, self.size), as_map(shortcut, self.size))


class Aggregating:
    """What a network's class gets besides: its forward is as before, and the blocks' states pass while it runs.

    Attributes:
        aggregation: a module for each stage; its parameters are all that is added to the network's.
        blocks_of_stages: the blocks, by stage.
        handover: what passes between them.
    """

    def forward(self, *args, **kwargs):
        with nullcontext() if torch.compiler.is_compiling() else self.handover.lock:
            self.handover.clear(running=True)
            try:
                return super().forward(*args, **kwargs)
            finally:
                self.handover.clear()

    @cached_property
    def _outputs(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        return look_at_outputs(self)

    @cached_property  # which what the network itself keeps under this name comes before
    def out_channels(self) -> tuple[int, ...]:
        """Channels of each output."""
        return super().out_channels if hasattr(super(), 'out_channels') else self._outputs[0]

    @cached_property
    def out_strides(self) -> tuple[int, ...]:
        """Stride of each output: input pixels per step."""
        return super().out_strides if hasattr(super(), 'out_strides') else self._outputs[1]

    def train(self, mode: bool = True) -> nn.Module:
        """Set training mode; of a block that the network itself keeps in evaluation mode, the aggregation is frozen."""
        super().train(mode)
        if mode:
            self._freeze_aggregation()
        return self

    def _freeze_aggregation(self) -> None:
        for module, stage in zip(self.aggregation, self.blocks_of_stages):
            parts = zip(module, stage) if isinstance(module, nn.ModuleList) else [(module, *stage)]
            for part, *blocks in parts:
                if not any(block.training for block in blocks):
                    part.eval().requires_grad_(False)

    def init_weights(self, *args, **kwargs) -> None:
        """Initialise as before, then the aggregation, unless weights were loaded; a network without this stays."""
        if not hasattr(super(), 'init_weights'):
            return
        done = getattr(self, '_is_init', False)
        with plain_checkpoints():
            super().init_weights(*args, **kwargs)
        init_cfg = getattr(self, 'init_cfg', None)
        settings = init_cfg if isinstance(init_cfg, (list, tuple)) else [init_cfg or {}]
        if not done and not any('checkpoint' in setting for setting in settings):
            for module in self.aggregation.modules():
                if hasattr(module, 'init_weights'):
                    module.init_weights()

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *args) -> None:
        if not isinstance(self, ReleasedCheckpointMixin):  # which looks itself
            self._fit(state_dict, prefix)
        super()._load_from_state_dict(state_dict, prefix, *args)

    def _fit(self, state_dict: dict, prefix: str) -> None:
        """Put a new aggregation's values into the state of a plain network, or of a whole model that has one.

        Raises:
            CheckpointError: the state has nothing of this network, or another aggregation.
        """
        if not prefix:
            part = part_of(state_dict, ReleasedCheckpointMixin.prefixes)
            if part is not state_dict:
                state_dict.clear()
                state_dict.update(part)
        own = self.state_dict()
        held = {key.removeprefix(prefix): value for key, value in state_dict.items() if key.startswith(prefix)}
        if not prefix and not own.keys() & held.keys():
            raise CheckpointError(f'the checkpoint has no weight of {type(self).__name__}; it has {some(held)}',
                                  'Give a checkpoint of this backbone, plain or with its aggregation.')
        new, other = ({key: value for key, value in state.items() if key.startswith('aggregation.')}
                      for state in (own, held))
        if other:
            shapes, others = ({key: value.shape for key, value in state.items()} for state in (new, other))
            unfit = sorted(key for key in shapes | others if shapes.get(key) != others.get(key))
            if unfit:
                raise CheckpointError(f'the checkpoint has another aggregation than {type(self).__name__}; '
                                      f'missing, unexpected or of another shape: {some(unfit)}',
                                      'Name the aggregation that was trained, with its options, in the config.')
            return
        absent = [key for key in own if key not in held | new and not key.endswith('num_batches_tracked')]
        print_log(f'{type(self).__name__}: not in the checkpoint, so starting from initial values: '
                  + some([f'aggregation ({len(new)} tensors)', *absent]), logger='current')
        # mmengine would tell once more, key by key, what it does not find.
        state_dict.update({prefix + key: value for key, value in new.items()})

    def _replicate_for_data_parallel(self) -> nn.Module:
        # torch copies attributes but not junctions: its replicas would run the blocks of the original.
        raise RuntimeError(f'{type(self).__name__} cannot be copied to several GPUs for each batch, as '
                           'nn.DataParallel does; take DistributedDataParallel')

    def __reduce__(self) -> tuple:
        return _blank, (type(self).__mro__[2],), self.__dict__


@cache
def aggregating(kind: type) -> type:
    """Return the class of networks of class ``kind`` with an aggregation."""
    return type(f'Aggregating{kind.__name__}', (Aggregating, kind), dict(__module__=__name__, __doc__=kind.__doc__))


def _blank(kind: type) -> nn.Module:
    """Return a network for :mod:`pickle` and :mod:`copy` to fill."""
    return aggregating(kind).__new__(aggregating(kind))


def method_of(aggregation: type | str) -> Method:
    """Return how an aggregation, given by its class or by that's name, is put into a network.

    Raises:
        ValueError: there is no such one; the message lists those that there are.
    """
    for kind, method in METHODS.items():
        if aggregation in (kind, kind.__name__):
            return method
    raise ValueError(f'aggregation={aggregation!r} is not available; allowed: '
                     f'{", ".join(kind.__name__ for kind in METHODS)}')


def attach(network: nn.Module, aggregation: type[nn.Module] | str, **options) -> nn.Module:
    """Put a layer aggregation between the blocks of a network, which is changed in place and returned.

    The network computes what it did before, until the aggregation has learned: its new weights start so that nothing is
    added (``zero_init=False``: as published). Everything else of it stays: its forward, its arguments, its parameters'
    names. What is new lies under ``aggregation``, a module for each stage, on the device and of the type of its blocks.

    Args:
        network: a backbone whose blocks are of known kinds (:func:`~layeragg_mm.adapters.register`).
        aggregation: ``LightLayerAttention``, ``BaseLayerAttention``, ``DynamicLayerAttention``,
            ``KeyCorrelatedLayerAttention`` or ``RecurrentAggregation``, or the name.
        options: of the aggregation: ``zero_init``; of layer attention ``channels_per_head`` and ``drop_path_rate``, of
            the last block, to which it rises from 0 at the first (of KCLA: of all); of ``DynamicLayerAttention``
            ``reduction``; of ``RecurrentAggregation`` ``hidden_channels``.

    Raises:
        TypeError: the network has no place for it; the message tells what has.
        ValueError: there is no such aggregation, the network has one, or an option's value is not available.
    """
    if not isinstance(network, nn.Module):
        raise TypeError(f'attach needs a network, and got {network!r}; build it first, or in a config write '
                        "dict(type='LayerAggregation', backbone=dict(...), aggregation=dict(...))")
    if hasattr(network, 'aggregation'):
        raise ValueError(f'{type(network).__name__} has an aggregation already; attach to the plain network')
    if isinstance(getattr(network, 'backbone', None), nn.Module):
        raise ValueError(f'{type(network).__name__} is more than a backbone; attach to its .backbone')
    if isinstance(network, AggregatingMixin):
        raise TypeError(f'{type(network).__name__} opens its blocks itself, and has no place for a layer aggregation; '
                        'attach to the plain network, OpenMMLab\'s, which takes the same conv_cfg, dcn and plugins')
    method, stages, handover = method_of(aggregation), stages_of(network), Handover()
    if method.of_residuals:
        stages = with_shortcuts(stages)
        if not stages:
            raise TypeError(f'{type(network).__name__} has no place for layer attention, since none of its blocks has '
                            'a shortcut; RecurrentAggregation needs none')
    if method.token_step is None and any(stage.on_tokens for stage in stages):
        have = ' and '.join(kind.__name__ for kind, method in METHODS.items() if method.token_step is not None)
        raise TypeError(f'{type(network).__name__}, whose blocks pass tokens, has no place for this aggregation; it '
                        f'has one for {have}')
    modules = method.build(stages, **options)
    for name in {ports.size for stage in stages for ports in stage.ports if isinstance(ports.size, str)}:
        network.get_submodule(name).register_forward_hook(handover.keep_size)
    recomputed = _take_over_checkpointing(network, {block for stage in stages for block in stage.blocks})
    for stage, module in zip(stages, modules):
        weight = next((weight for weight in stage.blocks[0].parameters() if weight.is_floating_point()), None)
        if weight is not None:
            module.to(weight.device, weight.dtype)
        starts = method.restarts or not stage.continues
        for i, (block, ports) in enumerate(zip(stage.blocks, stage.ports)):
            own = module[i] if isinstance(module, nn.ModuleList) else (module, i)
            step = method.token_step if stage.on_tokens else method.step
            begins = starts and i == 0
            Junction(block, ports, own, step, on_tokens=stage.on_tokens, starts=begins,
                     takes_state=method.of_states and not begins, handover=handover, with_cp=block in recomputed)
    network.aggregation, network.handover = nn.ModuleList(modules), handover
    network.blocks_of_stages = [stage.blocks for stage in stages]
    if type(network).__module__.startswith(('mmdet.', 'mmseg.')):
        network.__dict__.pop('out_channels', None)  # of EfficientNet's last layer alone, and not read in a forward
    network.__class__ = aggregating(type(network))
    network.aggregation.train(network.training)
    if network.training:
        network._freeze_aggregation()
    return network


def _take_over_checkpointing(network: nn.Module, blocks: set[nn.Module]) -> set[nn.Module]:
    """Return the blocks that a ``with_cp`` is for, their own or that of a tree they are in; it is off from now on.

    What is computed once more has to be so with the state that was there, which only a junction knows.
    """
    recomputed = set()
    for module in list(network.modules())[1:]:
        inside = blocks & set(module.modules())
        if inside and getattr(module, 'with_cp', False):
            recomputed |= inside
            module.with_cp = False
    return recomputed
