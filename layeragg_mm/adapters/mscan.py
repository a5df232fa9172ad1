"""The blocks of MSCAN (SegNeXt): tokens outside, convolutions and batch norm inside."""
from torch import Tensor, nn

from .ports import Ports, register

__all__ = []


def size_after(x: Tensor, height: int, width: int) -> tuple[int, int]:
    return height, width


def attention_block(block: nn.Module) -> Ports:
    return Ports(len(block.layer_scale_1), first=block.attn.proj_1, size=size_after)


register('mmseg.models.backbones.mscan.MSCABlock', attention_block)
