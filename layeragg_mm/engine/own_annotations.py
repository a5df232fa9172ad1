"""Own data in COCO's format in a detector's config."""
import os
from pathlib import Path
from typing import NamedTuple

from mmdet.evaluation import CocoMetric
from mmengine.config import Config
from mmengine.registry import DATASETS, METRICS

from ..configs import walk
from ..datasets.annotations import load_training_annotations, read_json
from ..datasets.checks import is_plain_coco
from ..datasets.layouts import Labelled, what_lies_in
from ..errors import InputError
from ..registered import find_registered, name_of, some
from .evaluator_checks import metric_nodes
from .own_classes import SPLITS, Changes, classes_of, data_set_of, data_sets, set_classes, stated_classes

__all__ = ['coco_data_sets', 'take_unfit_classes', 'use_annotations']


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
        categories, objects = content['categories'], content['annotations']
        used = {entry['category_id'] for entry in objects}
        above = {each['supercategory'] for each in categories
                 if 'supercategory' in each and each['supercategory'] != each['name']}
        groups = [each['name'] for each in categories if each['name'] in above and each['id'] not in used]
        classes = [each['name'] for each in categories if each['name'] not in groups]
        return Content(classes, groups, any(entry.get('segmentation') for entry in objects))
    except (AttributeError, KeyError, TypeError):
        load_training_annotations(file, None)  # tells what is wrong with it
        raise


def coco_data_sets(cfg: Config) -> list[tuple[str, dict, Path]]:
    """Return the data sets of ``cfg`` that read COCO's format, with their paths in it and their annotation files."""
    return [(path, node, Path(node.get('data_root') or '', node['ann_file']))
            for split in SPLITS for path, node in data_sets(cfg, split)
            if is_plain_coco(find_registered(DATASETS, node, path)) and node.get('ann_file')]


def take_unfit_classes(cfg: Config, changes: Changes) -> str:
    """Take the classes of the first annotation file, unless the config states some or those of its data set are there.

    Return what is to be told.
    """
    for path, node, file in coco_data_sets(cfg):
        if stated_classes(node):
            return ''
        if file.is_file():
            classes = content_of(file).classes
            if not set(classes_of(path, node)) <= set(classes):
                set_classes(cfg, classes, changes)
            return f'{len(classes)} classes, as in {file}'
    return ''


def use_annotations(cfg: Config, files: dict[str, Labelled], config: str, changes: Changes,
                    root: Path | None = None) -> str:
    """Let ``cfg`` learn from, validate and test on ``files``, by split; return what is to be told.

    Tested is on the validation data, where there are no others. The classes are those of the training file; where there
    is none, or a folder was searched for it, those that the config states stay.

    Args:
        cfg: to be changed.
        files: by split.
        config: its path.
        changes: note what is set.
        root: folder that was searched, which becomes the data root.
    """
    if root is not None:
        files = {split: each for split, each in files.items() if cfg.get(f'{split}_dataloader')}
    for split, each in files.items():
        check_there(split, each)
    if cfg.get('test_dataloader') and 'val' in files:
        files.setdefault('test', files['val'])
    source = files.get('train') or next(iter(files.values()))
    content = content_of(source.labels)
    if 'train' in files and not content.masks and any(node.get('with_mask') for _, node in walk(cfg.train_dataloader)):
        raise InputError(f'{config} learns masks, and {source.labels} has boxes only', f'Take {without_masks(config)}.')
    keeps = any(stated_classes(node) for split in files for _, node in data_sets(cfg, split))
    if not keeps or ('train' in files and root is None):
        set_classes(cfg, content.classes, changes)
    parent = str(root) if root is not None else common_folder(files)
    for split, each in files.items():
        path, node = data_set_of(cfg, split)
        maps_too = any(transform.get('with_seg') for _, transform in walk(node.get('pipeline')))
        if maps_too or not is_plain_coco(find_registered(DATASETS, node, path)):
            also = 'maps of stuff beside boxes' if maps_too else 'other files than COCO\'s'
            raise InputError(f'{path} ({name_of(node)}) reads {also}', 'Take a config for instances of COCO.')
        labels, images = (relative(file, parent) for file in (each.labels, each.images))
        changes.set(path, node, data_root=parent, ann_file=labels, data_prefix=dict(img=images))
        for place, metric in metric_nodes(cfg, split) if split != 'train' else ():
            scores = find_registered(METRICS, metric, place)
            if isinstance(scores, type) and issubclass(scores, CocoMetric):
                changes.set(place, metric, ann_file=os.path.join(parent, labels))
            elif 'ann_file' in metric:
                raise InputError(f'{place}.ann_file: {name_of(metric)} reads another format than COCO\'s',
                                 f'Set {place}.type=CocoMetric.')
    group = f', without {some(content.groups)}, of which no object is' if content.groups else ''
    return f'{len(content.classes)} classes, as in {source.labels}{group}: {some(content.classes)}'


def check_there(split: str, files: Labelled) -> None:
    """Raise an :class:`InputError` unless the annotation file and the folder are there, and such."""
    if files.labels.is_dir() and files.images.is_file():
        raise InputError(f'--{split} {files.labels} {files.images}: the annotation file comes first',
                         f'Write --{split} {files.images} {files.labels}')
    for path, kind, there in ((files.labels, 'annotation file', files.labels.is_file()),
                              (files.images, 'folder of images', files.images.is_dir())):
        if not there:
            folder = next(parent for parent in path.absolute().parents if parent.is_dir())
            raise InputError(f'--{split}: {kind} not found: {path}; in {folder} lie {what_lies_in(folder)}',
                             'Correct the path.')


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


def without_masks(config: str) -> str:
    """Return what to take in place of a config that learns masks."""
    path = Path(config)
    for kind in ('mask_rcnn', 'mask-rcnn'):
        other = path.with_name(path.name.replace(kind, kind.replace('mask', 'faster')))
        if other != path and other.is_file():
            return str(other)
    return 'a config that learns boxes only (faster_rcnn_..., retinanet_...)'
