"""Checks of a run before it: what would fail late, or silently, is said before a model is built."""

from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import nn

from ..checkpoints.loading import load_whole
from ..datasets.checks import check_data
from ..datasets.pipeline_checks import check_objects
from .checkpoint_checks import check_start
from .evaluator_checks import check_evaluated, check_evaluators, check_monitors
from .fsdp import check_fsdp
from .key_checks import check_keys
from .model_checks import build_model, check_flow, check_optimization
from .section_checks import check_scope, check_sections

__all__ = ['check_config', 'check_evaluators', 'check_testing', 'check_training']


def check_config(cfg: Config, *modes: str) -> nn.Module:
    """Raise an :class:`InputError` unless what ``cfg`` names for ``modes`` can be built and its data's files are there.

    They are not read.

    Returned is the model, on the CPU and without its pretrained weights.

    The error tells where in the config it is, what is meant, and what is allowed.

    Args:
        cfg: as the user gave it.
        modes: train, val, test.
    """
    init_default_scope(cfg.get('default_scope', 'mmdet'))
    check_scope(cfg)
    check_keys(cfg)
    model = build_model(cfg.model)
    check_flow(cfg, model, *dict.fromkeys('loss' if mode == 'train' else 'predict' for mode in modes))
    check_sections(cfg, *modes)  # after the model: it imports MMDetection's data sets, which takes a second
    if 'train' in modes:
        check_optimization(cfg, model)  # after the model: to build an optimizer, torch imports its compiler
    check_monitors(cfg)
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
    init_default_scope(cfg.get('default_scope', 'mmdet'))
    check_fsdp(cfg)
    check_start(cfg, model, partial)
    true = check_evaluators(cfg, 'val')
    dataset = check_data(cfg, 'train', skip)
    check_objects(dataset, cfg.train_dataloader.dataset)
    if cfg.get('val_dataloader'):
        check_evaluated(cfg, 'val', check_data(cfg, 'val'), true)


def check_testing(cfg: Config, model: nn.Module) -> None:
    """Raise an :class:`InputError` unless testing ``cfg`` has its files, fitting classes and a checkpoint that fits.

    The checkpoint, which :func:`check_checkpoint` has seen, is loaded into ``model``, that of ``cfg``. Without one, an
    exported file is tested.
    """
    init_default_scope(cfg.get('default_scope', 'mmdet'))
    if cfg.load_from is not None:
        load_whole(model, cfg.load_from)
    check_evaluated(cfg, 'test', check_data(cfg, 'test'), check_evaluators(cfg, 'test'))
