"""CenterNet as its authors released it."""
import torch
from mmdet.models import CenterNet
from mmdet.structures import SampleList
from mmengine.registry import MODELS
from torch import Tensor

from ..checkpoints.centernet import translate_centernet
from ..checkpoints.whole_model import TranslatedModelMixin

__all__ = ['CenterNetDLA', 'flip_mean']


@MODELS.register_module()
class CenterNetDLA(TranslatedModelMixin, CenterNet):
    """MMDetection's CenterNet (arXiv 1904.07850) that loads the authors' DLA-34 files as they are and flips as theirs.

    Backbone :class:`~layeragg_mm.backbones.DLANet`, neck :class:`~layeragg_mm.necks.IDAUp` with ``mode='centernet'``
    and MMDetection's ``CenterNetHead``, whose maps have the released units: heatmap (N, classes, H/4, W/4), size and
    offset (N, 2, H/4, W/4) as (x, y) in pixels of stride 4.

    Args:
        kwargs: the arguments of MMDetection's CenterNet. With ``flip_test=True`` in ``test_cfg``, heatmap and size
            are averaged over the image and its mirror image before they are decoded, and the offset is the image's, as
            in the released code. (``--tta`` merges decoded boxes instead, as MMDetection does.)
    """

    translate_released = staticmethod(translate_centernet)

    def predict(self, batch_inputs: Tensor, batch_data_samples: SampleList, rescale: bool = True) -> SampleList:
        """Return the samples with detections for images (N, 3, H, W); see MMDetection's ``SingleStageDetector``."""
        if not self.test_cfg.get('flip_test'):
            return super().predict(batch_inputs, batch_data_samples, rescale)
        images = torch.cat([batch_inputs, batch_inputs.flip(-1)])
        (heatmaps,), (sizes,), (offsets,) = self.bbox_head(self.extract_feat(images))
        results = self.bbox_head.predict_by_feat(
            [flip_mean(heatmaps)], [flip_mean(sizes)], [offsets[:len(batch_inputs)]],
            batch_img_metas=[sample.metainfo for sample in batch_data_samples], rescale=rescale)
        return self.add_pred_to_datasample(batch_data_samples, results)


def flip_mean(maps: Tensor) -> Tensor:
    """Return the mean of the maps of images, the first half of the batch, and of their mirror images, the second."""
    straight, mirrored = maps.chunk(2)
    return (straight + mirrored.flip(-1)) / 2
