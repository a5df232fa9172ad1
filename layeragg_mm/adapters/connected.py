"""Connected attention inside the blocks of a ResNet, beside any other aggregation: its state, and the step around."""
from collections.abc import Callable, Iterable
from typing import NamedTuple

from torch import Tensor, nn

from ..layers.conv_norm import conv_norm
from ..layers.dca import CONNECTED, ConnectedCBAM, ConnectedSK
from .resnet import BlockAdapter, adapter_of

__all__ = ['Connected', 'connect', 'connected_step']


class Connected(NamedTuple):
    """What passes between blocks: the state of the aggregation, and that of the attention, ``block.dca``."""
    own: object
    attention: Tensor | tuple[Tensor, Tensor]


def connect(blocks: Iterable[nn.Module], kind: str, norm: Callable[[int], nn.Module], **options) -> None:
    """Give each block a connected attention, ``block.dca``, made for the state of the one before.

    Args:
        blocks: those of a whole network, in order.
        kind: 'gc', 'se', 'ge', 'cbam' or 'sk' (bottlenecks alone).
        norm: makes the norm layer for a number of channels.
        options: those of the attention.
    """
    previous_channels = None
    for block in blocks:
        if kind == 'sk':
            channels = block.conv2.out_channels
            block.dca = ConnectedSK(
                channels, previous_channels, stride=block.conv2_stride, dilation=block.dilation, norm=norm, **options)
        else:
            channels = adapter_of(block).ports(block).channels
            if CONNECTED[kind] is ConnectedCBAM:
                options['norm'] = norm
            block.dca = CONNECTED[kind](channels, previous_channels, **options)
        previous_channels = channels


def connected_step(step: Callable, adapter: BlockAdapter, block: nn.Module, aggregation, x: Tensor,
                   state: Connected | None) -> tuple[Tensor, Connected]:
    """Return what ``step`` does where the block's branch passes through its attention before the shortcut's sum."""
    own, before = state or (None, None)
    after = []

    def branch(block: nn.Module, first: Tensor) -> Tensor:
        run = selected if isinstance(block.dca, ConnectedSK) else attended
        out, attention = run(adapter, block, first, before)
        after.append(attention)
        return out

    x, own = step(adapter._replace(branch=branch), block, aggregation, x, own)
    return x, Connected(own, *after)


def attended(adapter: BlockAdapter, block: nn.Module, first: Tensor, state) -> tuple:
    return block.dca(adapter.branch(block, first), state)


def selected(adapter: BlockAdapter, block: nn.Module, first: Tensor, state) -> tuple:
    """Selective kernels stand in the place of the second convolution."""
    x = block.relu(first)
    out, state = block.dca(x, block.relu(conv_norm(block.conv2, block.norm2, x)), state)
    return conv_norm(block.conv3, block.norm3, out), state
