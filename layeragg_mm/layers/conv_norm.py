"""A convolution and the norm after it: the pair that every network here is made of."""
from torch import Tensor, nn

from .forms import replaceable

__all__ = ['ConvSequential', 'conv_norm', 'in_sequence']


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
