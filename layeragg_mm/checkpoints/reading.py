"""Reading checkpoint files as data: nothing in a file is ever called, unless its user vouches for it."""
import os
import pickle
import zipfile
from pathlib import Path
from struct import error as StructError

import torch
from torch import Tensor

from ..errors import InputError
from .arrays import read_arrays
from .training_state import allow_training_state

__all__ = ['CheckpointError', 'DamagedCheckpointError', 'read_checkpoint', 'trust_checkpoints', 'weights_in']

# torch's own switch: what torch.load does where its caller says nothing.
TRUST = 'TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD'

# What torch raises for a file that ends too early, or whose bytes have changed.
BROKEN = (RuntimeError, EOFError, OSError, LookupError, ValueError, TypeError, AttributeError, AssertionError,
          StructError, zipfile.BadZipFile)


class CheckpointError(InputError, RuntimeError):
    """A checkpoint cannot be used."""


class DamagedCheckpointError(CheckpointError):
    """A checkpoint file is cut short, or no checkpoint at all."""


def trust_checkpoints() -> None:
    """Let checkpoints of this process and its children run whatever code they hold when they are loaded."""
    os.environ[TRUST] = '1'


def trusts_checkpoints() -> bool:
    return os.environ.get(TRUST, '').lower() in ('1', 'y', 'yes', 'true')


def read_checkpoint(path: str | Path, map_location='cpu', mmap: bool = False, checksums: bool = False) -> dict:
    """Return what the checkpoint file holds; of safetensors and of a pickle (.pkl) of arrays, these as tensors.

    Args:
        path: of the file; ``~`` is the user's home.
        map_location: as in :func:`torch.load`.
        mmap: leave the tensors' values in the file, where its format allows it: for a look at what there is.
        checksums: also compare every byte with the file's checksums, where its format has some.

    Raises:
        DamagedCheckpointError: the file is cut short, altered or no checkpoint.
        CheckpointError: the file holds more than plain data (tensors, numbers, text, containers, a training run's log
            history), and would run code when loaded; not if :func:`trust_checkpoints` was called. Or it is an ONNX
            file, or its format is that of the package safetensors, which is not installed.
    """
    path = Path(path).expanduser()
    if path.suffix.lower() == '.onnx' and path.is_file():
        raise CheckpointError(f'{path} is an ONNX file, which holds no checkpoint',
                              'Give the checkpoint that it was exported from; of the tools, test.py alone takes ONNX.')
    if path.suffix.lower() == '.safetensors':
        return _read_safetensors(path)
    allow_training_state()
    zipped = zipfile.is_zipfile(path)
    try:
        if checksums and zipped and (damage := _altered(path)):
            raise RuntimeError(damage)
        if path.suffix.lower() == '.pkl' and not zipped:
            return read_arrays(path)
        return torch.load(path, map_location, weights_only=not trusts_checkpoints(), mmap=mmap and zipped)
    except pickle.UnpicklingError as error:
        damage = _altered(path) if zipped else path.read_bytes()[:1] != pickle.PROTO and 'it is no pickle'
        if damage:
            raise DamagedCheckpointError(*_damage(path, damage)) from error
        raise CheckpointError(
            f'{path} is refused: it holds more than plain data, and loading it could run any code '
            f'({_refused(path, error)})',
            'Use a checkpoint of plain tensors; or, if you know what is in the file, give --trust-checkpoint to our '
            f'tools, or set {TRUST}=1.') from error
    except FileNotFoundError:
        raise
    except BROKEN as error:
        raise DamagedCheckpointError(*_damage(path, error)) from error


def _altered(path: Path) -> str | None:
    """Return what is wrong with an archive by its checksums, None if nothing is."""
    try:
        with zipfile.ZipFile(path) as archive:
            return 'its checksums do not match' if archive.testzip() else None
    except (zipfile.BadZipFile, OSError, EOFError) as error:
        return str(error)


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        from safetensors import SafetensorError
        from safetensors.torch import load_file
    except ModuleNotFoundError as error:
        raise CheckpointError(f'{path} is in a format of the package safetensors, which is not installed',
                              'Install it: pip install safetensors.') from error
    try:
        return load_file(path)
    except FileNotFoundError:
        raise
    except (SafetensorError, *BROKEN) as error:
        raise DamagedCheckpointError(*_damage(path, error)) from error


def weights_in(content: object, path: str | Path) -> dict[str, Tensor]:
    """Return the weights in the ``content`` of a checkpoint file: its ``state_dict``, ``model``, or the content itself.

    Raises:
        CheckpointError: there are none; the error tells what there is.
    """
    state, name = content, 'it'
    if isinstance(state, dict) and 'state_dict' in state:
        state, name = state['state_dict'], 'its state_dict'
    if isinstance(state, dict) and isinstance(state.get('model'), dict):  # of DeiT's trainer
        state, name = state['model'], 'its model'
    if isinstance(state, dict):
        if state and all(isinstance(value, Tensor) for value in state.values()):
            return state
        weights = {key: value for key, value in state.items() if isinstance(value, Tensor)}
        if weights:
            return weights
    raise CheckpointError(f'{path} holds no weights: {name} {_told(state)}', 'Give a checkpoint: tensors by name in a '
                          'dict, alone or as "state_dict" in another.')


def _told(content: object) -> str:
    """Return what ``content`` is, as the rest of a sentence."""
    if isinstance(content, Tensor):
        return f'is one tensor, of shape {tuple(content.shape)}'
    if isinstance(content, dict):
        names = ', '.join(map(str, list(content)[:8]))
        return f'holds {names}, and none is a tensor' if content else 'is empty'
    if isinstance(content, (list, tuple, set)):
        return f'is a {type(content).__name__} of {len(content)}'
    return f'is {content!r}'[:80]


def _refused(path: str | Path, error: pickle.UnpicklingError) -> str:
    """Return what torch refuses to call of a file, or else why it refuses the file."""
    try:
        names = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    except (pickle.UnpicklingError, *BROKEN):  # no file of torch 1.6 or later, or one that does what no plain data need
        names = []
    reason = str(error.__context__ or error)  # torch raises it anew with a page of advice
    return ', '.join(sorted(names)) or reason.partition('\n')[0]


def _damage(path: str | Path, error: Exception | str) -> tuple[str, str]:
    reason = str(error).strip().split('\n')[0].split('. ')[0] or type(error).__name__
    return f'{path} is cut short or no checkpoint: {reason}', 'Fetch or copy the file again, or name another.'
