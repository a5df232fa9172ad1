"""What a test writes of each image: a picture of the predictions, a segmentor's map. Their folders are the images'."""
from collections.abc import Sequence
from pathlib import Path

import mmcv
import numpy as np
from mmengine.config import Config
from mmengine.fileio import get
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner
from mmengine.structures import BaseDataElement
from PIL import Image

from ..configs import type_of
from ..datasets.image_names import names_of_images, names_without_suffix
from ..datasets.sampling import images_of
from ..errors import InputError
from ..plain_text import plain_text
from .evaluator_checks import metric_nodes
from .segmentation import is_segmentation

__all__ = ['MapsHook', 'PicturesHook', 'check_out', 'finds_boundaries', 'paint_pictures', 'write_maps']


class ImageOutputHook(Hook):
    """Base of hooks that write a file for each image of a test."""

    def before_test(self, runner: Runner) -> None:
        infos = (dataset.get_data_info(index) for dataset, index in images_of(runner.test_dataloader.dataset))
        #: By the path of an image, that of what is written of it.
        self.names = names_of_images(info['img_path'] for info in infos if 'img_path' in info)


@HOOKS.register_module()
class PicturesHook(ImageOutputHook):
    """Paints what a test predicts.

    Args:
        out_dir: folder for the pictures, named as the images, in WORK_DIR/TIMESTAMP; None: they are not kept.
        show: show them.
        wait_time: seconds that each is shown.
        suffix: of the pictures, in the place of the images'.
        backend_args: of the images' files, as in ``LoadImageFromFile``.
        drawing: further arguments of the visualizer's ``add_datasample``.
    """

    def __init__(self, out_dir: str | None = None, show: bool = False, wait_time: float = 0., suffix: str | None = None,
                 backend_args: dict | None = None, drawing: dict | None = None) -> None:
        self.out_dir = out_dir
        self.show = show
        self.wait_time = wait_time
        self.suffix = suffix
        self.backend_args = backend_args
        self.drawing = drawing or {}

    def before_test(self, runner: Runner) -> None:
        super().before_test(runner)
        if self.suffix is not None:
            self.names = {path: name.with_name(name.name + self.suffix)
                          for path, name in names_without_suffix(self.names).items()}
        if self.out_dir is not None:
            self.out_dir = Path(runner.work_dir, runner.timestamp, self.out_dir)
        else:
            runner.visualizer._vis_backends = {}  # as mm's hooks: what is shown is not kept

    def after_test_iter(self, runner: Runner, batch_idx: int, data_batch=None,
                        outputs: Sequence[BaseDataElement] = ()) -> None:
        for sample in outputs:
            image = mmcv.imfrombytes(get(sample.img_path, backend_args=self.backend_args), channel_order='rgb')
            name = self.names[sample.img_path]
            with plain_text():
                runner.visualizer.add_datasample(
                    str(name), image, data_sample=sample, show=self.show, wait_time=self.wait_time,
                    out_file=self.out_dir and str(self.out_dir / name), step=batch_idx, **self.drawing)


@HOOKS.register_module()
class MapsHook(ImageOutputHook):
    """Writes what a segmentor predicts as PNG: class indices, from 1 where the data's 0 stands for no class.

    Args:
        out_dir: folder for the maps, named as the images.
        probabilities: write the probability of the second class, 0 to 255, in the place of indices.
    """

    def __init__(self, out_dir: str, probabilities: bool = False) -> None:
        self.out_dir = Path(out_dir)
        self.probabilities = probabilities

    def before_test(self, runner: Runner) -> None:
        super().before_test(runner)
        self.names = names_without_suffix(self.names)

    def after_test_iter(self, runner: Runner, batch_idx: int, data_batch=None,
                        outputs: Sequence[BaseDataElement] = ()) -> None:
        for sample in outputs:
            name = self.names[sample.img_path]
            file = self.out_dir / name.with_name(f'{name.name}.png')
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(self.map_of(sample)).save(file)

    def map_of(self, sample: BaseDataElement) -> np.ndarray:
        if self.probabilities:
            return (sample.seg_logits.data.softmax(0)[1].cpu().numpy() * 255).round().astype(np.uint8)
        labels = sample.pred_sem_seg.data.squeeze(0).cpu().numpy() + bool(sample.get('reduce_zero_label', False))
        return labels.astype(np.uint8 if labels.max() < 256 else np.uint16)


def paint_pictures(cfg: Config, show: bool, show_dir: str | None, wait_time: float) -> None:
    """Let a test show the predictions, and write them to ``show_dir`` where mm's tools do, within the work dir."""
    before = (cfg.get('default_hooks') or {}).get('visualization') or {}
    hook = dict(type='PicturesHook', out_dir=show_dir, show=show, wait_time=wait_time,
                backend_args=before.get('backend_args'))
    if is_segmentation(cfg):
        hook.update(out_dir=show_dir and str(Path(cfg.work_dir, show_dir).absolute()), suffix='.png')
    else:
        hook.update(drawing=dict(pred_score_thr=before.get('score_thr', .3)))
    cfg.default_hooks = dict(cfg.get('default_hooks') or {}, visualization=hook)
    if not cfg.get('visualizer'):
        cfg.visualizer = dict(type='SegLocalVisualizer' if is_segmentation(cfg) else 'DetLocalVisualizer')


def check_out(out: str, *, segmentation: bool) -> None:
    """Check what ``--out`` names: of a segmentor a folder, of a detector a pickle file.

    Raises:
        InputError: it is the other.
    """
    if segmentation and (Path(out).suffix or Path(out).is_file()):
        raise InputError(f'--out {out} is no folder', 'Name a folder: of a segmentor it takes a PNG for each image.')
    if not segmentation and not out.endswith(('.pkl', '.pickle')):
        raise InputError(f'--out {out} is no pickle file', 'Give a name that ends in .pkl.')


def write_maps(cfg: Config, out: str) -> None:
    """Let a test write the predictions as PNG to the folder ``out``: class indices, or probabilities of boundaries."""
    metrics = [metric for _, metric in metric_nodes(cfg, 'test')]
    if any(metric.get('format_only') for metric in metrics):  # such a one would write them without their folders
        cfg.test_evaluator = [metric for metric in metrics if not metric.get('format_only')]
    cfg.custom_hooks = [*(cfg.get('custom_hooks') or []), dict(
        type='MapsHook', out_dir=out, probabilities=finds_boundaries(cfg))]


def finds_boundaries(cfg: Config) -> bool:
    """Tell whether the maps of a segmentor are probabilities of boundaries, not labels."""
    return any(type_of(metric) == 'BoundaryMetric' for _, metric in metric_nodes(cfg, 'test'))
