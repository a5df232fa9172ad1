"""Evaluators before a run: their files, whether these are of the evaluated images, and the scores that they give.

An evaluation fails after an epoch's work, or counts as missed what it was never shown.
"""
import contextlib
import io
from collections import defaultdict
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.evaluator import BaseMetric
from mmengine.registry import METRICS
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from ..configs import type_of, walk
from ..datasets.annotations import check_true_masks_of, load_annotations
from ..datasets.checks import check_classes, is_plain_coco
from ..datasets.sampling import infos_of, leaves
from ..errors import InputError
from ..paths import is_local, missing
from ..registered import find_registered
from ..words import did_you_mean, some
from .build_errors import saying_nothing
from .section_checks import build_metrics, nodes_in

__all__ = ['check_evaluated', 'check_evaluators', 'check_monitors', 'metric_nodes']

# The scores by which COCO's boxes and masks are known in MMDetection; each with the metric before it.
COCO_ITEMS = 'mAP', 'mAP_50', 'mAP_75', 'mAP_s', 'mAP_m', 'mAP_l'
PROPOSAL_ITEMS = 'AR@100', 'AR@300', 'AR@1000', 'AR_s@1000', 'AR_m@1000', 'AR_l@1000'

# Two annotation files of the same images agree on more objects than this, by this IoU, however they differ.
SAME_OBJECT, FEWEST_SAME = .8, .05


def metric_nodes(cfg: Config, mode: str) -> Iterator[tuple[str, dict]]:
    """Yield the metrics of an evaluator, one or several, with their paths in the config."""
    section, path = cfg.get(f'{mode}_evaluator'), f'{mode}_evaluator'
    if isinstance(section, dict) and 'metrics' in section:
        section, path = section['metrics'], f'{path}.metrics'
    yield from nodes_in(section, path)


def check_evaluators(cfg: Config, mode: str) -> dict[str, dict]:
    """Check the files that evaluators name, and return the content of COCO's, by path in the config.

    Those are checked as a whole. With pycocotools, an object of id 0 counts as missed, whatever is detected.
    """
    contents = {}
    for path, node in metric_nodes(cfg, mode):
        ann_file = node.get('ann_file')
        if not ann_file and is_coco(node, path) and not packs_truth(cfg, mode):
            raise InputError(f'{path} has no ann_file, and the pipeline of {mode}_dataloader packs no true objects',
                             f'Set {path}.ann_file, or add \'instances\' to meta_keys of PackDetInputs.')
        if not ann_file or not is_local(ann_file):
            continue
        if not Path(ann_file).is_file():
            raise missing(path, ann_file, cfg.get(f'{mode}_dataloader'))
        if not is_coco(node, path) or node.get('format_only'):
            continue
        content = contents[path] = load_annotations(ann_file)
        if any(entry['id'] == 0 for entry in content['annotations']):
            raise InputError(f'{path}.ann_file: {ann_file} has an annotation of id 0, which COCO\'s evaluation counts '
                             'as missed, whatever is detected', 'Number the annotations from 1.')
        if 'info' not in content and loading_wants_info():
            raise InputError(f'{path}.ann_file: {ann_file} has no "info", which pycocotools {version("pycocotools")} '
                             'wants after the evaluation', 'Add "info": {} to the file, or install pycocotools 2.0.11.')
        if 'segm' in as_list(node.get('metric', 'bbox')):
            check_true_masks_of(content, ann_file)
    return contents


def is_coco(node: dict, path: str) -> bool:
    from mmdet.evaluation import CocoMetric  # late, as MMDetection's data sets

    metric = find_registered(METRICS, node, path)
    return isinstance(metric, type) and issubclass(metric, CocoMetric)


def packs_truth(cfg: Config, mode: str) -> bool:
    packing = [node for _, node in walk(cfg.get(f'{mode}_dataloader'))
               if type_of(node) == 'PackDetInputs']
    return all('instances' in node.get('meta_keys', ()) for node in packing)


def as_list(value) -> list:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def loading_wants_info() -> bool:
    """Tell whether the installed pycocotools loads results only of a file that has "info" (2.0.9 and 2.0.10 do)."""
    truth = COCO()
    truth.dataset = dict(images=[dict(id=1)], categories=[], annotations=[])
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        try:
            truth.loadRes([dict(image_id=1, category_id=1, bbox=[0, 0, 1, 1], score=1)])
        except KeyError:
            return True
    return False


def check_evaluated(cfg: Config, mode: str, dataset, contents: dict[str, dict]) -> None:
    """Raise an :class:`InputError` unless COCO's evaluators are of the images and classes of ``dataset``.

    An image that only the data have makes the evaluation fail at its end; one that only the evaluator has counts as one
    in which nothing was found, and an image of another file under the same id as one in which all is wrong.

    Args:
        cfg: of the run.
        mode: val or test.
        dataset: its data set.
        contents: of the evaluators' files, as :func:`check_evaluators` returns them.
    """
    whole = [leaf for leaf in leaves(dataset) if is_plain_coco(type(leaf))]
    if len(whole) != len(list(leaves(dataset))):
        return
    shown = {info['img_id']: info for leaf in whole for info in infos_of(leaf)}
    for path, content in contents.items():
        file = dict(metric_nodes(cfg, mode))[path]['ann_file']
        images = {image['id']: image for image in content['images']}
        remedy = f'Give {path}.ann_file the annotation file of {mode}_dataloader.dataset: {whole[0].ann_file}'
        for number, info in shown.items():
            what = f'{path}.ann_file: {file} is of other images than {mode}_dataloader.dataset: '
            if number not in images:
                raise InputError(f'{what}it has none of id {number}, {info["img_path"]}', remedy)
            if not is_of(images[number], info):
                raise InputError(f'{what}the one of id {number} is {described(images[number])} there, and '
                                 f'{info["img_path"]} here', remedy)
        if are_elsewhere(content, shown, whole[0].metainfo['classes']):
            raise InputError(f'{what}hardly any object is where they have one', remedy)
        extra = [number for number in images if number not in shown]
        if extra and not any(node.get('indices') for _, node in walk(cfg[f'{mode}_dataloader'].dataset)):
            raise InputError(f'{path}.ann_file: {file} has {len(extra)} images that {mode}_dataloader.dataset has not, '
                             f'the first {described(images[extra[0]])}: their objects would count as missed', remedy)
        for leaf in whole:
            check_classes(f'{path}.ann_file', leaf, [category['name'] for category in content['categories']], file)


def is_of(image: dict, info: dict) -> bool:
    """Tell whether an image of an annotation file may be the one that a data set loads."""
    name = image.get('file_name')
    same_name = type(name) is not str or Path(name).name == Path(info['img_path']).name
    return same_name and all(image[key] == info.get(key, image[key]) for key in ('height', 'width'))


def described(image: dict) -> str:
    return f'{image.get("file_name", "without a name")} ({image["width"]} x {image["height"]})'


def are_elsewhere(content: dict, shown: dict[int, dict], classes: list[str]) -> bool:
    """Tell whether nearly no object of an annotation file is one of a data set's, as where only ids and names agree.

    Args:
        content: of the file.
        shown: the data set's images by id.
        classes: of the data set; objects of others are not compared.
    """
    labels = {category['id']: classes.index(category['name']) for category in content['categories']
              if category['name'] in classes}
    there = defaultdict(list)
    for entry in content['annotations']:
        if entry['category_id'] in labels:
            there[entry['image_id']].append((entry['bbox'], labels[entry['category_id']]))
    found = []
    for number, info in shown.items():
        here = info.get('instances', ())
        if here and there[number]:
            boxes, kinds = (np.array(each) for each in zip(*there[number]))
            own = np.array([entry['bbox'] for entry in here], np.float64)
            own[:, 2:] -= own[:, :2]
            same_kind = kinds[:, None] == [entry['bbox_label'] for entry in here]
            overlaps = coco_mask.iou(boxes.astype(np.float64), own, [0] * len(own))
            found += (overlaps * same_kind).max(1, initial=0) >= SAME_OBJECT,
    return bool(found) and bool(np.concatenate(found).mean() < FEWEST_SAME)


def check_monitors(cfg: Config) -> None:
    """Raise an :class:`InputError` if a hook or a schedule goes by a score that the validation does not give."""
    if cfg.get('val_evaluator') is None:
        return
    built = build_metrics(cfg.val_evaluator, 'val_evaluator')
    given = [scores_of(metric) for _, _, metric in built]
    if None in given or len(built) < len(list(metric_nodes(cfg, 'val'))):
        return  # told after the first validation
    known = [score for scores in given for score in scores]
    for path, wanted in monitored(cfg):
        if wanted not in known and not (wanted.endswith('_precision') and any(
                getattr(metric, 'classwise', False) for _, _, metric in built)):
            raise InputError(f'{path}: val_evaluator gives no {wanted!r}{did_you_mean(wanted, known)}',
                             f'It gives {some(known)}.')


def monitored(cfg: Config) -> Iterable[tuple[str, str]]:
    """Yield what hooks and schedules of ``cfg`` go by, with the path in the config."""
    for section in ('default_hooks', 'custom_hooks', 'param_scheduler'):
        for path, node in walk(cfg.get(section), section):
            for key in ('save_best', 'monitor'):
                for score in as_list(node.get(key) or []):
                    if score not in ('auto', 'loss'):
                        yield f'{path}.{key}', score


def scores_of(metric: BaseMetric) -> list[str] | None:
    """Return the names of the scores that a metric gives; None if that is not known."""
    from mmdet.evaluation import CocoMetric, VOCMetric  # late, as MMDetection's data sets

    if isinstance(metric, CocoMetric):
        scores = [f'AR@{number}' for number in metric.proposal_nums if 'proposal_fast' in metric.metrics]
        if 'proposal' in metric.metrics:
            scores += metric.metric_items or PROPOSAL_ITEMS
        scores += [f'{each}_{item}' for each in metric.metrics if each in ('bbox', 'segm')
                   for item in metric.metric_items or COCO_ITEMS]
    elif isinstance(metric, VOCMetric) and metric.metric == 'mAP':
        scores = ['mAP', *(f'AP{int(threshold * 100):02d}' for threshold in metric.iou_thrs)]
    elif type(metric).__name__ == 'IoUMetric':
        metric.dataset_meta = dict(classes=['any'])
        with saying_nothing():
            scores = list(metric.compute_metrics([[torch.ones(1)] * 4]))
    else:
        return None
    return [f'{metric.prefix}/{score}' if metric.prefix else score for score in scores]
