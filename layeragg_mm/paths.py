"""The paths that a config names: what is not there is told, with what lies there in its place."""
from pathlib import Path

from .configs import walk
from .errors import InputError, lying_there

__all__ = ['check_checkpoint_file', 'check_file', 'check_paths', 'is_local', 'missing']

CONFIG_SUFFIXES = '.py', '.json', '.yaml', '.yml'


def check_paths(path: str, node: dict) -> None:
    """Check the files that one data set's dict names."""
    data_root = node.get('data_root') or ''
    ann_file = node.get('ann_file')
    if ann_file and is_local(data_root) and is_local(ann_file) and not Path(data_root, ann_file).is_file():
        raise InputError(f'{path}: annotation file not found: {Path(data_root, ann_file)}',
                         f'Check the path ({lying_there(Path(data_root, ann_file))}), or point the config at the data '
                         'with --data-root DIR.')
    prefixes = node.get('data_prefix')
    for kind, prefix in (prefixes.items() if isinstance(prefixes, dict) else ()):
        if is_local(data_root) and is_local(prefix) and not Path(data_root, prefix).is_dir():
            raise InputError(f'{path}: image folder ({kind}) not found: {Path(data_root, prefix)}',
                             f'Check the path ({lying_there(Path(data_root, prefix))}), or point the config at the '
                             'data with --data-root DIR.')


def is_local(path: str) -> bool:
    return '://' not in path


def missing(path: str, ann_file: str, loader: dict | None) -> InputError:
    """Return what is said of the file of an evaluator at ``path`` that is not there, with the one that may be meant.

    Args:
        path: in the config.
        ann_file: the file.
        loader: of the images that are evaluated.
    """
    what = f'{path}.ann_file: annotation file not found: {ann_file}'
    for _, node in walk(loader):
        root, own = node.get('data_root') or '', node.get('ann_file') or ''
        for there in (Path(root, ann_file), Path(root, own)):
            if own and there.name == Path(ann_file).name and there.is_file():
                return InputError(f'{what}; the data set reads {there}', 'data_root and --data-root change paths that '
                                  f'begin with it only: --cfg-options {path}.ann_file={there}')
    return InputError(what, f'Check the path ({lying_there(ann_file)}), or point the config at the data with '
                      '--data-root DIR.')


def check_file(path: Path | str) -> None:
    """Raise an :class:`InputError` unless the file is there."""
    if not Path(path).is_file():
        what = 'Is a directory' if Path(path).is_dir() else 'No such file or directory'
        raise InputError(f'{path}: {what}', f'Check the path: {lying_there(path)}.')


def check_checkpoint_file(path: str, name: str) -> None:
    """Raise an :class:`InputError` if ``path``, given as ``name``, is no file, or one that holds no weights."""
    file = Path(path).expanduser()
    if not file.is_file():
        raise InputError(f'{name}: checkpoint file not found: {path}', f'Check the path: {lying_there(file)}.')
    if file.suffix in CONFIG_SUFFIXES:
        raise InputError(f'{name}: {path} is a config or data, and a checkpoint should stand there',
                         'The config comes first: CONFIG CHECKPOINT.')
