"""The configs of this package, by name and as bases of others, and what is inside any config."""
from collections.abc import Iterator
from difflib import get_close_matches
from functools import cache
from pathlib import Path

from mmengine.config import Config, ConfigDict
from mmengine.config.utils import MODULE2PACKAGE

__all__ = ['config', 'know_our_bases', 'type_of', 'walk']

FOLDER = Path(__file__).parent / '.mim/configs'
SCOPE = 'layeragg_mm::'


def config(name: str) -> str:
    """Return the file of a config of this package, e.g. ``mask_rcnn_mrla_r50``.

    mmengine evaluates what stands behind ``_base_``, so that a config which any program reads may say
    ``_base_ = __import__('layeragg_mm').config('mask_rcnn_mrla_r50')``, alone or in a list of bases.

    Raises:
        FileNotFoundError: there is none of this name; says which come close, or else which there are.
    """
    file = FOLDER / f'{name.removesuffix(".py")}.py'
    if not file.is_file():
        names = sorted(path.stem for path in FOLDER.glob('*.py'))
        close = get_close_matches(file.stem, names)
        raise FileNotFoundError(f'layeragg_mm has no config {name}; ' + (
            f'do you mean {" or ".join(close)}?' if close else f'its configs: {", ".join(names)}'))
    return str(file)


def know_our_bases() -> None:
    """Let mmengine find ``_base_ = 'layeragg_mm::NAME.py'`` from now on, in this process.

    An entry in its table of packages would not do: mmengine wants a folder in the name, builds what a package's configs
    hold with a registry of that package's own, and finds packages under the name of their distribution only, which is
    why the maintained fork does not find mmseg's configs. That entry is corrected.
    """
    find = cache(Config._get_cfg_path)  # which reads a library's hundred metafiles

    def find_ours_too(cfg_path: str, filename: str) -> tuple[str, str | None]:
        if cfg_path.startswith(SCOPE):
            return config(cfg_path.removeprefix(SCOPE)), None  # no scope: our configs name theirs themselves
        return find(cfg_path, filename)

    Config._get_cfg_path = staticmethod(find_ours_too)
    MODULE2PACKAGE['mmseg'] = 'mmseg'


def walk(node, path: str = '') -> Iterator[tuple[str, ConfigDict]]:
    """Yield every dict inside ``node`` with its path in config notation, outermost first."""
    if isinstance(node, dict):
        yield path, node
        children = node.items()
    elif isinstance(node, (list, tuple)):
        children = enumerate(node)
    else:
        return
    for key, child in children:
        yield from walk(child, f'{path}.{key}' if path else str(key))


def type_of(node: dict) -> str:
    """Return the name of what ``node`` is built from, without its scope or module; '' if it does not say.

    In configs of mmengine's python style a type is no text, but the class or function.
    """
    kind = node.get('type')
    return str(getattr(kind, '__name__', kind) or '').split('.')[-1]
