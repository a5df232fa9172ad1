"""Checks at the door: what would fail late, or silently, is said before a model is built."""
import copy
import json
from collections.abc import Iterator
from pathlib import Path

from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmengine.registry import DATASETS, init_default_scope

from ..errors import InputError
from .config import walk

__all__ = ['check_checkpoint', 'check_testing', 'check_training']

# Images whose existence is checked, and images looked through for an object to learn from.
SAMPLED_FILES = 100
SAMPLED_IMAGES = 32


def check_training(cfg: Config) -> None:
    """Raise an :class:`InputError` unless training ``cfg`` has its files, fitting classes and objects to learn from.

    Checked are, for training and validation data, annotation files, image folders and a sample of the images, and the
    classes of config, annotation file and heads; for training data, that objects reach the model through the pipeline;
    and the checkpoints from which the run starts.
    """
    if cfg.get('load_from'):
        check_checkpoint(cfg.load_from, 'load_from')
    check_pretrained(cfg.model)
    check_evaluators(cfg, 'val')
    dataset = check_data(cfg, 'train')
    check_objects(dataset, cfg.train_dataloader.dataset)
    if cfg.get('val_dataloader'):
        check_data(cfg, 'val')


def check_testing(cfg: Config) -> None:
    """Raise an :class:`InputError` unless testing ``cfg`` has its files, fitting classes and its checkpoint."""
    check_checkpoint(cfg.load_from, 'CHECKPOINT')
    check_evaluators(cfg, 'test')
    check_data(cfg, 'test')


def is_local(path: str) -> bool:
    return '://' not in path


def check_checkpoint(path: str, name: str) -> None:
    """Raise an :class:`InputError` unless ``path``, given as ``name``, is a file or an address that can be fetched."""
    if path.startswith('torchvision://'):
        try:
            import torchvision  # noqa: F401
        except ImportError as error:
            raise InputError(
                f'{name} is {path}, and the package torchvision, which knows its address, is not installed',
                'Install torchvision, or name a file there (--cfg-options KEY=FILE.pth), or start from scratch with '
                '--cfg-options model.backbone.init_cfg=None.') from error
    if is_local(path) and not Path(path).is_file():
        raise InputError(f'{name}: checkpoint file not found: {path}', 'Check the path.')


def check_pretrained(model: dict) -> None:
    for path, node in walk(model, 'model'):
        if node.get('type') == 'Pretrained':
            check_checkpoint(node['checkpoint'], f'{path}.checkpoint')


def check_evaluators(cfg: Config, mode: str) -> None:
    for path, node in walk(cfg.get(f'{mode}_evaluator'), f'{mode}_evaluator'):
        ann_file = node.get('ann_file')
        if ann_file and is_local(ann_file) and not Path(ann_file).is_file():
            raise InputError(f'{path}.ann_file: annotation file not found: {ann_file}',
                             'Check the path, or point the config at the data with --data-root DIR.')


def check_data(cfg: Config, mode: str) -> BaseDataset:
    """Build the data set of ``mode`` (train, val, test), check it and return it."""
    init_default_scope(cfg.get('default_scope', 'mmdet'))
    name = f'{mode}_dataloader.dataset'
    dataset_cfg = copy.deepcopy(cfg[f'{mode}_dataloader'].dataset)
    for path, node in walk(dataset_cfg, name):
        check_paths(path, node)
        if 'ann_file' in node:
            node['serialize_data'] = False  # mmengine cannot serialise a data set from which everything is filtered
    try:
        dataset = DATASETS.build(dataset_cfg)
    except json.JSONDecodeError as error:
        raise InputError(f'{name}: its annotation file is not whole JSON: {error}',
                         'Fetch or write the annotation file again.') from error
    except KeyError as error:
        raise InputError(f'{name}: its annotation file lacks {error}', 'Give a file in the format that '
                         f'{dataset_cfg.type} reads (for COCO: images, annotations, categories).') from error
    for leaf in leaves(dataset):
        check_classes(name, leaf)
        check_images(name, leaf)
    check_heads(cfg.model, name, dataset)
    return dataset


def check_paths(path: str, node: dict) -> None:
    """Check the files that one data set's dict names."""
    data_root = node.get('data_root') or ''
    ann_file = node.get('ann_file')
    if ann_file and is_local(data_root) and is_local(ann_file) and not Path(data_root, ann_file).is_file():
        raise InputError(f'{path}: annotation file not found: {Path(data_root, ann_file)}',
                         'Check the path, or point the config at the data with --data-root DIR.')
    prefixes = node.get('data_prefix')
    for kind, prefix in (prefixes.items() if isinstance(prefixes, dict) else ()):
        if is_local(data_root) and is_local(prefix) and not Path(data_root, prefix).is_dir():
            raise InputError(f'{path}: image folder ({kind}) not found: {Path(data_root, prefix)}',
                             'Check the path, or point the config at the data with --data-root DIR.')


def leaves(dataset) -> Iterator[BaseDataset]:
    """Yield the data sets inside wrappers (RepeatDataset, ConcatDataset, ...)."""
    for inner in getattr(dataset, 'datasets', None) or [getattr(dataset, 'dataset', None)]:
        if inner is None:
            yield dataset
        else:
            yield from leaves(inner)


def check_classes(name: str, dataset: BaseDataset) -> None:
    """Every class of a COCO-style data set must be a category of its annotation file."""
    classes = dataset.metainfo.get('classes')
    if classes is None or not hasattr(dataset, 'cat_ids') or len(dataset.cat_ids) == len(classes):
        return
    with open(dataset.ann_file) as file:
        categories = [category['name'] for category in json.load(file)['categories']]
    lacking = [name for name in classes if name not in categories]
    raise InputError(
        f'{name}: the config\'s classes do not fit {dataset.ann_file}: it has no category {some(lacking)}; '
        f'its categories are {some(categories)}',
        'Set metainfo=dict(classes=(...)) of the data set to names of the file, and num_classes of the heads to their '
        'number.')


def some(names: list[str], most: int = 5) -> str:
    return ', '.join(map(repr, names[:most])) + (f' and {len(names) - most} more' if len(names) > most else '')


def check_images(name: str, dataset: BaseDataset) -> None:
    if len(dataset) == 0:
        raise InputError(f'{name}: no image is left of {dataset.ann_file}: it has none, or filter_cfg removes them all',
                         'Check that the annotation file has images with objects of the config\'s classes.')
    for index in spread(len(dataset), SAMPLED_FILES):
        path = dataset.get_data_info(index).get('img_path')
        if path and is_local(path) and not Path(path).is_file():
            raise InputError(f'{name}: {dataset.ann_file} lists an image that is not there: {path}',
                             'Check data_prefix of the data set, or point the config at the data with --data-root DIR.')


def spread(length: int, most: int) -> list[int]:
    """Return up to ``most`` indices, spread evenly over ``length``."""
    count = min(length, most)
    return [i * length // count for i in range(count)]


def check_heads(model: dict, name: str, dataset) -> None:
    classes = dataset.metainfo.get('classes')
    for path, node in walk(model, 'model'):
        head = path.split('.')
        if classes is None or not ({'bbox_head', 'mask_head'} & set(head[-2:])) or 'num_classes' not in node:
            continue
        if node['num_classes'] != len(classes):
            raise InputError(f'{path}.num_classes={node["num_classes"]}, but {name} has {len(classes)} classes: '
                             f'{some(list(classes))}', 'Make num_classes of every head the number of classes.')


def check_objects(dataset, dataset_cfg: dict) -> None:
    """Some object must come through the training pipeline; silence is how RLE masks under poly2mask=False look."""
    ignored = 0
    for index in spread(len(dataset), SAMPLED_IMAGES):
        try:
            sample = dataset[index]['data_samples']
        except KeyError as error:
            raise InputError(f'the training pipeline needs {error} of each object, and image {index} has objects '
                             'without', 'Give the annotations what the pipeline loads (masks: "segmentation"), or '
                             'change the pipeline (with_mask=False).') from error
        if len(sample.gt_instances):
            return
        ignored += len(sample.ignored_instances)
    remedy = 'Look at filter_cfg and the pipeline of train_dataloader.dataset: what drops or ignores the objects?'
    if any(node.get('poly2mask') is False for _, node in walk(dataset_cfg)):
        remedy = 'Remove poly2mask=False from LoadAnnotations: it ignores every object whose mask is RLE.'
    raise InputError(f'train_dataloader.dataset: nothing to learn from: in {min(len(dataset), SAMPLED_IMAGES)} images '
                     f'looked at, no object comes through the pipeline ({ignored} are ignored)', remedy)
