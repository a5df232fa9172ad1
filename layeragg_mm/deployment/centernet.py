"""CenterNet: the peaks of a heatmap are the objects."""
import torch
from mmdet.models.dense_heads import CenterNetHead
from mmengine.config import ConfigDict
from torch import Tensor, nn

from ..detectors.centernet import flip_mean
from .refusals import check_part

__all__ = ['CenterNetDetections']


class CenterNetDetections(nn.Module):
    """What CenterNet's head predicts for a batch: as many boxes of each image as ``topk`` says, not clipped.

    Args:
        head: MMDetection's ``CenterNetHead``.
        cfg: its test_cfg; with ``flip_test`` as :class:`~layeragg_mm.detectors.CenterNetDLA` has it.
    """

    def __init__(self, head: CenterNetHead, cfg: ConfigDict) -> None:
        super().__init__()
        check_part(head, CenterNetHead, 'predict', 'predict_by_feat', '_predict_by_feat_single', '_decode_heatmap')
        self.head, self.cfg = head, cfg
        self.flips = bool(cfg.get('flip_test'))

    def forward(self, features: tuple[Tensor, ...], size: tuple[int, int]) -> tuple[Tensor, Tensor, Tensor]:
        """Return boxes (N, k, 4), scores (N, k) and labels (N, k).

        Args:
            features: of images, with ``flips`` followed by those of their mirror images.
            size: height and width of the maps' images.
        """
        (heatmap,), (sizes,), (offset,) = self.head(features)
        if self.flips:
            heatmap, sizes, offset = flip_mean(heatmap), flip_mean(sizes), offset.chunk(2)[0]
        boxes, labels = self.head._decode_heatmap(heatmap, sizes, offset, size, k=self.cfg.topk,
                                                  kernel=self.cfg.local_maximum_kernel)
        return boxes[..., :4], boxes[..., 4], labels


def with_mirrored(images: Tensor) -> Tensor:
    return torch.cat([images, images.flip(-1)])
