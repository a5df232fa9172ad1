"""Checks of a config's data: files, classes, images, and objects that come through the pipeline."""
import copy
import inspect
import itertools
import os
from pathlib import Path

from mmcv.transforms import LoadImageFromFile
from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmengine.registry import DATASETS, init_default_scope
from rich.console import Console

from ..configs import type_of, walk
from ..errors import InputError, lying_there
from ..paths import check_paths, is_local
from ..registered import arguments_of, find_registered, own_arguments
from ..tracebacks import described, frames_of
from .annotations import load_training_annotations
from .checked_pipeline import split
from .image_loading import load_by_name
from .label_map_checks import check_label_map, check_learnable, check_stackable, check_there, has_label_maps
from .sampling import SAMPLED_SIZES, extremes, infos_of, leaves, spread, stored_size
from .survey import survey
from .voc_checks import check_xml_files, is_plain_voc

__all__ = ['check_classes', 'check_data', 'check_image', 'is_plain_coco', 'poly2mask_of',
           'takes']

# Images whose existence is checked, and images that are read and looked through for an object to learn from.
SAMPLED_FILES = 100
SAMPLED_IMAGES = 32
# Times that an image of an extreme form is put through its pipeline, which can be random; with all objects once, with
# some then, since hundreds of masks take long.
DRAWS = 8
SOME_OBJECTS = 16
# Parts of a model whose num_classes is the number of classes.
HEADS = {'bbox_head', 'mask_head', 'decode_head', 'auxiliary_head'}


def check_data(cfg: Config, mode: str, skip: bool = False) -> BaseDataset:
    """Build the data set of ``mode`` (train, val, test), check it and return it.

    COCO annotation files are checked whole, unless the evaluator only formats results (``format_only``: of images
    without annotations); images are sampled. Images that cannot be read are named, or left out with ``skip``.
    """
    init_default_scope(cfg.get('default_scope', 'mmdet'))
    name = f'{mode}_dataloader.dataset'
    annotated = not any(node.get('format_only') for _, node in walk(cfg.get(f'{mode}_evaluator')))
    dataset_cfg = copy.deepcopy(cfg[f'{mode}_dataloader'].dataset)
    load_by_name(dataset_cfg, **(dict(skipped=os.devnull) if skip else {}))
    categories = {}
    console = Console(stderr=True, quiet=os.environ.get('RANK', '0') != '0')  # of several processes
    for path, node in walk(dataset_cfg, name):
        check_paths(path, node)
        if 'pipeline' in node and takes(find_registered(DATASETS, node, path), 'serialize_data'):
            node['serialize_data'] = False  # mmengine cannot serialise a data set that has no images
        if 'ann_file' in node:
            if reads_voc(node, path):
                check_xml_files(path, node, find_registered(DATASETS, node, path))
            if annotated and reads_coco(node, path):
                file = os.path.join(node.get('data_root') or '', node['ann_file'])
                with console.status(f'checking {file}'):
                    content = load_training_annotations(file, poly2mask_of(node))
                categories[file] = [category['name'] for category in content['categories']]
    try:
        dataset = DATASETS.build(dataset_cfg)
    except InputError:
        raise
    except Exception as error:  # whatever another format's reader meets
        file = file_read(error)
        raise InputError(f'{name}: {type_of(dataset_cfg)} cannot read {file or "its files"}: {described(error)}',
                         'Correct the file, or give one in the format that this data set reads.') from error
    for leaf in leaves(dataset):
        if leaf.ann_file in categories:
            check_classes(name, leaf, categories[leaf.ann_file])
        check_images(name, leaf)
        if has_label_maps(leaf):
            check_label_maps(name, leaf)
        check_extremes(leaf)
    check_heads(cfg.model, name, dataset)
    if mode != 'train' and type_of(cfg.model.get('data_preprocessor') or {}) == 'SegDataPreProcessor':
        check_stackable(f'{mode}_dataloader', dataset, cfg[f'{mode}_dataloader'].get('batch_size', 1))
    return dataset


def takes(reader, argument: str) -> bool:
    """Tell whether a data set class takes an ``argument`` of mmengine's; MMDetection's and MMSegmentation's do."""
    return inspect.isclass(reader) and issubclass(reader, BaseDataset) and argument in (
        arguments_of(reader) or own_arguments(BaseDataset))


def file_read(error: Exception) -> str | None:
    """Return the file that was being read, by the code that raised an ``error``, if it tells."""
    for frame in reversed(list(frames_of(error))[1:]):
        for value in frame.f_locals.values():
            if isinstance(value, (str, Path)) and len(str(value)) < 4096 and os.path.isfile(value):
                return str(value)
    return None


def reads_coco(node: dict, path: str) -> bool:
    """Tell whether a data set's dict names a local file that is read as MMDetection's CocoDataset reads it."""
    return names_local_file(node) and is_plain_coco(find_registered(DATASETS, node, path))


def reads_voc(node: dict, path: str) -> bool:
    """Tell whether a data set's dict names a local list of VOC's XML files."""
    return names_local_file(node) and is_plain_voc(find_registered(DATASETS, node, path))


def names_local_file(node: dict) -> bool:
    return bool(node['ann_file']) and is_local(node['ann_file']) and is_local(node.get('data_root') or '')


def is_plain_coco(reader: type) -> bool:
    """Tell whether a data set class reads files as CocoDataset does (LVIS's, panoptic ones, ... do not)."""
    from mmdet.datasets import CocoDataset  # which takes a second to import, and what is refused before goes without

    return (issubclass(reader, CocoDataset) and reader.load_data_list is CocoDataset.load_data_list
            and reader.COCOAPI is CocoDataset.COCOAPI)


def poly2mask_of(node: dict) -> bool | None:
    """Return ``poly2mask`` of the LoadAnnotations in a data set's dict, None where it loads no masks."""
    for _, transform in walk(node.get('pipeline')):
        if transform.get('with_mask'):
            return transform.get('poly2mask', True)
    return None


def check_classes(name: str, dataset: BaseDataset, categories: list[str], file: str | None = None) -> None:
    """The classes of a COCO data set must be categories of its annotation file (or ``file``), and in their order."""
    file = file or dataset.ann_file
    classes = list(dataset.metainfo['classes'])
    lacking = [name for name in classes if name not in categories]
    if lacking:
        raise InputError(
            f'{name}: the config\'s classes do not fit {file}: it has no category {some(lacking)}; '
            f'its categories are {some(categories)}',
            'Set metainfo=dict(classes=(...)) of the data set to names of the file, and num_classes of the heads to '
            'their number.')
    ordered = [category for category in categories if category in classes]
    if classes != ordered:
        raise InputError(
            f'{name}: the config lists the classes in another order than {file}, whose order MMDetection goes '
            f'by: predictions would have each other\'s names; the file\'s order is {some(ordered)}',
            'List metainfo=dict(classes=(...)) in the order of the file.')


def some(names: list[str], most: int = 5) -> str:
    return ', '.join(map(repr, names[:most])) + (f' and {len(names) - most} more' if len(names) > most else '')


def check_images(name: str, dataset: BaseDataset) -> None:
    """A sample of the images must be there, and a smaller one is read."""
    if len(dataset) == 0:
        raise no_image(name, dataset)
    for index in spread(len(dataset), SAMPLED_FILES):
        path = dataset.get_data_info(index).get('img_path')
        if path and is_local(path) and not os.path.isfile(path):
            raise InputError(f'{name}: {dataset.ann_file} lists an image that is not there: {path}',
                             'Check data_prefix of the data set, or point the config at the data with --data-root DIR.')
    for index in spread(len(dataset), SAMPLED_IMAGES):
        check_image(dataset, index)


def no_image(name: str, dataset: BaseDataset) -> InputError:
    """Return what is said of a data set without images."""
    if hasattr(dataset, 'img_suffix') and not os.path.isfile(dataset.ann_file):  # MMSegmentation's, of a folder
        files = Path(dataset.data_prefix['img_path'], f'*{dataset.img_suffix}')
        return InputError(f'{name}: there is no {files}: {lying_there(files)}',
                          'Give the data set the img_suffix and seg_map_suffix of its files (.PNG is not .png), or '
                          'another data_prefix.')
    why = 'it has none, or filter_cfg removes them all'
    if is_plain_coco(type(dataset)) and dataset.filter_cfg:
        found = survey(load_training_annotations(dataset.ann_file, None), dataset.metainfo['classes'], None,
                       dataset.filter_cfg)
        why = '; '.join(f'{count} are left out: {reason}' for reason, count in found.images_left_out.items()) or why
    return InputError(f'{name}: no image is left of {dataset.ann_file}: {why}',
                      'Check that the annotation file has images with objects of the config\'s classes.')


def check_extremes(dataset: BaseDataset) -> None:
    """Raise a :class:`~layeragg_mm.errors.DataError` if the pipeline cannot take the lowest or narrowest images.

    A transform that keeps an image's form can leave no row of it. Sizes are those that the annotation file tells; where
    there is none, those of a sample of the images.
    """
    infos = infos_of(dataset)
    indices = range(len(infos))
    if not all('height' in info and 'width' in info for info in infos):
        indices = spread(len(infos), SAMPLED_SIZES)
        infos = [stored_size(infos[index]) for index in indices]
    read, transform = split(dataset)
    for position in extremes([(info['width'], info['height']) for info in infos]):
        info = dataset.get_data_info(indices[position])
        objects = info.get('instances') or ()
        few = dict(copy.deepcopy(info), instances=[objects[i] for i in spread(len(objects), SOME_OBJECTS)])
        for start, times in ((info, 1), (few if objects else info, DRAWS - 1)):
            loaded = read(copy.deepcopy(start))
            for _ in range(times if loaded is not None else 0):
                transform(copy.deepcopy(loaded))


def check_image(dataset: BaseDataset, index: int) -> None:
    """Raise an :class:`InputError` unless the image can be read and is of the size that the annotations are for."""
    info = dataset.get_data_info(index)
    load = next((transform for transform in dataset.pipeline.transforms if isinstance(transform, LoadImageFromFile)),
                None)
    loaded = load and load(info)
    if loaded is None or 'height' not in info:  # no image file, or one that is to be skipped; sizes unknown
        return
    height, width = loaded['ori_shape']
    if (info['height'], info['width']) != (height, width):
        raise InputError(
            f'{info["img_path"]} is {width} x {height} pixels as it is read (turned upright if its EXIF data say so), '
            f'but {dataset.ann_file} says {info["width"]} x {info["height"]}',
            'Annotate the image as it is read, or give the image that was annotated.')


def check_label_maps(name: str, dataset: BaseDataset) -> None:
    """All label maps must be there, a sample must fit, and there must be something to tell apart."""
    check_there(name, dataset)
    sample = spread(len(dataset), SAMPLED_IMAGES)
    found = [check_label_map(dataset, index) for index in sample]
    others = (check_label_map(dataset, index) for index in sorted(set(range(len(dataset))) - set(sample)))
    check_learnable(name, dataset, itertools.chain(found, others))


def check_heads(model: dict, name: str, dataset) -> None:
    classes = dataset.metainfo.get('classes')
    for path, node in walk(model, 'model'):
        head = path.split('.')
        if classes is None or not (HEADS & set(head[-2:])) or 'num_classes' not in node:
            continue
        if node['num_classes'] != len(classes):
            raise InputError(f'{path}.num_classes={node["num_classes"]}, but {name} has {len(classes)} classes: '
                             f'{some(list(classes))}', 'Make num_classes of every head the number of classes.')
