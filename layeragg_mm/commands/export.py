"""What tools/export.py does."""
import argparse
import copy
import logging
import re
import tempfile
from functools import partial
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from torch import Tensor, nn

from .. import fuse
from ..checkpoints import plain_checkpoints
from ..checkpoints.loading import load_whole
from ..configs import walk
from ..datasets.checks import check_data
from ..datasets.sampling import images_of, spread
from ..deployment import (
    Agreement,
    DisagreementError,
    ExportedFile,
    check_file,
    export,
    exportable,
    needed,
    predict,
    quantize,
    random_images,
    read_images,
    times,
)
from ..engine import check_checkpoint, check_config, naming_images, trained_classes
from ..engine.build_errors import saying_nothing
from ..engine.config import read_config
from ..engine.model_checks import build_model
from ..errors import InputError, RunError, check_output
from ..own_data.use import use_data
from ..paths import check_file as check_path

__all__ = ['run']

LARGEST_BATCH, SMALLEST_SIDE = 1024, 33
MOST_PIXELS = 2**24  # of all images at a time, 4096 x 4096: what networks make of more takes tens of gigabytes
CALIBRATION_IMAGES = 64


def check(args: argparse.Namespace) -> None:
    for name in ('onnx', 'onnxruntime'):
        needed(name)
    if args.out.suffix != '.onnx':
        raise InputError(f'--out {args.out} is no ONNX file', 'Give a name that ends in .onnx.')
    check_output(args.out, [args.config, args.checkpoint])
    if not args.out.parent.is_dir():
        raise InputError(f'--out {args.out}: there is no folder {args.out.parent}', 'Make it, or write elsewhere.')
    for option in ('data_root', 'train', 'val', 'test', 'classes', 'float_parts'):
        if getattr(args, option) is not None and not args.int8:
            raise InputError(f'--{option.replace("_", "-")} is for --int8', 'Add --int8, or leave it out.')
    for pattern in args.float_parts or ():
        try:
            re.compile(pattern)
        except re.error as error:
            raise InputError(f'--float-parts {pattern} is no regular expression: {error}', 'Correct it.') from error
    for file in args.check or ():
        check_path(file)
    if args.batch is not None and not 1 <= args.batch <= LARGEST_BATCH:
        raise InputError(f'--batch {args.batch} is not available', f'Give 1 to {LARGEST_BATCH}, or --free-batch.')
    for side in args.size or ():
        if side < SMALLEST_SIDE:
            raise InputError(f'--size: images of {side} pixels are too small', f'Give {SMALLEST_SIDE} or more.')


def check_pixels(size: tuple[int, int], batch: int) -> None:
    height, width = size
    if batch * height * width > MOST_PIXELS:
        raise InputError(f'{batch} x {height} x {width}: more than {MOST_PIXELS:,} pixels at a time are not available',
                         'Give a smaller --size or --batch, or --free-size.')


def size_of(args: argparse.Namespace, cfg: Config) -> tuple[int, int] | None:
    """Return height and width of the file's images: as given, or those that the test pipeline resizes to."""
    if args.free_size or args.size:
        return args.size and tuple(args.size)
    for _, node in walk(cfg.get('test_dataloader')):
        if node.get('type') == 'Resize' and isinstance(node.get('scale'), (list, tuple)):
            width, height = node['scale']
            return height, width
    raise InputError(f'{args.config}: its test pipeline does not resize images to one size',
                     'Give --size HEIGHT WIDTH, or --free-size.')


def load(cfg: Config, checkpoint: str) -> tuple[nn.Module, list[str]]:
    """Return the trained model in evaluation mode, and its classes' names."""
    with plain_checkpoints():
        model = build_model(cfg.model)
        load_whole(model, checkpoint)
    classes = trained_classes(checkpoint)
    if classes is None:
        classes = next((node['metainfo']['classes'] for _, node in walk(cfg.get('test_dataloader'))
                        if node.get('metainfo')), ())
    return model.eval(), list(classes)


def told(agreement: Agreement, images: str, outputs: list[str]) -> str:
    masks = 'masks' in outputs
    if 'logits' in outputs:
        return (f'equals torch on {images}: logits within {agreement.score:.0e} of the largest, '
                f'{agreement.iou:.2%} of the labels')
    text = (f'equals torch on {images}: {agreement.objects} objects, boxes within {agreement.pixels:.0e} pixels, '
            f'scores within {agreement.score:.0e}' + f', masks with an IoU of {agreement.iou:.3f} or more' * masks)
    if agreement.lacking:
        text += f'; {agreement.lacking} more in one of both, where a rounding decides'
    return text if agreement.objects else f'found nothing on {images}, and so did torch'


def print_times(model: nn.Module, files: dict[str, Path], images: Tensor, compiled: bool) -> None:
    """Print how long networks in torch and exported files take for a batch of images, side by side."""
    fused = fuse(model)
    runs = {'torch': partial(predict, model, images), 'fused torch': partial(predict, fused, images)}
    if compiled:
        part = fuse(model)
        part.backbone.compile()
        runs['fused torch with a compiled backbone'] = partial(predict, part, images)
    runs.update({name: partial(ExportedFile(path), images.numpy()) for name, path in files.items()})
    batch, _, height, width = images.shape
    print(f'{batch} x {height} x {width}, {torch.get_num_threads()} threads: '
          + ', '.join(f'{name} {value:.0f} ms' for name, value in times(runs).items()))


def calibrate(cfg: Config, source: ExportedFile, path: Path, target: Path, float_parts: list[str]) -> None:
    """Write the file at ``path`` in 8 bits, with scales that some training images tell."""
    mode = 'train' if cfg.get('train_dataloader') else 'test'
    with saying_nothing():
        images = images_of(check_data(cfg, mode))
    chosen = [dataset.get_data_info(index)['img_path'] for dataset, index in (
        images[position] for position in spread(len(images), CALIBRATION_IMAGES))]
    count = quantize(path, target, (source.fitted(image.numpy()) for image in read_images(cfg, chosen)),
                     batch=source.traits.batch or 1, float_parts=float_parts)
    print(f'{count} layers in 8 bits, calibrated on {len(chosen)} images ({mode})')


def score(cfg: Config, path: Path, folder: str) -> dict[str, float]:
    """Return the metrics of an exported file on the test data of ``cfg``."""
    cfg = copy.deepcopy(cfg)
    cfg.merge_from_dict(dict(work_dir=folder, log_level='ERROR', load_from=None))
    cfg.model = dict(type='ExportedModel', file=str(path))
    with naming_images(cfg), saying_nothing():
        return Runner.from_cfg(cfg).test()


def quantized(args: argparse.Namespace, cfg: Config, float_file: ExportedFile, path: Path, folder: str) -> Path:
    """Return the 8-bit form of the file at ``path``, and tell what it costs in the metrics."""
    target = Path(folder, 'int8.onnx')
    calibrate(cfg, float_file, path, target, args.float_parts or [])
    before, after = (score(cfg, each, folder) for each in (path, target))
    for name, value in before.items():
        print(f'{name}: float {value:.4g}, INT8 {after[name]:.4g}')
    return target


def run(args: argparse.Namespace) -> None:
    check(args)
    MMLogger.get_current_instance().setLevel(logging.ERROR)
    cfg = read_config(args.config, cfg_options=args.cfg_options)
    if cfg.get('model') is None:
        raise InputError(f'{args.config} has no model', 'Give a whole config.')
    size = size_of(args, cfg)
    batch = None if args.free_batch else args.batch or 1
    if size is not None:
        check_pixels(size, batch or 1)
    init_default_scope(cfg.get('default_scope', 'mmdet'))
    check_checkpoint(args.checkpoint, 'CHECKPOINT')
    if args.int8:
        use_data(cfg, args, trained_classes(args.checkpoint))
        with saying_nothing():
            check_config(cfg, 'test')
            check_data(cfg, 'test')
    model, classes = load(cfg, args.checkpoint)
    network = exportable(model)
    images = list(read_images(cfg, args.check or ()))
    with tempfile.TemporaryDirectory(dir=args.out.parent) as folder:
        path = Path(folder, args.out.name)
        export(network, path, classes=classes, size=size, batch=batch)
        file = ExportedFile(path)
        try:
            agreement = check_file(model, file, images)
        except DisagreementError as error:
            raise RunError(f'{args.out} is not written: ONNX Runtime and torch disagree: {error}',
                           'Please report it, with the config.') from error
        on = f'{len(images)} image{"s" * (len(images) > 1)}' if images else 'random images'
        print(told(agreement, on, network.outputs))
        files = {'ONNX Runtime': path}
        if args.int8:
            files['ONNX Runtime INT8'] = path = quantized(args, cfg, file, path, folder)
        example = torch.from_numpy(file.fitted(images[0].numpy()))[None] if images else next(random_images(file))[:1]
        print_times(model, files, example.repeat(batch or 1, 1, 1, 1), args.compile)
        path.replace(args.out)
    print(f'{args.checkpoint}: {megabytes(args.checkpoint)}, {args.out}: {megabytes(args.out)}')
    print(f'load it: onnxruntime.InferenceSession({str(args.out)!r}).run({network.outputs}, {{"images": images}})')
    print(f'images: float32, {batch or "any"} x 3 x {" x ".join(map(str, size or ("any", "any")))}, pixels 0 to 255 in '
          'the order that OpenCV reads: BGR')
    if not agreement.objects:
        print('nothing was compared but empty lists: give --check IMAGE ..., images on which the network finds '
              'something')


def megabytes(path: str | Path) -> str:
    return f'{Path(path).stat().st_size / 1e6:.1f} MB'
