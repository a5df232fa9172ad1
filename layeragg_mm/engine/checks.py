"""Checks of a run before it: what would fail late, or silently, is said before a model is built."""
from pathlib import Path

from mmengine.config import Config
from mmengine.registry import init_default_scope

from ..checkpoints.loading import check_fit
from ..checkpoints.reading import read_checkpoint
from ..configs import walk
from ..datasets.checks import check_data, is_local
from ..datasets.pipeline_checks import check_objects
from ..errors import InputError
from .evaluator_checks import check_evaluated, check_evaluators, check_monitors
from .fsdp import check_fsdp
from .model_checks import build_model, check_flow, check_optimization
from .section_checks import check_sections

__all__ = ['check_checkpoint', 'check_config', 'check_model', 'check_testing', 'check_training']

CONFIG_SUFFIXES = '.py', '.json', '.yaml', '.yml'


def check_config(cfg: Config, *modes: str) -> None:
    """Raise an :class:`InputError` unless what ``cfg`` names for ``modes`` can be built, and its data are there.

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
    check_monitors(cfg)
    check_flow(cfg, model, *dict.fromkeys('loss' if mode == 'train' else 'predict' for mode in modes))


def check_training(cfg: Config, skip: bool = False) -> None:
    """Raise an :class:`InputError` unless training ``cfg`` has its files, fitting classes and objects to learn from.

    Checked are, for training and validation data, annotation files, image folders and a sample of the images, and the
    classes of config, annotation file and heads; for training data, that objects reach the model through the pipeline;
    and the checkpoints from which the run starts. FSDP is not asked for what it cannot do.

    Args:
        cfg: of the run.
        skip: training images that cannot be read are left out.
    """
    init_default_scope(cfg.get('default_scope', 'mmdet'))
    check_fsdp(cfg)
    if cfg.get('load_from'):
        check_checkpoint(cfg.load_from, 'load_from')
    check_pretrained(cfg.model)
    true = check_evaluators(cfg, 'val')
    dataset = check_data(cfg, 'train', skip)
    check_objects(dataset, cfg.train_dataloader.dataset)
    if cfg.get('val_dataloader'):
        check_evaluated(cfg, 'val', check_data(cfg, 'val'), true)


def check_testing(cfg: Config) -> None:
    """Raise an :class:`InputError` unless testing ``cfg`` has its files, fitting classes and its checkpoint."""
    init_default_scope(cfg.get('default_scope', 'mmdet'))
    check_checkpoint(cfg.load_from, 'CHECKPOINT')
    check_evaluated(cfg, 'test', check_data(cfg, 'test'), check_evaluators(cfg, 'test'))
    check_fit(cfg.model, cfg.load_from)


def check_model(cfg: Config, checkpoint: str | None) -> None:
    """Raise an :class:`InputError` unless ``checkpoint`` is plain data and holds all weights of the model of ``cfg``.

    Without a checkpoint, the files that the model starts from are checked.
    """
    if checkpoint is None:
        check_pretrained(cfg.model)
        return
    check_checkpoint(checkpoint, 'CHECKPOINT')
    init_default_scope(cfg.get('default_scope', 'mmdet'))
    check_fit(cfg.model, checkpoint)


def check_checkpoint(path: str, name: str) -> None:
    """Raise an :class:`InputError` unless ``path``, given as ``name``, is whole and plain data, or an address."""
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
    if Path(path).suffix in CONFIG_SUFFIXES:
        raise InputError(f'{name}: {path} is a config or data, and a checkpoint should stand there',
                         'The config comes first: CONFIG CHECKPOINT.')
    if is_local(path):
        read_checkpoint(path, mmap=True)


def check_pretrained(model: dict) -> None:
    for path, node in walk(model, 'model'):
        if node.get('type') == 'Pretrained':
            check_checkpoint(node['checkpoint'], f'{path}.checkpoint')
