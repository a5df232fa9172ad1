"""What tools/visualize.py does."""
import argparse
import logging
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmengine.logging import MMLogger
from rich.progress import track
from torch import nn

from ..datasets.checks import check_data
from ..datasets.sampling import images_of, spread
from ..engine.config import read_config
from ..engine.predicting import load_model, metainfo_of, predict
from ..engine.segmentation import is_segmentation
from ..errors import InputError, check_output
from ..visualization import (
    LabelledImage,
    Scene,
    load_label_map,
    load_labelled,
    predicted_objects,
    read_image,
    save_label_sheet,
    save_sheet,
    watch_layers,
)

__all__ = ['run']


def images_to_look_at(args: argparse.Namespace, cfg: Config) -> Iterator[tuple[str, BaseDataset | None, int]]:
    """Yield each image's file, and the data set that knows its truth, if any, with its index there."""
    if args.images is not None:
        for index, file in enumerate(args.images):
            yield file, None, index
    else:
        images = images_of(check_data(cfg, 'test'))
        for position in spread(len(images), args.num_images):
            dataset, index = images[position]
            yield dataset.get_data_info(index)['img_path'], dataset, index


def load_models(args: argparse.Namespace, cfg: Config) -> dict[str, nn.Module]:
    """Return the model, and the one of ``--other`` for the same classes, by their checkpoints."""
    models = {args.checkpoint: load_model(cfg, args.checkpoint)}
    if args.other is not None:
        config, checkpoint = args.other
        other = read_config(config, args.data_root, args.cfg_options)
        if metainfo_of(other)['classes'] != metainfo_of(cfg)['classes']:
            raise InputError(f'--other: {config} and {args.config} have different classes',
                             'Compare models of the same classes.')
        models[checkpoint] = load_model(other, checkpoint)
    return models


def draw_predictions(args: argparse.Namespace, cfg: Config, images: Iterable[tuple]) -> Callable[[Path], None]:
    """Return what saves the sheet: of a detector's objects, or of a segmentor's maps."""
    models, metainfo = load_models(args, cfg), metainfo_of(cfg)
    if is_segmentation(cfg):
        sheet = [labelled_image(models, *image) for image in images]
        return partial(save_label_sheet, sheet, metainfo['classes'], metainfo['palette'], columns=1)
    scenes = []
    for file, dataset, index in images:
        image, truth = (read_image(file), None) if dataset is None else load_labelled(dataset, index)
        panels = {} if truth is None else {'truth': truth}
        panels.update((name, predicted_objects(predict(model, file), args.score_thr)) for name, model in models.items())
        scenes.append(Scene(image, panels))
    return partial(save_sheet, scenes, metainfo['classes'], columns=1)


def labelled_image(models: dict[str, nn.Module], file: str, dataset: BaseDataset | None, index: int) -> LabelledImage:
    truth = None if dataset is None else load_label_map(dataset, index)
    panels = {} if truth is None else {'truth': truth}
    panels.update((name, predict(model, file).pred_sem_seg.data[0].cpu().numpy()) for name, model in models.items())
    return LabelledImage(read_image(file), panels)


def draw_layers(args: argparse.Namespace, cfg: Config, images: Iterable[tuple]) -> Callable[[Path], None]:
    """Return what saves the picture of the layers."""
    model = load_model(cfg, args.checkpoint)
    with watch_layers(model) as watch:
        for file, _, _ in images:
            predict(model, file)
    return watch.save


def run(args: argparse.Namespace) -> None:
    if args.num_images < 1:
        raise InputError(f'--num-images {args.num_images} leaves nothing to look at', 'Give 1 or more.')
    check_output(args.out, [], folder=True)
    MMLogger.get_current_instance().setLevel(logging.WARNING)  # it tells of every weight that is initialised
    cfg = read_config(args.config, args.data_root, args.cfg_options)
    images = track(images_to_look_at(args, cfg), 'predicting', total=len(args.images or ()) or args.num_images)
    draw = dict(predictions=draw_predictions, layers=draw_layers)[args.command]
    save = draw(args, cfg, images)
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / f'{args.command}.png'
    save(path=path)
    print(f'wrote {path}')
