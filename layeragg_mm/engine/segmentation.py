"""The flags of tools/test.py for configs of MMSegmentation, whose predictions are label maps."""
from pathlib import Path

from mmengine.config import Config
from mmengine.registry import METRICS

from ..errors import InputError
from ..registered import find_registered, own_arguments
from .evaluator_checks import metric_nodes

__all__ = ['is_segmentation', 'paint_maps', 'write_maps']


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
    for path, metric in metric_nodes(cfg, 'test'):
        if 'output_dir' in own_arguments(find_registered(METRICS, metric, path)):
            metric.output_dir = out
