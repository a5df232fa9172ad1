"""What a user is told: the error of an input, the error of a run, and what tools check alike."""
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import SequenceMatcher
from itertools import islice
from pathlib import Path

__all__ = ['DataError', 'InputError', 'RunError', 'check_new_folder', 'check_output', 'lying_there', 'tracebacks_in']


class InputError(ValueError):
    """Something a user gave cannot be used.

    Args:
        what: what is wrong, and where (file, config key, class name).
        remedy: what the user can do about it.
    """

    #: Of a tool that ends with it.
    exit_code = 2

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f'{what}\n{remedy}')
        self.what = what
        self.remedy = remedy


class DataError(InputError):
    """An :class:`InputError` of a file that is read in training; a data worker's arrives as its traceback's text.

    Args:
        what: as there, in one line; or that text.
        remedy: as there.
    """

    def __init__(self, what: str, remedy: str | None = None) -> None:
        if remedy is None:
            last, remedy = what.rstrip().splitlines()[-2:]
            what = last.partition(': ')[2]
        super().__init__(what, remedy)


class RunError(RuntimeError):
    """A run that began well cannot go on.

    Args:
        what: what happened, and where.
        remedy: what the user can do about it.
    """

    exit_code = 1

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f'{what}\n{remedy}')
        self.what = what
        self.remedy = remedy


def check_output(path: str | Path, inputs: Iterable[str | Path], *, folder: bool = False,
                 option: str = '--out') -> None:
    """Raise an :class:`InputError` unless ``path``, of an option, can be written and is none of the ``inputs``."""
    path = Path(path)
    existing = next(part for part in (path, *path.absolute().parents) if part.exists())
    if existing.is_dir() != (folder or existing != path):
        raise InputError(f'{option} {path}: {existing} is {"a folder" if existing.is_dir() else "no folder"}',
                         f'Name a {"folder" if folder else "file"}.')
    if not os.access(existing, os.W_OK):
        raise InputError(f'{option} {path}: no permission to write to {existing}', 'Name another place.')
    if any(path.resolve() == Path(other).resolve() for other in inputs):
        raise InputError(f'{option} {path} would overwrite what is evaluated', 'Name another file.')


def check_new_folder(path: str | Path, option: str = '--out') -> None:
    """Raise an :class:`InputError` unless ``path``, of an option, is a folder that can be made, or an empty one."""
    check_output(path, [], folder=True, option=option)
    if Path(path).is_dir() and any(Path(path).iterdir()):
        raise InputError(f'{option} {path} is there and not empty: {lying_there(Path(path, "*"))}',
                         f'Name another folder with {option} DIR, or remove this one.')


def lying_there(path: str | Path, most: int = 6) -> str:
    """Return what is there in the place of a missing ``path``, the names most like it first, as a sentence's end."""
    path = Path(path)
    folder = next((parent for parent in path.parents if parent.is_dir()), Path())
    missing = path.relative_to(folder).parts[0] if path != folder else ''
    names = [entry.name + '/' * entry.is_dir() for entry in islice(os.scandir(folder), 1000)]
    names.sort(key=lambda name: (-SequenceMatcher(None, missing, name).ratio(), name))
    more = f' and {len(names) - most} more' if len(names) > most else ''
    return f'{folder} has {", ".join(names[:most])}{more}' if names else f'{folder} is empty'


@contextmanager
def tracebacks_in(folder: str | Path) -> Iterator[None]:
    """Within, an exception that no one expected is to leave its traceback in ``folder``, if that is there then."""
    try:
        yield
    except Exception as error:
        error.folder = folder
        raise
