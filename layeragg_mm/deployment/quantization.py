"""INT8: weights and activations of convolutions and linear layers as 8-bit numbers, scaled by what images give."""
import logging
import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..words import some
from .packages import needed

__all__ = ['quantize']

OPERATORS = ['Conv', 'ConvTranspose', 'Gemm']  # a product that lays masks into boxes (MatMul) is no layer


class _Images:
    """Images (3, H, W) as onnxruntime's calibration takes them, a batch at a time."""

    def __init__(self, images: Iterable[np.ndarray], batch: int) -> None:
        self.batches = (dict(images=np.repeat(image[None], batch, 0)) for image in images)

    def get_next(self) -> dict | None:
        return next(self.batches, None)


def quantize(source: Path, target: Path, images: Iterable[np.ndarray], *, batch: int = 1,
             float_parts: Iterable[str] = ()) -> int:
    """Write an exported file with 8-bit convolutions and linear layers (static quantisation, QDQ, per channel).

    Args:
        source: the file.
        target: of the result.
        images: for calibration, (3, H, W) as the file takes them: their activations tell the scales.
        batch: of the file.
        float_parts: regular expressions; operators in whose names one is found stay in float.

    Returns:
        Number of operators in 8 bits.

    Raises:
        InputError: no operator has such a name.
    """
    quantization = needed('onnxruntime.quantization')
    onnx = needed('onnx')
    nodes = [node.name for node in onnx.load(str(source)).graph.node if node.op_type in OPERATORS]
    for part in float_parts:
        if not any(re.search(part, name) for name in nodes):
            raise InputError(f'--float-parts {part}: no layer has such a name', f'There are {some(nodes)}.')
    kept = [name for name in nodes if any(re.search(part, name) for part in float_parts)]
    logging.getLogger().setLevel(logging.ERROR)  # it advises of steps that are taken here
    quantization.quantize_static(
        str(source), str(target), _Images(images, batch), op_types_to_quantize=OPERATORS, nodes_to_exclude=kept,
        quant_format=quantization.QuantFormat.QDQ, per_channel=True, activation_type=quantization.QuantType.QUInt8,
        weight_type=quantization.QuantType.QInt8)
    return len(nodes) - len(kept)
