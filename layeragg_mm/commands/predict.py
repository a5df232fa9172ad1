"""What tools/predict.py does."""
import argparse
import json
import logging
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import torch
from mmdet.visualization import DetLocalVisualizer
from mmdet.visualization.palette import get_palette
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.structures import BaseDataElement
from PIL import Image
from rich.progress import Progress

from ..checkpoints import trust_checkpoints
from ..datasets.image_loading import UnreadableImageError, load_by_name
from ..datasets.image_names import names_of_images, names_without_suffix
from ..engine.build_errors import naming_nodes
from ..engine.changes import Changes
from ..engine.checkpoint_checks import check_checkpoint, trained_metainfo
from ..engine.config import read_config
from ..engine.predicting import load_model, metainfo_of, predict
from ..engine.segmentation import is_segmentation
from ..engine.test_outputs import MapsHook, finds_boundaries
from ..errors import InputError, RunError
from ..evaluation.coco_file import CocoFile
from ..image_files import find_images
from ..own_data.classes import set_classes
from ..plain_text import plain_text
from ..visualization import read_image
from ..words import some
from .early_checks import check_prediction

__all__ = ['run']

# Takes an image's file name, the name without suffix of what is written of it, the image (H, W, 3) in RGB, and what is
# predicted for it.
Write = Callable[[Path, Path, np.ndarray, BaseDataElement], None]
OPACITY = .6  # of label maps on images


def load_config(args: argparse.Namespace) -> Config:
    cfg = read_config(args.config, cfg_options=args.cfg_options)
    missing = [key for key in ('model', 'test_dataloader') if cfg.get(key) is None]
    if missing:
        raise InputError(f'{args.config} has no {", no ".join(missing)}', 'Give a whole config.')
    load_by_name(cfg.test_dataloader)
    return cfg


def use_classes(cfg: Config, args: argparse.Namespace) -> dict:
    """Give ``cfg`` the classes of the checkpoint, if it tells them; return names and colours of the classes."""
    trained, stated = trained_metainfo(args.checkpoint), metainfo_of(cfg)
    classes = trained.get('classes')
    if classes and tuple(classes) != tuple(stated.get('classes') or ()):
        changes = Changes(args)
        set_classes(cfg, classes, changes)
        changes.tell(f'classes as in the checkpoint, {len(classes)}: {some(classes)}')
        stated = metainfo_of(cfg)
    classes = stated.get('classes')
    if not classes:
        raise InputError(f'neither {args.checkpoint} nor {args.config} tells the names of the classes',
                         'Give them: --cfg-options "test_dataloader.dataset.metainfo.classes=(\'NAME\', ...)"')
    palette = trained.get('palette') or stated.get('palette') or ()
    if len(palette) < len(classes):
        palette = get_palette('random', len(classes))
    return dict(stated, classes=tuple(classes), palette=[tuple(map(int, colour)) for colour in palette])


@contextmanager
def objects_in(folder: Path, metainfo: dict, score_thr: float) -> Iterator[Write]:
    """Yield what writes a detector's objects to ``folder``, and pictures of those with a score above ``score_thr``."""
    visualizer = DetLocalVisualizer()
    visualizer.dataset_meta = metainfo
    with CocoFile(folder / 'predictions.json', metainfo['classes']) as file:
        def write(file_name: Path, stem: Path, image: np.ndarray, sample: BaseDataElement) -> None:
            if 'pred_instances' not in sample:
                raise InputError('the model finds no boxes, of which the JSON file is to be made',
                                 'Give a detector, or a segmentor of MMSegmentation.')
            file.add(file_name.as_posix(), *image.shape[:2], sample.pred_instances)
            with plain_text(), warnings.catch_warnings():
                warnings.filterwarnings('ignore', '.* out of bounds')  # boxes may reach over the image's border
                visualizer.add_datasample(stem.name, image, sample, draw_gt=False, pred_score_thr=score_thr,
                                          out_file=str(folder / f'pictures/{stem}.jpg'))
        yield write


@contextmanager
def maps_in(folder: Path, metainfo: dict, probabilities: bool) -> Iterator[Write]:
    """Yield what writes a segmentor's maps to ``folder``, of labels or probabilities of boundaries, and pictures."""
    from mmseg.visualization import SegLocalVisualizer  # where a segmentor's config is read, mmseg is there
    visualizer = SegLocalVisualizer(alpha=OPACITY)
    visualizer.dataset_meta = metainfo
    reduced = bool(metainfo.get('reduce_zero_label'))
    map_of = MapsHook(str(folder), probabilities).map_of
    if not probabilities:
        names = dict(enumerate(metainfo['classes'], int(reduced)))
        (folder / 'classes.json').write_text(json.dumps(names, indent=2) + '\n')

    def write(file_name: Path, stem: Path, image: np.ndarray, sample: BaseDataElement) -> None:
        sample.set_metainfo(dict(reduce_zero_label=reduced))
        file = folder / f'maps/{stem}.png'
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(map_of(sample)).save(file)
        visualizer.add_datasample(stem.name, image, sample, draw_gt=False,
                                  out_file=str(folder / f'pictures/{stem}.jpg'))
    yield write


def run(args: argparse.Namespace) -> None:
    check_prediction(args)
    if args.device == 'cuda' and not torch.cuda.is_available():
        raise InputError('--device cuda: torch finds no GPU', 'Leave --device out, or give cpu.')
    if args.trust_checkpoint:
        trust_checkpoints()
    MMLogger.get_current_instance().setLevel(logging.WARNING)
    images, others = find_images(args.images)
    if others:
        print(f'left out, no images by their names: {some(others)}', file=sys.stderr)
    cfg = load_config(args)
    check_checkpoint(args.checkpoint, 'CHECKPOINT')
    with naming_nodes(cfg):
        metainfo = use_classes(cfg, args)
        model = load_model(cfg, args.checkpoint, args.device)
    writing = (partial(maps_in, probabilities=finds_boundaries(cfg)) if is_segmentation(cfg)
               else partial(objects_in, score_thr=args.score_thr))
    names = names_of_images(images)
    stems = names_without_suffix(names)
    unreadable = []
    out = args.out.resolve()
    out.parent.mkdir(parents=True, exist_ok=True)
    # What is begun lies beside --out until it is whole, so that Ctrl-C leaves nothing.
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f'.{out.name}.') as begun:
        folder = Path(begun, out.name)
        folder.mkdir()
        with writing(folder, metainfo) as write, Progress() as progress:
            for file in progress.track(images, description='predicting'):
                try:
                    write(names[file], stems[file], read_image(file), predict(model, file))
                except UnreadableImageError:
                    unreadable.append(file)
        if len(unreadable) < len(images):
            folder.replace(out)
            print(f'wrote {", ".join(sorted(str(args.out / path.name) for path in args.out.iterdir()))}')
    if unreadable:
        raise RunError(f'{len(unreadable)} of {len(images)} images cannot be read: {some(unreadable, 6)}',
                       'Replace these files.' + (f' {args.out} has what is found in the others.'
                                                 if len(unreadable) < len(images) else ' Nothing is written.'))
