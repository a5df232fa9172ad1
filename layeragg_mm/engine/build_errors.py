"""What goes wrong where something of a config is built, told in the config's words."""
import linecache
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from mmengine.registry import MODELS, Registry

from ..configs import walk
from ..errors import InputError, RunError
from ..registered import find_registered, name_of, refuse_arguments, takes

__all__ = ['described', 'naming_nodes', 'path_of']


@contextmanager
def naming_nodes(cfg: dict, name: str = '') -> Iterator[None]:
    """Within, an error of building a node of ``cfg`` becomes an :class:`InputError` that tells which and why.

    Built is what mmengine's registries and mmcv's ``build_norm_layer``, ``build_conv_layer``, ... build.

    Args:
        cfg: of what is built, or the whole of it.
        name: where ``cfg`` stands in the user's config; nothing for the whole.
    """
    try:
        yield
    except (InputError, RunError):
        raise
    except Exception as error:
        told = explain(error, cfg, name)
        if told is None:
            raise
        raise told from error


def explain(error: Exception, cfg: dict, name: str) -> InputError | None:
    """Return what an ``error`` means for the node whose building raised it; None if none was being built."""
    while error is not None:
        frame = innermost_building(error)
        if frame is not None:
            return explain_node(error, frame, cfg, name)
        error = error.__cause__ or error.__context__
    return None


def frames_of(error: BaseException) -> Iterator[FrameType]:
    traceback = error.__traceback__
    while traceback is not None:
        yield traceback.tb_frame
        traceback = traceback.tb_next


def innermost_building(error: BaseException) -> FrameType | None:
    """Return the last frame in an error's traceback that builds from a dict with a type."""
    building = [frame for frame in frames_of(error)
                if re.fullmatch(r'build_(from_cfg|\w+_layer)', frame.f_code.co_name) and isinstance(
                    frame.f_locals.get('cfg'), dict) and 'type' in frame.f_locals['cfg']]
    return building[-1] if building else None


def explain_node(error: Exception, frame: FrameType, cfg: dict, name: str) -> InputError:
    node = frame.f_locals['cfg']
    path = path_of(node, cfg, name) or name or name_of(node)
    registry = frame.f_locals.get('registry')
    try:
        built = find_registered(registry if isinstance(registry, Registry) else MODELS, node, path)
        if isinstance(error, TypeError):
            refuse_arguments(built, name_of(node), node, path, given=frame.f_locals.get('default_args') or ())
    except InputError as told:
        return told
    given = ', '.join(f'{key}={value!r}' for key, value in node.items()
                      if key != 'type' and isinstance(value, (str, int, float, tuple, list, type(None))))
    return InputError(f'{path}: {name_of(node)}({given}) cannot be built: {described(error)}',
                      f'Correct the config: {takes(built, name_of(node))}')


def path_of(node: dict, cfg: dict, name: str = '') -> str | None:
    """Return where in ``cfg`` a ``node`` stands: itself, one that equals it, or the first that it extends or cuts."""
    places = list(walk(cfg, name))
    for is_it in (lambda each: each is node,
                  lambda each: each == node,
                  lambda each: 'type' in each and is_part(each, node),
                  lambda each: 'type' in node and is_part(node, each)):
        for path, each in places:
            if is_it(each):
                return path
    return None


def is_part(one: dict, other: dict) -> bool:
    return all(key in other and other[key] == value for key, value in one.items())


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
