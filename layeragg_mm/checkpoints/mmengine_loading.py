"""What mmengine loads: read as :func:`read_checkpoint` reads, fetched or told to be out of reach, always weights."""
import os
import pickle
import socket
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from http.client import HTTPException
from urllib.error import URLError

from mmengine.runner import CheckpointLoader

from .reading import TRUST, CheckpointError, read_checkpoint, trusts_checkpoints, weights_in
from .training_state import allow_training_state

__all__ = ['fetch_checkpoint', 'is_address', 'plain_checkpoints']

# torch's own switch: what torch.load does whatever its caller says.
DISTRUST = 'TORCH_FORCE_WEIGHTS_ONLY_LOAD'

# A server that sends nothing for so many seconds is out of reach.
PATIENCE = 8

UNREACHABLE = URLError, HTTPException, TimeoutError, ConnectionError


def is_address(path: str) -> bool:
    """Tell whether ``path`` is the address of a checkpoint (https://, torchvision://, open-mmlab://, ...)."""
    return '://' in path


@contextmanager
def plain_checkpoints() -> Iterator[None]:
    """Within, whatever mmengine loads goes through :func:`read_checkpoint`, or is refused as it refuses.

    mmengine itself loads a file that could run code all the same, after a warning or without one. What it gets has its
    weights as ``state_dict``, which hooks look for, and no ``config`` of MMDetection 2, which mmengine would run.

    Raises:
        CheckpointError: as :func:`read_checkpoint`, downloaded files included; a file is missing, cannot be fetched or
            holds no weights.
    """
    scheme, distrusted = CheckpointLoader._schemes[''], os.environ.get(DISTRUST)
    method, load = CheckpointLoader.__dict__['load_checkpoint'], CheckpointLoader.load_checkpoint

    def load_weights(filename: str, map_location=None, logger='current') -> dict:
        with _telling_what_fails(filename) if is_address(filename) else nullcontext():
            content = load(filename, map_location, logger)
        weights = weights_in(content, filename)
        if weights is content:
            return dict(state_dict=weights)
        if isinstance(content.get('meta'), dict):
            content['meta'].pop('config', None)
        return dict(content, state_dict=weights)

    allow_training_state()
    CheckpointLoader.register_scheme('', _load_from_local, force=True)
    CheckpointLoader.load_checkpoint = staticmethod(load_weights)
    if not trusts_checkpoints():
        os.environ[DISTRUST] = '1'
    try:
        yield
    finally:
        CheckpointLoader.register_scheme('', scheme, force=True)
        CheckpointLoader.load_checkpoint = method
        if distrusted is not None:
            os.environ[DISTRUST] = distrusted
        else:
            os.environ.pop(DISTRUST, None)


def fetch_checkpoint(address: str) -> dict:
    """Return the checkpoint at an ``address``, from where it is fetched once and kept.

    Raises:
        CheckpointError: see :func:`plain_checkpoints`.
    """
    with plain_checkpoints():
        return CheckpointLoader.load_checkpoint(address, map_location='cpu')


def _load_from_local(filename: str, map_location) -> dict:
    try:
        return read_checkpoint(filename, map_location)
    except FileNotFoundError as error:
        raise CheckpointError(f'checkpoint file not found: {filename}', 'Check the path.') from error


@contextmanager
def _telling_what_fails(address: str) -> Iterator[None]:
    """Within, a checkpoint is fetched from ``address``: what happens on the way is one error."""
    patience = socket.getdefaulttimeout()
    socket.setdefaulttimeout(PATIENCE)
    try:
        yield
    except CheckpointError:
        raise
    except pickle.UnpicklingError as error:
        raise CheckpointError(f'{address}: the downloaded checkpoint is refused: it holds more than plain data, and '
                              f'loading it could run any code: {str(error).splitlines()[-1]}',
                              f'Use another, or, if you know what is in it, set {TRUST}=1.') from error
    except ImportError as error:
        raise CheckpointError(f'{address}: the package {error.name or error}, which knows such addresses, is not '
                              'installed', f'Install it{FILE_INSTEAD}') from error
    except KeyError as error:
        raise CheckpointError(f'{address}: no address of this name is known',
                              f'Correct the name{FILE_INSTEAD}') from error
    except UNREACHABLE as error:
        reason = getattr(error, 'reason', None) or str(error) or type(error).__name__
        raise CheckpointError(f'{address} cannot be reached: {reason}',
                              f'Try again where there is a network{FILE_INSTEAD}') from error
    except (OSError, RuntimeError, EOFError, ValueError) as error:
        raise CheckpointError(f'{address} cannot be fetched: {str(error).splitlines()[0] if str(error) else error!r}',
                              f'Try again{FILE_INSTEAD}') from error
    finally:
        socket.setdefaulttimeout(patience)


FILE_INSTEAD = ', or fetch the file by other means and name it in the place of the address.'
