"""Transformer blocks: Swin, PVT and PVTv2, MiT, ViT, BEiT. They have no convolution to add a state to."""
from torch import Tensor, nn

from .ports import Ports, register

__all__ = []


def size_beside(x: Tensor, hw_shape: tuple[int, int]) -> tuple[int, int]:
    return hw_shape


def pyramid_block(block: nn.Module) -> Ports:
    return Ports(block.norm1.normalized_shape[0], size=size_beside)


def plain_block(block: nn.Module) -> Ports:
    return Ports(block.norm1.normalized_shape[0], size='patch_embed')


def four_blocks(path: str) -> str:
    """Return the stage of a block of a plain transformer: the published history restarts after every four."""
    layers, _, number = path.rpartition('.')
    return f'{layers}.{int(number) // 4}'


for kind in ('mmdet.models.backbones.swin.SwinBlock', 'mmseg.models.backbones.swin.SwinBlock',
             'mmdet.models.backbones.pvt.PVTEncoderLayer', 'mmseg.models.backbones.mit.TransformerEncoderLayer'):
    register(kind, pyramid_block)
for kind in ('mmseg.models.backbones.vit.TransformerEncoderLayer',
             'mmseg.models.backbones.beit.BEiTTransformerEncoderLayer'):
    register(kind, plain_block, stage=four_blocks)
