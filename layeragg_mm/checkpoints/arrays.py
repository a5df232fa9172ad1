"""Pickles of plain numpy arrays, as MegEngine saves them: read without it, and without calling what they name."""
import pickle
from collections import OrderedDict
from pathlib import Path

import numpy as np
import torch

__all__ = ['read_arrays']

_RECONSTRUCT = np.empty(0).__reduce__()[0]
_ALLOWED = {
    ('_codecs', 'encode'): pickle.loads(b'c_codecs\nencode\n.'),
    ('collections', 'OrderedDict'): OrderedDict,
    ('numpy', 'dtype'): np.dtype,
    ('numpy', 'ndarray'): np.ndarray,
    **{(f'numpy.{core}.multiarray', '_reconstruct'): _RECONSTRUCT for core in ('core', '_core')},
}


class _Unpickler(pickle.Unpickler):

    def find_class(self, module: str, name: str):
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f'{module}.{name}')
        return _ALLOWED[module, name]


def read_arrays(path: str | Path) -> dict:
    """Return what a pickle holds, its arrays as tensors.

    Raises:
        pickle.UnpicklingError: it is none, or names anything but arrays and containers.
    """
    with open(path, 'rb') as file:
        content = _Unpickler(file).load()
    if not isinstance(content, dict):
        raise pickle.UnpicklingError(f'{type(content).__name__} where a dictionary is expected')
    return _as_tensors(content)


def _as_tensors(value):
    if isinstance(value, dict):
        return {key: _as_tensors(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_as_tensors(part) for part in value]
    # A copy, since an array of a pickle may not be writable.
    return torch.from_numpy(value.copy()) if isinstance(value, np.ndarray) and value.dtype != object else value
