"""A network as an ONNX file that tells what it is."""
import json
import warnings
from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn

from ..errors import InputError
from .networks import Detector
from .packages import needed

__all__ = ['KEY', 'Traits', 'export']

OPSET = 17  # the first with all that is used (RoIAlign's half pixels, GridSample) is 16; 17 is read everywhere
KEY = 'layeragg_mm'  # of what a file tells, in its metadata
TRACED_SIDE, TRACED_BATCH = 128, 2  # of the images that a network is traced with, where the size or number is free


class Traits(NamedTuple):
    """What an exported file tells of itself.

    Attributes:
        kind: 'detector' or 'segmenter'.
        classes: their names.
        size: height and width that images must have; None: any.
        batch: their number; None: any.
        mean: pixel in the file's order of channels, with which smaller images are filled up to ``size``.
    """

    kind: str
    classes: list[str]
    size: list[int] | None
    batch: int | None
    mean: list[float]


def export(network: nn.Module, path: Path, *, classes: list[str], size: tuple[int, int] | None,
           batch: int | None) -> Traits:
    """Write a network that :func:`~layeragg_mm.deployment.networks.exportable` made as ONNX.

    Args:
        network: the network.
        path: of the file.
        classes: their names.
        size: height and width of its images; None: any.
        batch: number of images; None: any.
    """
    onnx = needed('onnx')
    images = 255 * torch.rand(batch or TRACED_BATCH, 3, *(size or (TRACED_SIDE, TRACED_SIDE)))
    free = {axis: name for axis, name, fixed in ((0, 'batch', batch), (2, 'height', size), (3, 'width', size))
            if fixed is None}
    objects = {0: 'batch', 1: 'objects'} if batch is None else {1: 'objects'}
    axes = {'images': free, **{name: {**free, **objects} if name == 'masks' else objects for name in network.outputs}}
    if not isinstance(network, Detector):
        axes.update(labels={axis - (axis > 0): name for axis, name in free.items()}, logits=free)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter('ignore')  # of the tracer, of what it takes for constant; the comparison decides
        try:
            torch.onnx.export(network, (images,), str(path), input_names=['images'], output_names=network.outputs,
                              dynamic_axes=axes, opset_version=OPSET, dynamo=False)
        except torch.onnx.errors.OnnxExporterError as error:
            raise InputError(f'{type(network.model).__name__} cannot be exported: {str(error).splitlines()[0]}',
                             'ONNX has more operators for maps of a known size: try --size.') from error
    part = network.prepared.preprocessor
    mean = part.mean.flatten().tolist() if part._enable_normalize else [0.] * 3
    traits = Traits('detector' if isinstance(network, Detector) else 'segmenter', classes, size and list(size), batch,
                    mean[::-1] if network.prepared.turns_channels else mean)
    model = onnx.load(str(path))
    onnx.helper.set_model_props(model, {KEY: json.dumps(traits._asdict())})
    onnx.save(model, str(path))
    return traits
