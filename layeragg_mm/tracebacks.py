"""What an exception's traceback tells: where it came from, and what it means where it says nothing."""
import linecache
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

__all__ = ['described', 'frames_of', 'interrupted']


def frames_of(error: BaseException) -> Iterator[FrameType]:
    """Yield the frames of an exception's traceback, from where it was caught to where it was raised."""
    traceback = error.__traceback__
    while traceback is not None:
        yield traceback.tb_frame
        traceback = traceback.tb_next


def described(error: BaseException) -> str:
    """Return what an error says in one line, and where it says nothing, the line of code that raised it."""
    text = ' '.join(str(error).split())
    if isinstance(error, KeyError) and error.args:
        text = ' '.join(str(error.args[0]).split())
        return text if ' ' in text else f'{text!r} is missing'
    if text:
        return text
    *_, frame = frames_of(error)
    line = linecache.getline(frame.f_code.co_filename, error_line(error)).strip()
    return f'{type(error).__name__} at {Path(frame.f_code.co_filename).name}: {line}'


def error_line(error: BaseException) -> int:
    traceback = error.__traceback__
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    return traceback.tb_lineno


def interrupted(error: BaseException | None) -> bool:
    """Tell whether an exception came of Ctrl-C; while it formats a config, mmengine makes another of one."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__context__
    return error is not None
