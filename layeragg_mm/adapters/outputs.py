"""What a backbone's outputs are: as it declares them, or as they come out of it."""
from collections.abc import Mapping

import torch
from torch import Tensor, nn

__all__ = ['look_at_outputs', 'outputs_of']

Outputs = tuple[tuple[int, ...], tuple[int, ...]]  # channels and strides


def outputs_of(backbone: nn.Module) -> Outputs:
    """Return channels and strides of each output of a backbone: as it declares them, or by looking."""
    channels, strides = (getattr(backbone, name, None) for name in ('out_channels', 'out_strides'))
    return (channels, strides) if isinstance(channels, tuple) and strides else look_at_outputs(backbone)


@torch.no_grad()
def look_at_outputs(backbone: nn.Module, size: int = 128) -> Outputs:
    """Return channels and strides of what a backbone gives for an image with three channels.

    The image is of the ``img_size`` that the backbone is built for, if it is, or else of ``size`` pixels.
    """
    height, width = getattr(backbone, 'img_size', (size, size))
    modes = {module: module.training for module in backbone.modules()}
    for module in modes:
        module.training = False
    try:
        outs = backbone(next(backbone.parameters()).new_zeros(1, 3, height, width))
    finally:
        for module, mode in modes.items():
            module.training = mode
    outs = [outs] if isinstance(outs, Tensor) else outs.values() if isinstance(outs, Mapping) else outs
    outs = [out[0] if isinstance(out, (list, tuple)) else out for out in outs]  # beside a class token
    return tuple(out.shape[1] for out in outs), tuple(round(height / out.shape[2]) for out in outs)
