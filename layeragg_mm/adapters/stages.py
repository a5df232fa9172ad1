"""The blocks of a network, found by their kind, stage by stage."""
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from .ports import KINDS, Ports, name_of

__all__ = ['Stage', 'stages_of', 'with_shortcuts']

# Modules whose children run side by side: no state passes from one to the next.
PARALLEL = ('branches',)


@dataclass
class Stage:
    """Blocks between which a state passes, whose maps are of one size and number of channels.

    Attributes:
        blocks: in the order in which they run.
        ports: where an aggregation meets each of them.
        norm: makes a norm layer as theirs for a number of channels.
        continues: whether the stage before hands it its state, if the aggregation lets it.
    """
    norm: Callable[[int], nn.Module]
    continues: bool
    blocks: list[nn.Module] = field(default_factory=list)
    ports: list[Ports] = field(default_factory=list)

    @property
    def on_tokens(self) -> bool:
        """Whether an aggregation works on tokens with layer norm, not on maps."""
        return self.ports[0].size is not None and isinstance(self.norm(1), nn.LayerNorm)


def stages_of(network: nn.Module) -> list[Stage]:
    """Return the stages of a network, whose blocks must be registered in the order in which they run.

    Raises:
        TypeError: it has no blocks of a kind that is known.
    """
    stages, before = [], None
    for path, block in network.named_modules():
        if name_of(type(block)) not in KINDS:
            continue
        kind = KINDS[name_of(type(block))]
        ports, stage = kind.ports(block), kind.stage(path)
        if stage != before or ports.stride != 1 or ports.channels != stages[-1].ports[-1].channels:
            continues = before is not None and not set(PARALLEL) & set(path.split('.'))
            stages.append(Stage(norm_like(block, ports), continues))
        before = stage
        stages[-1].blocks.append(block)
        stages[-1].ports.append(ports)
    if not stages:
        kinds = sorted({name_of(type(module)) for module in network.modules() if list(module.children())})
        raise TypeError(
            f'{type(network).__name__} has no place for a layer aggregation: of its modules ({", ".join(kinds)}) none '
            f'is a known block ({", ".join(KINDS)}); tell of others with layeragg_mm.adapters.register')
    return stages


def with_shortcuts(stages: list[Stage]) -> list[Stage]:
    """Return the stages with those of their blocks that have a shortcut, as far as there are any."""
    kept = []
    for stage in stages:
        pairs = [(block, ports) for block, ports in zip(stage.blocks, stage.ports) if ports.shortcut is not None]
        if pairs:
            kept.append(Stage(stage.norm, stage.continues, *map(list, zip(*pairs))))
    return kept


def norm_like(block: nn.Module, ports: Ports) -> Callable[[int], nn.Module]:
    """Return what makes a norm as a block's own: its layer norm for tokens, or else its batch or group norm.

    A block without one gets a batch norm. Of the norm's settings, what it is called with counts (eps, momentum,
    groups), not whether it learns.
    """
    for norm in block.modules():
        if isinstance(norm, nn.LayerNorm) and ports.size is not None:
            return partial(type(norm), eps=norm.eps)
        if isinstance(norm, _BatchNorm):
            return partial(type(norm), eps=norm.eps, momentum=norm.momentum)
        if isinstance(norm, nn.GroupNorm):
            return partial(_group_norm, norm.num_groups, norm.eps)
    return nn.BatchNorm2d


def _group_norm(groups: int, eps: float, channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(math.gcd(groups, channels), channels, eps=eps)
