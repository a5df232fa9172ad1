"""Small things that all registered networks are built with."""
import math
from collections.abc import Callable, Sequence

from mmcv.cnn import build_norm_layer
from torch import nn

__all__ = ['norm_builder', 'one_of']


def one_of(name: str, value, allowed: Sequence) -> None:
    """Raise a ValueError that lists what is allowed, unless ``value`` is among it."""
    if value not in allowed:
        raise ValueError(f'{name}={value!r} is not available; allowed: {", ".join(map(repr, allowed))}')


def norm_builder(norm_cfg: dict) -> Callable[[int], nn.Module]:
    """Return what makes the norm layer of ``norm_cfg`` for a number of channels.

    A GN whose number of groups does not divide the channels (DLA starts with 16) takes their greatest common divisor.
    """

    def norm(channels: int) -> nn.Module:
        cfg = dict(norm_cfg)
        if 'num_groups' in cfg:
            cfg['num_groups'] = math.gcd(cfg['num_groups'], channels)
        return build_norm_layer(cfg, channels)[1]

    return norm
