"""The one kind of error that a user's input can cause, and how the tools report it."""
import sys
from collections.abc import Callable

__all__ = ['InputError', 'run_tool']


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


def run_tool(main: Callable[[], None]) -> None:
    """Run a tool's ``main``; an :class:`InputError` becomes two lines on stderr and exit code 2."""
    try:
        main()
    except InputError as error:
        print(f'error: {error.what}\n{error.remedy}', file=sys.stderr)
        sys.exit(2)
