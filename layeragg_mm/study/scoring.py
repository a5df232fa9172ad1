"""From what a cell's training logged and its test found to its result."""
import json
import os
from pathlib import Path
from statistics import median

import mmcv
import mmdet
import numpy as np
import torch

from ..checkpoints import read_checkpoint
from ..datasets.annotations import load_annotations
from ..evaluation import GAIN_METRICS, IOU_TYPES, Matches, draw_weights, load_results, match
from .plan import Cell, Plan
from .training_log import logged_scalars

__all__ = ['FOUND', 'RESAMPLES', 'score']

FOUND = 'found'  # how the prediction files' names begin

# Of the test images; the same in every cell, so that cells can be compared resample by resample.
RESAMPLES = 1000
SEED = 0


def score(plan: Plan, cell: Cell) -> None:
    """Write the result and the resamples of a cell that is tested.

    ``result.json`` holds AP within 0..1, also by size and class (None without such objects), the learning curves, and
    what was trained on what. ``resamples.npz`` holds for each IoU type (1 + B, 6 + K) APs as
    :meth:`~layeragg_mm.evaluation.Matches.average_precision` returns them: of all test images, and of B resamples.

    Raises:
        InputError: the predictions are empty or damaged.
    """
    cfg = plan.config(cell)
    annotations = load_annotations(cfg.test_evaluator.ann_file)
    ap, resamples = {}, {}
    for iou_type in IOU_TYPES:
        file = cell.predictions / f'{FOUND}.{iou_type}.json'
        if not file.is_file():
            continue
        matches = Matches(match(annotations, load_results(file, annotations), iou_type))
        weights = draw_weights(matches.images, RESAMPLES, SEED)
        resamples[iou_type] = matches.average_precision(np.concatenate([np.ones_like(weights[:1]), weights]))
        numbers = [None if np.isnan(value) else float(value) for value in resamples[iou_type][0]]
        ap[iou_type] = dict(zip(GAIN_METRICS, numbers), classes=dict(zip(matches.classes, numbers[len(GAIN_METRICS):])))
    iterations = read_checkpoint(cell.weights, mmap=True)['meta']['iter']
    records = logged_scalars(cell.train_dir)
    epochs = cfg.train_cfg.get('max_epochs')
    curves = {'loss': [(record['step'], record['loss']) for record in records if 'loss' in record]}
    for iou_type in ap:
        key, scale = f'coco/{iou_type}_mAP', iterations / epochs if epochs else 1
        steps = [(round(record['step'] * scale), record[key]) for record in records if key in record]
        # The last is the test's: a training that was interrupted in its last validation lacks it.
        curves[iou_type] = [*(step for step in steps if step[0] < iterations), (iterations, ap[iou_type]['AP'])]
    with open(_part(cell.resamples_file), 'wb') as file:
        np.savez_compressed(file, **resamples)
    os.replace(_part(cell.resamples_file), cell.resamples_file)
    _part(cell.result_file).write_text(json.dumps(dict(
        arm=cell.arm.name, seed=cell.seed, fingerprint=plan.fingerprint(cell), iterations=iterations,
        seconds_per_iteration=median(record['time'] for record in records if 'loss' in record),
        images=matches.images, objects=int(matches.objects.sum()), objects_of_class=matches.objects.tolist(),
        images_with=matches.images_with.tolist(), ap=ap, curves=curves,
        environment=dict(torch=torch.__version__, mmcv=mmcv.__version__, mmdet=mmdet.__version__,
                         device=torch.cuda.get_device_name() if torch.cuda.is_available() else 'CPU, one thread')),
        indent=1) + '\n')
    os.replace(_part(cell.result_file), cell.result_file)


def _part(path: Path) -> Path:
    return path.with_name(path.name + '.part')
