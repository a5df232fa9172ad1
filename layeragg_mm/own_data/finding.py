"""Which files and folders are a user's own data, by a tool's arguments; nothing here takes time to import."""
import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from mmengine.config import Config

from ..configs import walk
from ..engine.config import roots_of, set_data_root
from ..engine.segmentation import is_segmentation
from ..errors import InputError, lying_there
from .layouts import COCO, MAPS, Labelled, Layout, find_layout

__all__ = ['SPLITS', 'OwnData', 'can_be_own', 'data_sets', 'find_data', 'named_files', 'splits_of']

SPLITS = 'train', 'val', 'test'
NAMES_FILES = {'ann_file', 'data_prefix', 'data_root', 'split'}


class OwnData(NamedTuple):
    """Data that take the place of those that a config names.

    Attributes:
        files: by split. Tested is on the validation data, where there are no others.
        root: folder in which they were found; None if flags name them.
        said: how they lie there, for messages.
    """
    files: dict[str, Labelled]
    root: Path | None = None
    said: str = ''


def can_be_own(args: argparse.Namespace) -> bool:
    """Tell whether a tool takes own data."""
    return hasattr(args, 'classes')


def splits_of(args: argparse.Namespace) -> list[str]:
    """Return the splits that a tool reads."""
    return [split for split in SPLITS if hasattr(args, split)]


def find_data(cfg: Config, args: argparse.Namespace) -> OwnData | None:
    """Return the data that ``args`` (``add_override_arguments`` in tools/command_line.py) name; None: the config's.

    With ``--data-root``, the config's are moved there; where they are not there, those of a usual layout are found.

    Raises:
        InputError: flags do not go together, or files are not there.
    """
    given = {split: pair for split in splits_of(args) if (pair := getattr(args, split)) is not None}
    check_together(cfg, args, given)
    if not given:
        return None if args.data_root is None else find_in_root(cfg, args, Path(args.data_root).expanduser())
    maps = is_segmentation(cfg)
    files = {split: Labelled(*map(Path, pair if maps else reversed(pair))) for split, pair in given.items()}
    for split, each in files.items():
        check_there(split, each, maps)
    return OwnData(testing_too(cfg, files))


def testing_too(cfg: Config, files: dict[str, Labelled]) -> dict[str, Labelled]:
    with_test = cfg.get('test_dataloader') and 'val' in files
    return {**files, 'test': files.get('test', files['val'])} if with_test else files


def check_together(cfg: Config, args: argparse.Namespace, given: dict) -> None:
    """Raise an :class:`InputError` if flags do not go together."""
    maps = is_segmentation(cfg)
    if args.classes and not (maps and (given or args.data_root is not None)):
        raise InputError('--classes names the values of label maps, and no label maps are given',
                         f'Add {flags_of(cfg)}, or --data-root DIR.' if maps else
                         'Leave it out: the classes of a detector are the categories of its annotation file.')
    if given and args.data_root is not None:
        raise InputError(f'--data-root and --{next(iter(given))} both name the data', 'Leave one of them out.')
    for one, other in (('train', 'val'), ('val', 'train')):
        if one in given and other not in given and cfg.get(f'{other}_dataloader'):
            raise InputError(f'--{one} is given without --{other}', f'Give both: {flags_of(cfg)}.')


def flags_of(cfg: Config) -> str:
    pair = 'IMAGES MAPS' if is_segmentation(cfg) else 'JSON IMAGES'
    return f'--train {pair} --val {pair}'


def check_there(split: str, files: Labelled, maps: bool) -> None:
    """Raise an :class:`InputError` unless images and labels are there, folders or (labels that are no maps) a file."""
    if not maps and files.labels.is_dir() and files.images.is_file():
        raise InputError(f'--{split} {files.labels} {files.images}: the annotation file comes first',
                         f'Write --{split} {files.images} {files.labels}')
    labels = ('folder of label maps', files.labels.is_dir()) if maps else ('annotation file', files.labels.is_file())
    for path, kind, there in ((files.labels, *labels), (files.images, 'folder of images', files.images.is_dir())):
        if not there:
            raise InputError(f'--{split}: {kind} not found: {path}', f'Correct the path: {lying_there(path)}.')


def data_sets(cfg: Config, split: str) -> Iterator[tuple[str, dict]]:
    """Yield the data sets that a data loader has inside of its wrappers, with their paths."""
    loader = cfg.get(f'{split}_dataloader')
    for path, node in walk(loader and loader.dataset, f'{split}_dataloader.dataset'):
        if node.keys() & NAMES_FILES and not node.keys() & {'dataset', 'datasets'}:
            yield path, node


def named_files(cfg: Config, args: argparse.Namespace) -> list[tuple[str, dict, Path]]:
    """Return the data sets of ``cfg`` that read an annotation file in JSON, with their paths in it and these files."""
    return [(path, node, Path(node.get('data_root') or '', node['ann_file'])) for split in splits_of(args)
            for path, node in data_sets(cfg, split) if str(node.get('ann_file') or '').endswith('.json')]


def named_folders(cfg: Config, args: argparse.Namespace) -> dict[str, Labelled]:
    """Return the folders of images and of label maps that ``cfg`` names, by split."""
    found = {}
    for split in splits_of(args):
        for _, node in data_sets(cfg, split):
            root, folders = Path(node.get('data_root') or ''), node.get('data_prefix') or {}
            if {'img_path', 'seg_map_path'} <= set(folders):
                found[split] = Labelled(root / folders['img_path'], root / folders['seg_map_path'])
    return found


def named_labels(cfg: Config, args: argparse.Namespace) -> list[tuple[Path, ...]]:
    """Return what ``cfg`` names: annotation files, or folders of images and of label maps."""
    if is_segmentation(cfg):
        return list(named_folders(cfg, args).values())
    return [(file,) for _, _, file in named_files(cfg, args)]


def find_in_root(cfg: Config, args: argparse.Namespace, root: Path) -> OwnData | None:
    if roots_of(cfg) or not (named_labels(cfg, args) or args.classes):
        set_data_root(cfg, str(root))
    elif not root.is_dir():
        raise InputError(f'--data-root {root} is not a folder', 'Name the folder that holds the data set.')
    named = named_labels(cfg, args)
    if roots_of(cfg) and any(all(path.exists() for path in each) for each in named):
        return take_named(cfg, args, root) if args.classes else None
    if not named and not args.classes:
        return None
    layout, files = layout_of(cfg, root, named)
    files = testing_too(cfg, {split: each for split, each in files.items() if cfg.get(f'{split}_dataloader')})
    splits = splits_of(args)
    lacking = next((split for split in splits if split != 'test' and split not in files), None)
    if lacking or not set(splits) & set(files):
        purpose = f'{"train" if lacking == "train" else "validate" if lacking else "test"} on'
        raise InputError(f'--data-root {root} is laid out as {layout}, but has no data to {purpose}: '
                         f'{lying_there(layout.at(root, lacking or "test"))}', 'Lay them out so, or name the files '
                         f'with {flags_of(cfg)}.')
    return OwnData({split: files[split] for split in splits if split in files}, root,
                   f'{root} is laid out as {layout}; ')


def take_named(cfg: Config, args: argparse.Namespace, root: Path) -> OwnData:
    """Return the folders that ``cfg`` names, for label maps of other classes; tested is where they are there."""
    files = named_folders(cfg, args)
    if 'test' in files and not all(folder.is_dir() for folder in files['test']):
        del files['test']
    for split, each in files.items():
        check_there(split, each, maps=True)
    return OwnData(testing_too(cfg, files), root, f'{root} has the folders that the config names; ')


def layout_of(cfg: Config, root: Path, named: list[tuple[Path, ...]]) -> tuple[Layout, dict[str, Labelled]]:
    """Return the layout of ``root`` and its splits, or raise an :class:`InputError`."""
    maps = is_segmentation(cfg)
    layouts = MAPS if maps else COCO
    found = find_layout(root, layouts)
    if found is None:
        names = dict.fromkeys(str(path.relative_to(root) if path.is_relative_to(root) else path)
                              for each in named for path in each)
        lacks = f'neither the files that the config names ({", ".join(names)}) nor a' if names else 'no'
        raise InputError(f'--data-root {root} has {lacks} usual layout: '
                         f'{lying_there(root / ("images" if maps else "annotations"), 12)}',
                         f'Name the files with {flags_of(cfg)}, or lay them out: {"; ".join(map(str, layouts))}.')
    return found
