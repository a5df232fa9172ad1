"""The prediction head of deep layer aggregation's segmentation networks."""
from collections.abc import Sequence

import torch
from mmengine.registry import MODELS
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.structures import SegDataSample
from torch import Tensor

from ..layers.ida import bilinear_upsampling

__all__ = ['DLAHead']


@MODELS.register_module()
class DLAHead(BaseDecodeHead):
    """A 1x1 convolution of the neck's finest map, then fixed bilinear upsampling (DLA, CVPR 2018, arXiv 1707.06484).

    The upsampling is the authors': a depthwise transposed convolution with bilinear weights that do not learn. It
    gives ``in_stride`` times the map's size, which for images that ``in_stride`` does not divide is some pixels more
    than the image; these are cut off at the bottom and right, so every score stays at its place.

    Args:
        in_channels: channels of the map, the ``out_channels`` of an :class:`~layeragg_mm.necks.IDAUp` with
            ``mode='finest'``.
        num_classes: number of classes.
        in_stride: image pixels per step of the map; 2 as published, or another even number.
        init_cfg: how to initialise; by default the convolution as published, normal with deviation
            sqrt(2 / num_classes).
        kwargs: the arguments of MMSegmentation's ``BaseDecodeHead`` (``loss_decode``, ``ignore_index``, ...).
    """

    def __init__(self,
                 in_channels: int,
                 *,
                 num_classes: int,
                 in_stride: int = 2,
                 dropout_ratio: float = 0.,
                 init_cfg: dict | list[dict] | None = dict(type='Kaiming', override=dict(name='conv_seg')),  # noqa: B006
                 **kwargs) -> None:
        super().__init__(in_channels, in_channels, num_classes=num_classes, dropout_ratio=dropout_ratio,
                         init_cfg=init_cfg, **kwargs)
        self.up = bilinear_upsampling(self.out_channels, in_stride).requires_grad_(False)

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Return class scores (N, num_classes, in_stride * h, in_stride * w) of the map (N, in_channels, h, w)."""
        return self.up(self.cls_seg(self._transform_inputs(inputs)))

    def loss_by_feat(self, seg_logits: Tensor, batch_data_samples: Sequence[SegDataSample]) -> dict[str, Tensor]:
        return super().loss_by_feat(_cut(seg_logits, batch_data_samples[0].gt_sem_seg.shape), batch_data_samples)

    def predict_by_feat(self, seg_logits: Tensor, batch_img_metas: Sequence[dict]) -> Tensor:
        meta = batch_img_metas[0]
        # MMSegmentation gives the size of a window (mode='slide') as a torch.Size in img_shape, that of a batch in
        # pad_shape.
        size = meta['img_shape']
        if not isinstance(size, torch.Size):
            size = meta.get('pad_shape', size)
        return super().predict_by_feat(_cut(seg_logits, size), batch_img_metas)


def _cut(maps: Tensor, size: Sequence[int]) -> Tensor:
    return maps[..., :size[0], :size[1]]
