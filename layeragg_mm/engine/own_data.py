"""A user's own data in a config: named by flags, or found in a folder."""
import argparse
import os
from pathlib import Path

from mmengine.config import Config
from mmengine.registry import init_default_scope

from ..datasets.layouts import LAYOUTS, Labelled, find_layout, what_lies_in
from ..errors import InputError
from .data_root import roots_of, set_data_root
from .own_annotations import coco_data_sets, take_unfit_classes, use_annotations
from .own_classes import SPLITS, Changes
from .own_label_maps import use_label_maps
from .segmentation import is_segmentation

__all__ = ['add_data_arguments', 'use_data']

BY_FLAGS = 'Name the files with --train JSON IMAGES --val JSON IMAGES'


def add_data_arguments(parser: argparse.ArgumentParser, *splits: str) -> None:
    """Add the arguments of :func:`use_data`; ``splits`` are those that the tool reads."""
    parser.add_argument('--data-root', help='folder of the data, in place of the data_root that the config names, laid '
                        'out as the config has it or in one of the usual ways')
    for split in splits:
        parser.add_argument(f'--{split}', nargs=2, metavar=('JSON', 'IMAGES'),
                            help=f'own {split} data: annotation file in COCO\'s format and folder of its images; of a '
                            'segmentor IMAGES MAPS: folders of images and of label maps')
    if splits:
        parser.add_argument('--classes', nargs='+', metavar='NAME', help='names of the values 0, 1, ... of label maps')


def use_data(cfg: Config, args: argparse.Namespace, config: str) -> None:
    """Let ``cfg``, read from ``config``, have the data that the arguments of :func:`add_data_arguments` name.

    What was set for that is printed.

    Raises:
        InputError: files are not there, or the config cannot learn from data of their kind.
    """
    given = {split: pair for split in SPLITS if (pair := getattr(args, split, None)) is not None}
    classes = getattr(args, 'classes', None)
    if classes and not (given and is_segmentation(cfg)):
        raise InputError('--classes names the values of label maps, and no label maps are given',
                         'Leave it out: the classes of a detector are the categories of its annotation file.'
                         if given else 'Add --train IMAGES MAPS --val IMAGES MAPS.')
    if given and args.data_root is not None:
        raise InputError(f'--data-root and --{next(iter(given))} both name the data', 'Leave one of them out.')
    if 'train' in given and 'val' not in given:
        raise InputError('--train is given without --val', 'Name the data to validate on, too.')
    changes, told = Changes(), ''
    init_default_scope(cfg.get('default_scope', 'mmdet'))
    if args.data_root is not None:
        told = use_root(cfg, Path(args.data_root), config, changes)
    elif given and is_segmentation(cfg):
        told = use_label_maps(cfg, {split: Labelled(Path(images), Path(maps)) for split, (images, maps)
                                    in given.items()}, classes, changes)
    elif given:
        told = use_annotations(cfg, {split: Labelled(Path(images), Path(file)) for split, (file, images)
                                     in given.items()}, config, changes)
    if changes and os.environ.get('RANK', '0') == '0':  # of several processes
        print(f'{told}; set for it:\n{changes}')


def use_root(cfg: Config, root: Path, config: str, changes: Changes) -> str:
    """Take the files that the config names where they are in ``root``, or else those of the layout that it has."""
    roots = roots_of(cfg)
    if roots or not coco_data_sets(cfg):
        set_data_root(cfg, str(root))
    named = coco_data_sets(cfg)
    if not named or (roots and any(file.is_file() for _, _, file in named)):
        return take_unfit_classes(cfg, changes)
    if not root.is_dir():
        raise InputError(f'--data-root {root} is not a folder', 'Name the folder that holds the data set.')
    found = find_layout(root)
    if found is None:
        files = ', '.join(dict.fromkeys(node['ann_file'] for _, node, _ in named))
        raise InputError(
            f'--data-root {root} has neither the files that the config names ({files}) nor a usual layout; there lie '
            f'{what_lies_in(root)}', f'{BY_FLAGS}, or lay them out: {"; ".join(map(str, LAYOUTS))}.')
    layout, splits = found
    if 'train' in splits and 'val' not in splits:
        raise InputError(f'--data-root {root} has {splits["train"].labels} to train on, and nothing to validate on; '
                         f'there lie {what_lies_in(root)}', f'{BY_FLAGS}, or lay them out: {layout}.')
    told = use_annotations(cfg, splits, config, changes, root)
    return f'{root} is laid out as {layout.name} ({layout}); {told}'
