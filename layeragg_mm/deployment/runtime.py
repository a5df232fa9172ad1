"""Exported files in ONNX Runtime, and in the place of a config's model."""
import json
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.model import BaseModel
from mmengine.registry import MODELS
from mmengine.structures import BaseDataElement, InstanceData, PixelData
from torch import Tensor

from ..errors import InputError
from .exporting import KEY, Traits
from .packages import needed
from .selection import clip

__all__ = ['ExportedFile', 'ExportedModel', 'is_exported']


def is_exported(path: str) -> bool:
    return path.endswith('.onnx')


class ExportedFile:
    """A file that tools/export.py wrote, in ONNX Runtime on the CPU, with as many threads as torch has.

    Args:
        path: of the file.

    Raises:
        InputError: ONNX Runtime cannot load it, or it tells nothing of itself.
    """

    def __init__(self, path: str | Path) -> None:
        runtime = needed('onnxruntime')
        options = runtime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 3  # errors; it warns of every constant that it finds unused
        try:
            self.session = runtime.InferenceSession(str(path), options, providers=['CPUExecutionProvider'])
        except Exception as error:  # each of its errors has a class of its own
            raise InputError(f'{path}: ONNX Runtime cannot load it: {str(error).strip().splitlines()[-1]}',
                             'Give a file that tools/export.py wrote.') from error
        told = self.session.get_modelmeta().custom_metadata_map.get(KEY)
        if told is None:
            raise InputError(f'{path} does not tell its classes and sizes: tools/export.py did not write it',
                             'Give a file that tools/export.py wrote.')
        self.traits = Traits(**json.loads(told))
        self.outputs = [output.name for output in self.session.get_outputs()]

    def __call__(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Return the outputs by name for images (N, 3, H, W), float32, as the file takes them."""
        return dict(zip(self.outputs, self.session.run(None, {'images': images})))

    def __deepcopy__(self, memo: dict) -> 'ExportedFile':
        return self  # hooks copy models (EMAHook), and nothing of this one changes

    def of_image(self, image: np.ndarray) -> dict[str, np.ndarray]:
        """Return the outputs for an image (3, H, W), which may be smaller than the file's size, without a batch."""
        image = self.fitted(image)
        return {name: value[0] for name, value in self(np.repeat(image[None], self.traits.batch or 1, 0)).items()}

    def fitted(self, image: np.ndarray) -> np.ndarray:
        """Return an image (3, H, W) filled up to the file's size at the right and the bottom."""
        height, width = self.traits.size or image.shape[1:]
        if image.shape[1] > height or image.shape[2] > width:
            raise InputError(f'an image of {image.shape[1]} x {image.shape[2]} pixels (height x width) does not fit '
                             f'into the file\'s {height} x {width}', 'Export with --free-size, or let the config\'s '
                             'pipeline resize images to that size.')
        filled = np.empty((3, height, width), np.float32)
        filled[:] = np.array(self.traits.mean, np.float32)[:, None, None]
        filled[:, :image.shape[1], :image.shape[2]] = image
        return filled


@MODELS.register_module()
class ExportedModel(BaseModel):
    """An exported file in a test: what it predicts, in the places and sizes of the images as they were read.

    Args:
        file: path of the file.
    """

    def __init__(self, file: str) -> None:
        super().__init__()
        self.exported = ExportedFile(file)

    def forward(self, inputs: list[Tensor], data_samples: list[BaseDataElement], mode: str) -> list[BaseDataElement]:
        """Return the samples with predictions for the images (3, H, W) of a pipeline; ``mode`` is 'predict'."""
        fill = fill_detections if self.exported.traits.kind == 'detector' else fill_label_map
        for image, sample in zip(inputs, data_samples):
            found = self.exported.of_image(image.cpu().float().numpy())
            fill(sample, {name: torch.from_numpy(value) for name, value in found.items()}, tuple(image.shape[1:]))
        return data_samples


def fill_detections(sample: BaseDataElement, found: dict[str, Tensor], size: tuple[int, int]) -> None:
    """Give a sample what was ``found`` in an image that has the ``size`` behind its pipeline."""
    there = found['scores'] > 0
    found = {name: value[there] for name, value in found.items()}
    boxes = clip(found['boxes'], size) if 'border' not in sample else (
        found['boxes'] - found['boxes'].new_tensor(sample.border)[[2, 0, 2, 0]])  # CenterNet's are not clipped
    if 'scale_factor' in sample:  # CenterNet's pipeline resizes nothing
        boxes = boxes / boxes.new_tensor(sample.scale_factor).repeat(2)
    sample.pred_instances = InstanceData(bboxes=boxes, scores=found['scores'], labels=found['labels'])
    if 'masks' in found:
        masks = found['masks'][:, :size[0], :size[1]]
        if size != tuple(sample.ori_shape):
            masks = F.interpolate(masks[:, None].float(), sample.ori_shape, mode='bilinear')[:, 0] >= .5
        sample.pred_instances.masks = masks


def fill_label_map(sample: BaseDataElement, found: dict[str, Tensor], size: tuple[int, int]) -> None:
    """Give a sample the label map ``found`` in an image that has the ``size`` behind its pipeline."""
    logits = found['logits'][:, :size[0], :size[1]]
    labels = found['labels'][None, :size[0], :size[1]]
    if size != tuple(sample.ori_shape):
        logits = F.interpolate(logits[None], sample.ori_shape, mode='bilinear')[0]
        labels = logits.argmax(0, keepdim=True) if len(logits) > 1 else (
            F.interpolate(labels[None].float(), sample.ori_shape)[0].long())
    sample.set_data(dict(seg_logits=PixelData(data=logits), pred_sem_seg=PixelData(data=labels)))
