"""Own data in COCO's format in a detector's config."""
import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from mmengine.config import Config
from mmengine.registry import DATASETS

from ..configs import walk
from ..datasets.annotations import load_training_annotations, read_json
from ..datasets.checks import is_plain_coco
from ..engine.changes import Changes
from ..engine.evaluator_checks import is_coco, metric_nodes
from ..errors import InputError
from ..registered import find_registered, name_of
from ..words import some
from .classes import classes_of, data_set_of, set_classes, stated_classes
from .finding import OwnData, data_sets, named_files
from .layouts import Labelled

__all__ = ['common_folder', 'relative', 'take_unfit_classes', 'use_annotations']


class Content(NamedTuple):
    """What an annotation file holds.

    Attributes:
        classes: its categories, in its order, but for those that only group others: a category without objects that
            others name as their supercategory, as Roboflow writes.
        groups: those.
        masks: whether any object has one.
    """
    classes: list[str]
    groups: list[str]
    masks: bool


def content_of(file: Path) -> Content:
    content = read_json(file)
    try:
        categories, objects = content['categories'], content.get('annotations', ())  # of images to predict on alone
        used = {entry['category_id'] for entry in objects}
        above = {each['supercategory'] for each in categories
                 if 'supercategory' in each and each['supercategory'] != each['name']}
        groups = [each['name'] for each in categories if each['name'] in above and each['id'] not in used]
        classes = [each['name'] for each in categories if each['name'] not in groups]
        return Content(classes, groups, any(entry.get('segmentation') for entry in objects))
    except (AttributeError, KeyError, TypeError):
        load_training_annotations(file, None)  # tells what is wrong with it
        raise


def take_unfit_classes(cfg: Config, args: argparse.Namespace, changes: Changes,
                       trained: Sequence[str] | None) -> str:
    """Take the classes of the first annotation file, unless the config states some or its data set's are in there.

    Return what is to be told. Looked at is the smallest file: COCO's largest takes seconds.
    """
    there = [(path, node, file) for path, node, file in named_files(cfg, args)
             if file.is_file() and is_plain_coco(find_registered(DATASETS, node, path))]
    if not there or any(stated_classes(node) for _, node, _ in there):
        return ''
    path, node, file = min(there, key=lambda each: each[2].stat().st_size)
    if set(classes_of(path, node)) <= set(content_of(file).classes):
        return ''
    path, _, file = there[0]
    content = content_of(file)
    if path.startswith('train'):
        check_masks(cfg, args.config, file, content)
    set_classes(cfg, trained or content.classes, changes)
    return f'{args.data_root} has the files that the config names; {told(content, file, trained)}'


def use_annotations(cfg: Config, own: OwnData, config: str, changes: Changes,
                    classes: Sequence[str] | None = None) -> str:
    """Let ``cfg`` learn from, validate and test on own data; return what is to be told.

    The classes are those of the training file; those that the config states stay where there is none, or where a folder
    was searched and its file has them.

    Args:
        cfg: to be changed.
        own: the data.
        config: its path.
        changes: note what is set.
        classes: in the place of the file's and the config's.
    """
    files, root = own.files, own.root
    source = files.get('train') or next(iter(files.values()))
    content = content_of(source.labels)
    if 'train' in files:
        check_masks(cfg, config, source.labels, content)
    stated = {name for split in files for _, node in data_sets(cfg, split) for name in stated_classes(node) or ()}
    if classes or not stated or ('train' in files and (root is None or not stated <= set(content.classes))):
        set_classes(cfg, classes or content.classes, changes)
    parent = str(root) if root is not None else common_folder(files)
    for split, each in files.items():
        read_from(cfg, split, each, parent, changes)
    return told(content, source.labels, classes)


def read_from(cfg: Config, split: str, files: Labelled, parent: str, changes: Changes) -> None:
    """Let data set and evaluators of a split read ``files``, by their places in the folder ``parent``."""
    path, node = data_set_of(cfg, split)
    maps_too = any(transform.get('with_seg') for _, transform in walk(node.get('pipeline')))
    if maps_too or not is_plain_coco(find_registered(DATASETS, node, path)):
        also = 'maps of stuff beside boxes' if maps_too else 'other files than COCO\'s'
        raise InputError(f'{path} ({name_of(node)}) reads {also}', 'Take a config for instances of COCO.')
    labels, images = (relative(file, parent) for file in (files.labels, files.images))
    changes.set(path, node, data_root=parent, ann_file=labels, data_prefix=dict(img=images))
    for place, metric in metric_nodes(cfg, split) if split != 'train' else ():
        if is_coco(metric, place):
            changes.set(place, metric, ann_file=os.path.join(parent, labels))
        elif 'ann_file' in metric:
            raise InputError(f'{place}.ann_file: {name_of(metric)} reads another format than COCO\'s',
                             f'Set {place}.type=CocoMetric.')


def told(content: Content, file: Path, classes: Sequence[str] | None) -> str:
    """Return which classes the data have, as text."""
    if classes:
        return f'classes as in the checkpoint, {len(classes)}: {some(classes)}'
    groups = f', without {some(content.groups)}, of which no object is' if content.groups else ''
    return f'classes as in {file}{groups}, {len(content.classes)}: {some(content.classes)}'


def check_masks(cfg: Config, config: str, file: Path, content: Content) -> None:
    """Raise an :class:`InputError` if the config learns masks, and the file has none; it tells which config to take."""
    if not content.masks and any(node.get('with_mask') for _, node in walk(cfg.train_dataloader)):
        raise InputError(f'{config} learns masks, and {file} has boxes only', f'Take {without_masks(config)}.')


def without_masks(config: str) -> str:
    """Return what to take in place of a config that learns masks: the same of a box detector, where there is one."""
    path = Path(config)
    for masks, boxes in (('cascade_mask', 'cascade'), ('mask_rcnn', 'faster_rcnn'), ('mask_rcnn', 'cascade_rcnn'),
                         ('mask_rcnn', 'retinanet')):
        other = path.with_name(path.name.replace(masks, boxes, 1))
        if other != path and other.is_file():
            return str(other)
    return 'a config that learns boxes only (faster_rcnn_..., retinanet_...)'


def common_folder(files: dict[str, Labelled]) -> str:
    """Return the folder in which all files are, so that they can be moved together; nothing if there is no such."""
    try:
        folder = os.path.commonpath([folder for each in files.values() for folder in (each.labels.parent, each.images)])
    except ValueError:  # relative and absolute ones
        return ''
    return '' if folder in ('.', os.sep) else folder


def relative(path: Path, folder: str) -> str:
    name = os.path.relpath(path, folder) if folder else str(path)
    return '' if name == '.' else name
