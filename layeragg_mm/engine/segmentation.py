"""The flags of tools/test.py for configs of MMSegmentation, whose predictions are label maps."""
from pathlib import Path

from mmengine.config import Config, ConfigDict

from ..errors import InputError

__all__ = ['is_segmentation', 'paint_maps', 'use_map_tta', 'write_maps']


def is_segmentation(cfg: Config) -> bool:
    """Tell whether ``cfg`` is for MMSegmentation."""
    return cfg.get('default_scope') == 'mmseg'


def paint_maps(cfg: Config, show: bool, show_dir: str | None, wait_time: float) -> None:
    """Let a test show the predictions, and write them to ``show_dir`` inside the work dir."""
    cfg.default_hooks.visualization = dict(
        type='SegVisualizationHook', draw=True, interval=1, show=show, wait_time=wait_time)
    if show_dir is not None:
        cfg.visualizer.save_dir = str(Path(cfg.work_dir, show_dir))


def write_maps(cfg: Config, out: str) -> None:
    """Let a test write the predictions as PNG to the folder ``out``: class indices, or probabilities of boundaries.

    Raises:
        InputError: ``out`` is a file, or looks like one.
    """
    if Path(out).suffix or Path(out).is_file():
        raise InputError(f'--out {out} is no folder', 'Name a folder: of a segmentor it takes a PNG for each image.')
    evaluators = cfg.test_evaluator if isinstance(cfg.test_evaluator, list) else [cfg.test_evaluator]
    for evaluator in evaluators:
        evaluator.output_dir = out


def use_map_tta(cfg: Config) -> None:
    """Wrap the model for the config's test-time augmentation.

    Raises:
        InputError: it has none.
    """
    if not cfg.get('tta_model') or not cfg.get('tta_pipeline'):
        raise InputError('--tta: the config has no tta_model and tta_pipeline', 'Add both, or leave --tta out.')
    cfg.model = ConfigDict(**cfg.tta_model, module=cfg.model)
    cfg.test_dataloader.dataset.pipeline = cfg.tta_pipeline
