"""A convolution and the norm after it: the pair that every network here is made of."""
from collections.abc import Callable

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from .forms import replaceable

__all__ = ['ConvSequential', 'conv_norm', 'in_sequence', 'pixel_norm']


@replaceable
def conv_norm(conv: nn.Module, norm: nn.Module, x: Tensor, added: Tensor | None = None) -> Tensor:
    """Return ``norm(conv(x))``, or ``norm(conv(x) + added)``."""
    out = conv(x)
    return norm(out if added is None else out + added)


@replaceable
def in_sequence(layers: nn.Module, x: Tensor) -> Tensor:
    """Return ``layers(x)`` of a Sequential, in which norms follow convolutions."""
    return layers(x)


class ConvSequential(nn.Sequential):
    """A Sequential in which norms follow convolutions."""

    @replaceable
    def forward(self, x: Tensor) -> Tensor:
        for layer in self:
            x = layer(x)
        return x


def pixel_norm(norm: Callable[[int], nn.Module], channels: int) -> nn.Module:
    """Return the norm of maps of one pixel: a batch norm as ``norm`` makes it, else LN.

    The groups of a GN may hold a single number then, of which it leaves nothing.
    """
    made = norm(channels)
    return made if isinstance(made, _BatchNorm) else nn.GroupNorm(1, channels)
