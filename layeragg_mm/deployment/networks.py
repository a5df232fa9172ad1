"""Whole networks for export: from images as they are read to detections or label maps, in operators that ONNX has."""
import torch
import torch.nn.functional as F
from mmdet.models import BaseDetector, CenterNet, SingleStageDetector, TwoStageDetector
from mmengine.model import BaseDataPreprocessor
from torch import Tensor, nn

from ..fusion import fuse
from .centernet import CenterNetDetections, with_mirrored
from .dense import DenseDetections
from .refusals import refuse
from .replacing import replace_modules
from .two_stage import RoIDetections

__all__ = ['Detector', 'Segmenter', 'exportable']


def exportable(model: nn.Module) -> nn.Module:
    """Return what is exported of a detector of MMDetection or a segmenter of MMSegmentation.

    It is a copy in which frozen norms are part of the convolutions (:func:`layeragg_mm.fuse`).

    Raises:
        InputError: a part of the model computes what has no form in ONNX here; the error names it.
    """
    if not isinstance(model, BaseDetector):
        from mmseg.models import EncoderDecoder  # MMSegmentation is not there for all
        if not isinstance(model, EncoderDecoder):
            refuse(model)
    kind = Detector if isinstance(model, BaseDetector) else Segmenter
    kind(model)  # refuses before it is worth the copying
    return kind(replace_modules(fuse(model))).eval()


class Prepared(nn.Module):
    """Images as a data preprocessor of the mm libraries prepares them: channels turned, normalised, padded.

    Args:
        preprocessor: of the model.
        divisor: of the padded height and width.
    """

    def __init__(self, preprocessor: BaseDataPreprocessor, divisor: int) -> None:
        super().__init__()
        if not isinstance(preprocessor, BaseDataPreprocessor) or not hasattr(preprocessor, '_enable_normalize'):
            refuse(preprocessor)
        self.preprocessor, self.divisor = preprocessor, divisor
        self.turns_channels = turns_channels(preprocessor)
        self.filled_with = getattr(preprocessor, 'pad_value', getattr(preprocessor, 'pad_val', 0))

    def forward(self, images: Tensor) -> Tensor:
        part = self.preprocessor
        if self.turns_channels:
            images = images.flip(1)
        if part._enable_normalize:
            images = (images - part.mean) / part.std
        if self.divisor > 1:
            height, width = images.shape[2:]
            images = F.pad(images, (0, -width % self.divisor, 0, -height % self.divisor), value=self.filled_with)
        return images


def turns_channels(preprocessor: BaseDataPreprocessor) -> bool:
    """Tell whether channels are turned; MMSegmentation 1.2's own preprocessor has another name for it."""
    return bool(getattr(preprocessor, '_channel_conversion', getattr(preprocessor, 'channel_conversion', False)))


class Detector(nn.Module):
    """A detector: images (N, 3, H, W), pixels 0 to 255 in the channels' order of the files that mm reads (BGR), to

    boxes (N, k, 4) as x1, y1, x2, y2 in pixels, scores (N, k), labels (N, k) and, where it has them, masks
    (N, k, H, W). k is the number of objects of the image with the most; what the others lack has score 0 and label -1.
    """

    def __init__(self, model: BaseDetector) -> None:
        super().__init__()
        self.model = model
        self.prepared = Prepared(model.data_preprocessor, model.data_preprocessor.pad_size_divisor)
        if isinstance(model, TwoStageDetector):
            if not (model.with_rpn and model.with_roi_head):
                refuse(model)
            self.proposals = DenseDetections(model.rpn_head, model.test_cfg.rpn)
            self.detections = RoIDetections(model.roi_head, model.test_cfg.rcnn)
            masks = model.roi_head.with_mask
        elif isinstance(model, SingleStageDetector):
            centres = isinstance(model, CenterNet)
            self.detections = (CenterNetDetections if centres else DenseDetections)(model.bbox_head, model.test_cfg)
            masks = False
        else:
            refuse(model)
        self.outputs = ['boxes', 'scores', 'labels', *(['masks'] if masks else [])]

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        size, prepared = tuple(images.shape[2:]), self.prepared(images)
        if getattr(self.detections, 'flips', False):
            prepared = with_mirrored(prepared)
        features = self.model.extract_feat(prepared)
        if isinstance(self.detections, RoIDetections):
            proposals, objectness, _ = self.proposals(features, size)
            found = self.detections(features, proposals, objectness, size)
        elif isinstance(self.detections, CenterNetDetections):
            found = self.detections(features, tuple(prepared.shape[2:]))
        else:
            found = self.detections(features, size)
        boxes, scores, labels, *masks = found
        return boxes, scores, torch.where(scores > 0, labels, -1), *masks


class Segmenter(nn.Module):
    """A segmenter: images as of :class:`Detector` to labels (N, H, W) and logits (N, classes, H, W)."""

    outputs = ['labels', 'logits']

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        cfg = model.test_cfg
        if cfg.get('mode', 'whole') != 'whole':
            refuse(model, f'with test_cfg.mode={cfg.mode}')
        padding = model.data_preprocessor.test_cfg or {}
        if padding.get('size') is not None:
            refuse(model.data_preprocessor, f'with test_cfg.size={padding["size"]}')
        self.model = model
        self.prepared = Prepared(model.data_preprocessor, padding.get('size_divisor') or 1)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        height, width = images.shape[2:]
        prepared = self.prepared(images)
        logits = self.model.encode_decode(prepared, [dict(img_shape=prepared.shape[2:])])[..., :height, :width]
        if logits.shape[1] > 1:
            return logits.argmax(1), logits
        return (logits.sigmoid() > self.model.decode_head.threshold)[:, 0].long(), logits
