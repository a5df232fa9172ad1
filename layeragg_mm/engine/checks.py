"""Checks of a run before it: what would fail late, or silently, is said before a model is built."""
from pathlib import Path

from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import nn

from ..checkpoints.loading import load_whole
from ..configs import type_of, walk
from ..datasets.annotations import check_true_masks_of, load_annotations
from ..datasets.checks import check_data, check_objects, is_local
from ..errors import InputError
from .checkpoint_checks import check_checkpoint, check_start
from .fsdp import check_fsdp
from .model_checks import build_model, check_flow, check_optimization
from .section_checks import check_sections

__all__ = ['check_config', 'check_evaluators', 'check_testing', 'check_training']


def check_config(cfg: Config, *modes: str) -> nn.Module:
    """Raise an :class:`InputError` unless what ``cfg`` names for ``modes`` can be built; no data are read for that.

    Returned is the model, on the CPU and without its pretrained weights.

    The error tells where in the config it is, what is meant, and what is allowed.

    Args:
        cfg: as the user gave it.
        modes: train, val, test.
    """
    init_default_scope(cfg.get('default_scope', 'mmdet'))
    check_sections(cfg, *modes)
    model = build_model(cfg.model)
    if 'train' in modes:
        check_optimization(cfg, model)
    check_flow(cfg, model, *dict.fromkeys('loss' if mode == 'train' else 'predict' for mode in modes))
    return model


def check_training(cfg: Config, skip: bool = False, model: nn.Module | None = None, partial: bool = False) -> None:
    """Raise an :class:`InputError` unless training ``cfg`` has its files, fitting classes and objects to learn from.

    Checked are, for training and validation data, annotation files, image folders and a sample of the images, and the
    classes of config, annotation file and heads; for training data, that objects reach the model through the pipeline;
    and the checkpoints from which the run starts. FSDP is not asked for what it cannot do.

    Args:
        cfg: of the run.
        skip: training images that cannot be read are left out.
        model: of ``cfg``, to see whether the checkpoints fit it.
        partial: of ``load_from``, take what fits.
    """
    check_fsdp(cfg)
    check_start(cfg, model, partial)
    check_evaluators(cfg, 'val')
    dataset = check_data(cfg, 'train', skip)
    check_objects(dataset, cfg.train_dataloader.dataset)
    if cfg.get('val_dataloader'):
        check_data(cfg, 'val')


def check_testing(cfg: Config, model: nn.Module) -> None:
    """Raise an :class:`InputError` unless testing ``cfg`` has its files, fitting classes and its checkpoint.

    The checkpoint is loaded into ``model``, that of ``cfg``.
    """
    check_checkpoint(cfg.load_from, 'CHECKPOINT')
    load_whole(model, cfg.load_from)
    check_evaluators(cfg, 'test')
    check_data(cfg, 'test')


def check_evaluators(cfg: Config, mode: str) -> None:
    """Check the files that evaluators name; COCO's as a whole, since an evaluation fails after an epoch's work."""
    for path, node in walk(cfg.get(f'{mode}_evaluator'), f'{mode}_evaluator'):
        ann_file = node.get('ann_file')
        if not ann_file or not is_local(ann_file):
            continue
        if not Path(ann_file).is_file():
            raise InputError(f'{path}.ann_file: annotation file not found: {ann_file}',
                             'Check the path, or point the config at the data with --data-root DIR.')
        if type_of(node) == 'CocoMetric' and not node.get('format_only'):
            annotations = load_annotations(ann_file)
            if 'segm' in node.get('metric', ()):
                check_true_masks_of(annotations, ann_file)
