"""What a user is told: the error of an input, the error of a run, how the tools report them, and their common check."""
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

__all__ = ['DataError', 'InputError', 'RunError', 'check_output', 'run_tool']


class InputError(ValueError):
    """Something a user gave cannot be used.

    Args:
        what: what is wrong, and where (file, config key, class name).
        remedy: what the user can do about it.
    """

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


def run_tool(main: Callable[[], None]) -> None:
    """Run ``main``; :class:`InputError` and :class:`RunError` become two lines on stderr and exit code 2 and 1."""
    try:
        main()
    except InputError as error:
        print(f'error: {error.what}\n{error.remedy}', file=sys.stderr)
        sys.exit(2)
    except RunError as error:
        sys.exit(f'error: {error.what}\n{error.remedy}')
