"""What a user is told: the error of an input, the error of a run, and how the tools report them."""
import sys
from collections.abc import Callable

__all__ = ['InputError', 'RunError', 'run_tool']


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


def run_tool(main: Callable[[], None]) -> None:
    """Run ``main``; :class:`InputError` and :class:`RunError` become two lines on stderr and exit code 2 and 1."""
    try:
        main()
    except InputError as error:
        print(f'error: {error.what}\n{error.remedy}', file=sys.stderr)
        sys.exit(2)
    except RunError as error:
        sys.exit(f'error: {error.what}\n{error.remedy}')
