"""From a command line to a config: what tools/train.py and tools/test.py share."""
import argparse
import os
from collections.abc import Callable
from pathlib import Path

from mmengine.config import Config
from mmengine.registry import init_default_scope

from ..configs import walk
from ..errors import InputError
from .auto_channels import fill_channels
from .launchers import check_launcher
from .options import read_options
from .overrides import override

__all__ = ['load_config', 'read_config', 'roots_of', 'set_data_root', 'written_config']


def load_config(args: argparse.Namespace, *needed: str) -> Config:
    """Return the user's config, without the data that a tool's arguments name (tools/command_line.py).

    Raises:
        InputError: the file is missing or no valid config, an override does not fit it, or it lacks one of the settings
            that are ``needed``.
    """
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    cfg = read_config(args.config, cfg_options=args.cfg_options)
    missing = [key for key in needed if cfg.get(key) is None]
    if missing:
        raise InputError(f'{args.config} has no {", no ".join(missing)}', 'Give a whole config.')
    init_default_scope(cfg.get('default_scope', 'mmdet'))
    check_launcher(args.launcher)
    return cfg


def read_config(path: str, data_root: str | None = None, cfg_options: dict | list[str] | None = None) -> Config:
    """Return the config of a file, or a package's own (``mmdet::retinanet/retinanet_r50_fpn_1x_coco.py``).

    Args:
        path: of the config.
        data_root: replaces the config's, see :func:`set_data_root`.
        cfg_options: overrides by dotted key, as a dict or as KEY=VALUE texts.

    Raises:
        InputError: the file is missing or no valid config, or an override does not fit it.
    """
    cfg = written_config(path, data_root, cfg_options)
    if cfg.get('model'):
        fill_channels(cfg.model, cfg.get('default_scope', 'mmdet'))
    return cfg


def written_config(path: str, data_root: str | None = None, cfg_options: dict | list[str] | None = None,
                   imports: bool = True) -> Config | None:
    """Return a config as :func:`read_config` does, but with nothing of it built.

    Without ``imports`` nothing is imported that it names; of one in mmengine's python style, which imports all that it
    names, None is returned then.
    """
    if is_checkpoint(path):
        raise InputError(f'{path} is a checkpoint, and a config should stand there',
                         'The config comes first: CONFIG CHECKPOINT.')
    try:
        if not imports and path.endswith('.py') and Config._is_lazy_import(path):
            return None
        cfg = Config.fromstring(f'_base_ = {path!r}', '.py') if '::' in path else Config.fromfile(
            path, import_custom_modules=imports)
        for _, node in walk(cfg._cfg_dict):  # in the python style, this imports what it names
            node.pop('_delete_', None)  # mmengine leaves it where there was nothing to delete
    except FileNotFoundError as error:
        raise InputError(f'config file not found: {error}',
                         'Check the path of the config and of its _base_.') from error
    except InputError as error:  # of what the config calls
        raise InputError(f'{path}: {error.what}', error.remedy) from error
    except Exception as error:  # a config is a program
        first_line, _, _ = str(error).partition('\n')
        raise InputError(f'{path} is no valid config: {type(error).__name__}: {first_line}',
                         'Mend the config file.') from error
    if 'default_scope' in cfg and cfg.default_scope is None:  # as in MMDetection's configs of the python style
        cfg.default_scope = 'mmdet'
    if cfg_options is not None:
        override(cfg, cfg_options if isinstance(cfg_options, dict) else read_options(cfg_options))
    if data_root is not None:
        set_data_root(cfg, data_root)
    change_texts(cfg._cfg_dict, lambda text: os.path.expanduser(text) if text.startswith('~/') else text)
    return cfg


def change_texts(section: dict, change: Callable[[str], str]) -> None:
    """Replace every text in a section of a config, by itself or in a list."""
    for _, node in walk(section):
        for key, value in node.items():
            if isinstance(value, str):
                node[key] = change(value)
            elif isinstance(value, (list, tuple)):
                node[key] = type(value)(change(item) if isinstance(item, str) else item for item in value)


def is_checkpoint(path: str) -> bool:
    """Tell whether a file is what torch saves: a zip archive or a pickle."""
    try:
        with open(path, 'rb') as file:
            start = file.read(2)
    except OSError:
        return False
    return start == b'PK' or start[:1] == b'\x80'


def set_data_root(cfg: Config, data_root: str) -> None:
    """Point every data loader and evaluator of ``cfg`` at ``data_root``.

    Each data set's ``data_root`` is replaced, and so is the start of every other path in data loaders and evaluators
    that begins with a replaced root (``CocoMetric``'s ``ann_file``, proposal files, ...).

    Raises:
        InputError: ``data_root`` is no folder, or the config's data loaders have no ``data_root`` to replace.
    """
    data_root = os.path.expanduser(data_root)
    if not Path(data_root).is_dir():
        raise InputError(f'--data-root {data_root} is not a folder', 'Name the folder that holds the data set.')
    old_roots = roots_of(cfg)
    if not old_roots:
        raise InputError('--data-root has nothing to replace: no data loader of the config has a data_root',
                         'Give its data sets a data_root, or change the paths with --cfg-options.')

    def moved(text):
        for old in sorted(old_roots, key=len, reverse=True):
            root = old.rstrip('/')
            if text == root or text.startswith(root + '/'):
                return os.path.join(data_root, text[len(root):].lstrip('/'))
        return text

    for section in sections_of(cfg, '_dataloader', '_evaluator'):
        change_texts(section, moved)


def roots_of(cfg: Config) -> set[str]:
    """Return the folders that the data loaders of ``cfg`` name as ``data_root``."""
    return {node['data_root'] for section in sections_of(cfg, '_dataloader') for _, node in walk(section)
            if node.get('data_root')}


def sections_of(cfg: Config, *endings: str) -> list[dict]:
    return [cfg[name] for name in cfg if name.endswith(endings) and cfg[name] is not None]
