"""Lets torch load the training state that mmengine saves, without trusting the file with more."""
import argparse
import pickle
from collections.abc import Callable

import numpy as np
import torch
from mmengine.logging import HistoryBuffer

__all__ = ['allow_training_state']


def allow_training_state() -> None:
    """Name what mmengine's and the authors' checkpoints hold beside tensors as safe for torch's weights-only loading.

    That is the history of the logged values: ``HistoryBuffer`` objects with numpy arrays; and the command line of
    timm's training scripts, an ``argparse.Namespace``. torch refuses them since 2.6, where weights-only loading became
    the default, and mmengine 0.10.7 cannot resume for that reason.
    """
    array_parts = [np.ndarray, np.dtype, *(type(np.dtype(kind)) for kind in '?bhilqBHILQefd')]
    functions = [(function, f'numpy.{core}.multiarray.{function.__name__}') for core in ('core', '_core')
                 for function in (np._core.multiarray._reconstruct, np._core.multiarray.scalar)]
    statistics = [(_statistic_of, f'{module}.getattr') for module in ('builtins', '__builtin__')]
    torch.serialization.add_safe_globals([
        HistoryBuffer, argparse.Namespace, *array_parts, *functions, *statistics])


def _statistic_of(owner: object, name: str) -> Callable:
    """Stand in for the ``getattr`` by which a HistoryBuffer refers to its statistics (mean, min, ...); nothing else."""
    if owner is not HistoryBuffer or name not in ('current', 'max', 'mean', 'min'):
        raise pickle.UnpicklingError(f'getattr({owner!r}, {name!r}) is not part of a training state')
    return getattr(owner, name)
