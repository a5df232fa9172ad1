"""What goes wrong where something of a config is built, told in the config's words."""
import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from mmengine.registry import MODELS, Registry

from ..configs import walk
from ..errors import InputError, RunError
from ..registered import arguments_of, find_registered, name_of, refuse_arguments
from ..tracebacks import described, frames_of
from ..words import cannot_build, takes

__all__ = ['naming_nodes', 'path_of', 'saying_nothing']


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


@contextmanager
def saying_nothing() -> Iterator[None]:
    """Within, nothing is logged and no one is warned: what is built here the run builds again, and says it then."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            yield
    finally:
        logging.disable(before)


def explain(error: Exception, cfg: dict, name: str) -> InputError | None:
    """Return what an ``error`` means for the node whose building raised it; None if none was being built."""
    while error is not None:
        frame = innermost_building(error)
        if frame is not None:
            return explain_node(error, frame, cfg, name)
        error = error.__cause__ or error.__context__
    return None


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
    return cannot_build(path, name_of(node), node, described(error), takes(name_of(node), arguments_of(built) or ()))


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
