"""Reading checkpoint files as data: nothing in a file is ever called, unless its user vouches for it."""
import os
import pickle
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from struct import error as StructError

import torch
from mmengine.runner import CheckpointLoader

from ..errors import InputError
from .arrays import read_arrays
from .training_state import allow_training_state

__all__ = ['CheckpointError', 'DamagedCheckpointError', 'plain_checkpoints', 'read_checkpoint', 'trust_checkpoints']

# torch's own switches: what torch.load does where its caller says nothing, or whatever its caller says.
TRUST = 'TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD'
DISTRUST = 'TORCH_FORCE_WEIGHTS_ONLY_LOAD'

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


def _trusted() -> bool:
    return os.environ.get(TRUST, '').lower() in ('1', 'y', 'yes', 'true')


def read_checkpoint(path: str | Path, map_location='cpu', mmap: bool = False, checksums: bool = False) -> dict:
    """Return what the checkpoint file holds; of a pickle (.pkl) of numpy arrays, these as tensors of the CPU.

    Args:
        map_location: as in :func:`torch.load`.
        mmap: leave the tensors' values in the file, where its format allows it: for a look at what there is.
        checksums: also compare every byte with the file's checksums, where its format has some.

    Raises:
        DamagedCheckpointError: the file is cut short, altered or no checkpoint.
        CheckpointError: the file holds more than plain data (tensors, numbers, text, containers, a training run's log
            history), and would run code when loaded; not if :func:`trust_checkpoints` was called.
    """
    allow_training_state()
    zipped = zipfile.is_zipfile(path)
    try:
        if checksums and zipped and zipfile.ZipFile(path).testzip():
            raise RuntimeError('its checksums do not match')
        if Path(path).suffix == '.pkl' and not zipped:
            return read_arrays(path)
        return torch.load(path, map_location, weights_only=not _trusted(), mmap=mmap and zipped)
    except pickle.UnpicklingError as error:
        if not zipped and Path(path).read_bytes()[:1] != pickle.PROTO:
            raise DamagedCheckpointError(*_damage(path, 'it is no pickle')) from error
        raise CheckpointError(
            f'{path} is refused: it holds more than plain data, and loading it could run any code '
            f'({_refused(path, error)})',
            'Use a checkpoint of plain tensors; or, if you know what is in the file, give --trust-checkpoint to our '
            f'tools, or set {TRUST}=1.') from error
    except FileNotFoundError:
        raise
    except BROKEN as error:
        raise DamagedCheckpointError(*_damage(path, error)) from error


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


@contextmanager
def plain_checkpoints() -> Iterator[None]:
    """Within, whatever mmengine loads goes through :func:`read_checkpoint`, or is refused as it refuses.

    mmengine itself loads a file that could run code all the same, after a warning or without one.

    Raises:
        CheckpointError: as :func:`read_checkpoint`; downloaded files included.
    """
    if _trusted():
        yield
        return
    allow_training_state()
    load_local, distrusted = CheckpointLoader._schemes[''], os.environ.get(DISTRUST)
    CheckpointLoader.register_scheme('', _load_from_local, force=True)
    os.environ[DISTRUST] = '1'
    try:
        yield
    except pickle.UnpicklingError as error:
        raise CheckpointError('a downloaded checkpoint is refused: it holds more than plain data, and loading it could '
                              f'run any code: {str(error).splitlines()[-1]}',
                              f'Use another, or, if you know what is in it, set {TRUST}=1.') from error
    finally:
        CheckpointLoader.register_scheme('', load_local, force=True)
        if distrusted is None:
            del os.environ[DISTRUST]
        else:
            os.environ[DISTRUST] = distrusted


def _load_from_local(filename: str, map_location) -> dict:
    return read_checkpoint(os.path.expanduser(filename), map_location)
