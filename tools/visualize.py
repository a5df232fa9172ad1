"""Look at a model: what it finds beside the truth, or how its layers use earlier ones."""
import argparse
import logging
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from mmcv.transforms import Compose
from mmdet.apis import inference_detector, init_detector
from mmdet.utils import get_test_pipeline_cfg
from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmengine.device import get_device
from mmengine.logging import MMLogger
from mmengine.registry import DATASETS, init_default_scope
from mmengine.structures import BaseDataElement
from rich.progress import track
from torch import nn

import layeragg_mm  # noqa: F401  (registers)
from layeragg_mm.checkpoints import plain_checkpoints
from layeragg_mm.configs import walk
from layeragg_mm.datasets.checks import check_data
from layeragg_mm.datasets.sampling import images_of, spread
from layeragg_mm.engine.checks import check_model
from layeragg_mm.engine.config import add_reading_arguments, read_config
from layeragg_mm.errors import InputError, check_output, run_tool
from layeragg_mm.visualization import (
    Scene,
    load_labelled,
    predicted_objects,
    read_image,
    save_sheet,
    watch_layers,
)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest='command', required=True)
    predictions = commands.add_parser('predictions', help='draw a sheet of the truth and what one or two models find')
    layers = commands.add_parser('layers', help='draw the layer attention of MRLA, or the hidden state of RLA')
    for command, checkpoint in ((predictions, dict(help='checkpoint file')),
                                (layers, dict(nargs='?', help='checkpoint file; without one, the start of training'))):
        add_reading_arguments(command)
        command.add_argument('checkpoint', **checkpoint)
        command.add_argument('--out', type=Path, required=True, metavar='DIR', help='folder that the picture goes to')
        images = command.add_mutually_exclusive_group()
        images.add_argument('--num-images', type=int, default=6, help='images, spread over the test data (%(default)s)')
        images.add_argument('--images', nargs='+', metavar='FILE', help='these images, without truth, in their place')
    predictions.add_argument('--other', nargs=2, metavar=('CONFIG', 'CHECKPOINT'), help='a second model to compare')
    predictions.add_argument('--score-thr', type=float, default=.3, help='lowest score that is drawn (%(default)s)')
    return parser.parse_args()


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


def load_model(cfg: Config, checkpoint: str | None) -> nn.Module:
    """Return the model of ``cfg`` with the weights of ``checkpoint``, or else those that training would start from."""
    with plain_checkpoints():
        check_model(cfg, checkpoint)
        # Without cfg_options, MMDetection forgets what the backbone starts from; without a palette, it builds the data.
        model = init_detector(cfg, checkpoint, palette='random', device=get_device(), cfg_options={})
        if checkpoint is None:
            model.init_weights()
    return model


def predict(model: nn.Module, file: str) -> BaseDataElement:
    """Return what a detector or segmentor predicts for an image, of which its pipeline must load no truth."""
    pipeline = [transform for transform in get_test_pipeline_cfg(model.cfg)
                if not transform['type'].endswith('LoadAnnotations')]
    return inference_detector(model, file, Compose(pipeline))


def classes_of(cfg: Config) -> tuple[str, ...]:
    """Return the classes that the test data of ``cfg`` have by their config; no file is read."""
    init_default_scope(cfg.get('default_scope', 'mmdet'))
    dataset = next(node for _, node in walk(cfg.test_dataloader.dataset) if 'pipeline' in node)
    return tuple(DATASETS.build(dict(dataset, lazy_init=True)).metainfo['classes'])


def draw_predictions(args: argparse.Namespace, cfg: Config, images: Iterable[tuple]) -> Callable[[Path], None]:
    """Return what saves the sheet."""
    classes = classes_of(cfg)
    models = {args.checkpoint: load_model(cfg, args.checkpoint)}
    if args.other is not None:
        config, checkpoint = args.other
        other = read_config(config, args.data_root, args.cfg_options)
        if classes_of(other) != classes:
            raise InputError(f'--other: {config} and {args.config} have different classes',
                             'Compare models of the same classes.')
        models[checkpoint] = load_model(other, checkpoint)
    scenes = []
    for file, dataset, index in images:
        image, truth = (read_image(file), None) if dataset is None else load_labelled(dataset, index)
        panels = {} if truth is None else {'truth': truth}
        panels.update((name, predicted_objects(predict(model, file), args.score_thr)) for name, model in models.items())
        scenes.append(Scene(image, panels))
    return partial(save_sheet, scenes, classes, columns=1)


def draw_layers(args: argparse.Namespace, cfg: Config, images: Iterable[tuple]) -> Callable[[Path], None]:
    """Return what saves the picture of the layers."""
    model = load_model(cfg, args.checkpoint)
    with watch_layers(model) as watch:
        for file, _, _ in images:
            predict(model, file)
    return watch.save


def main() -> None:
    args = parse_args()
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


if __name__ == '__main__':
    run_tool(main)
