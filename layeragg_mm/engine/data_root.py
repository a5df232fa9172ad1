"""--data-root: another place for the same data."""
import os
from pathlib import Path

from mmengine.config import Config

from ..configs import walk
from ..errors import InputError

__all__ = ['roots_of', 'set_data_root']


def roots_of(cfg: Config) -> set[str]:
    """Return the folders that the data loaders of ``cfg`` name as ``data_root``."""
    return {node['data_root'] for name, section in sections_of(cfg).items() if name.endswith('_dataloader')
            for _, node in walk(section) if node.get('data_root')}


def sections_of(cfg: Config) -> dict[str, dict]:
    return {name: cfg[name] for name in cfg
            if name.endswith(('_dataloader', '_evaluator')) and cfg[name] is not None}


def set_data_root(cfg: Config, data_root: str) -> None:
    """Point every data loader and evaluator of ``cfg`` at ``data_root``.

    Each data set's ``data_root`` is replaced, and so is the start of every other path in data loaders and evaluators
    that begins with a replaced root (``CocoMetric``'s ``ann_file``, proposal files, ...).

    Raises:
        InputError: ``data_root`` is no folder, or the config's data loaders have no ``data_root`` to replace.
    """
    if not Path(data_root).is_dir():
        raise InputError(f'--data-root {data_root} is not a folder', 'Name the folder that holds the data set.')
    old_roots = roots_of(cfg)
    if not old_roots:
        raise InputError('--data-root has nothing to replace: no data loader of the config has a data_root',
                         'Give its data sets a data_root, or change the paths with --cfg-options.')

    def moved(text):
        for old in sorted(old_roots, key=len, reverse=True):
            root = old.rstrip('/')
            if isinstance(text, str) and (text == root or text.startswith(root + '/')):
                return os.path.join(data_root, text[len(root):].lstrip('/'))
        return text

    for section in sections_of(cfg).values():
        for _, node in walk(section):
            for key, value in node.items():
                if isinstance(value, str):
                    node[key] = moved(value)
                elif isinstance(value, (list, tuple)):
                    node[key] = type(value)(moved(item) for item in value)
