"""Where a layer aggregation meets a block: what is known of each kind of block, by its exact class.

A kind of block joins by one function, from a block to its :class:`Ports`::

    register(MyBlock, lambda block: Ports(block.conv2.out_channels, first=block.conv1))

Blocks run their own forward; a port only says where something is taken from, or added to, on the way.
"""
from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor, nn

__all__ = ['KINDS', 'Kind', 'Ports', 'its_input', 'name_of', 'ports_of', 'register']


def its_input(x: Tensor, *args, **kwargs) -> Tensor:
    """The shortcut of a block that adds its input to its branch."""
    return x


class Ports(NamedTuple):
    """Where an aggregation meets a block whose result is a map (N, C, H, W), or tokens (N, H W, C).

    Attributes:
        channels: C of the result.
        stride: of the block.
        shortcut: what the block adds to its branch: a function of the block's arguments, the layer of the block that
            computes it, or None, where it adds nothing.
        first: the block's first convolution, to whose result a state is added; None where there is no such place.
        size: None for maps. For tokens, where their (H, W) is found: a function of the block's arguments, or the name
            of a layer of the network that returns the tokens and their size.
    """
    channels: int
    stride: int = 1
    shortcut: Callable[..., Tensor] | nn.Module | None = its_input
    first: nn.Conv2d | None = None
    size: Callable[..., tuple[int, int]] | str | None = None


def parent(path: str) -> str:
    """The stage of a block in most networks: what holds it."""
    return path.rpartition('.')[0]


class Kind(NamedTuple):
    """What is known of a kind of block: its ports, and which stage a block of a given path in the network is of."""
    ports: Callable[[nn.Module], Ports]
    stage: Callable[[str], str]


KINDS: dict[str, Kind] = {}


def name_of(kind: type) -> str:
    """Return the full name of a class, by which a block's kind is found."""
    return f'{kind.__module__}.{kind.__qualname__}'


def register(kind: type | str,
             ports: Callable[[nn.Module], Ports],
             stage: Callable[[str], str] = parent) -> None:
    """Let layer aggregations be attached to networks with blocks of this kind.

    Args:
        kind: the class, or its full name (which imports nothing). What extends it is another kind.
        ports: from a block to its :class:`Ports`. The network keeps neither this function nor what it closes over;
            functions inside the ports it keeps, so for networks that are pickled they must be found by name.
        stage: from a block's path in the network to a name for its stage, where that is not the module that holds it.
            A stage's blocks give maps of one size and number of channels, so a new one begins also where a block
            strides or changes the channels.
    """
    KINDS[kind if isinstance(kind, str) else name_of(kind)] = Kind(ports, stage)


def ports_of(block: nn.Module) -> Ports:
    """Return where an aggregation meets ``block``.

    Raises:
        TypeError: nobody told how blocks of this kind are opened; the message lists the kinds that are known.
    """
    if name_of(type(block)) not in KINDS:
        raise TypeError(f'layer aggregation does not know blocks of {name_of(type(block))}; known: {", ".join(KINDS)}')
    return KINDS[name_of(type(block))].ports(block)
