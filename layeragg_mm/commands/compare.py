"""What tools/compare.py does."""
import argparse
import json
from functools import partial
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import Progress

from ..datasets.annotations import load_annotations
from ..errors import InputError, check_output
from ..evaluation import (
    FEWEST_IMAGES,
    GAIN_METRICS,
    Matches,
    choose_iou_types,
    gain_table,
    load_results,
    match,
    paired_bootstrap,
    save_gain_plot,
    verdict,
    without_nan,
)

__all__ = ['run']

# Classes in the plot: those with the most objects.
PLOTTED_CLASSES = 20


def write(args: argparse.Namespace, overall: dict, classes: dict, objects: np.ndarray) -> tuple[Path, Path]:
    """Write compare.json and gains.png to ``args.out``; ``objects``: how many each class has."""
    paths = Path(args.out) / 'compare.json', Path(args.out) / 'gains.png'
    paths[0].parent.mkdir(parents=True, exist_ok=True)
    content = dict(vars(args), gains={
        iou_type: dict(overall={name: without_nan(gain) for name, gain in overall[iou_type].items()},
                       classes={name: without_nan(gain) for name, gain in classes[iou_type].items()})
        for iou_type in overall})
    paths[0].write_text(json.dumps(content, indent=2) + '\n')
    order = np.argsort(-objects, kind='stable')[:PLOTTED_CLASSES]
    plotted = {iou_type: {name: gains[name] for name in np.array(list(gains))[order]}
               for iou_type, gains in classes.items()}
    title = 'AP by class' + (f', the {len(order)} with the most objects' if len(objects) > len(order) else '')
    save_gain_plot(overall, plotted, args.confidence, paths[1], classes_title=title)
    return paths


def check(args: argparse.Namespace) -> None:
    if not 0 < args.confidence < 1:
        raise InputError(f'--confidence {args.confidence} is not within 0..1', 'Give a share, e.g. 0.95.')
    if args.resamples * (1 - args.confidence) < 2:
        raise InputError(f'--resamples {args.resamples} are too few for intervals of --confidence {args.confidence}',
                         'One resample at least must lie beyond either end: give more, e.g. 1000.')
    if args.seed < 0:
        raise InputError(f'--seed {args.seed} is negative', 'Give 0 or more.')
    if args.out is not None:
        check_output(args.out, [args.baseline, args.ours, args.annotations], folder=True)


def run(args: argparse.Namespace) -> None:
    check(args)
    annotations = load_annotations(args.annotations)
    results = [load_results(path, annotations) for path in (args.baseline, args.ours)]
    iou_types = choose_iou_types(args.iou_type, annotations, args.annotations,
                                 dict(zip((args.baseline, args.ours), results)))
    overall, classes = {}, {}
    with Progress(console=Console(stderr=True), transient=True) as progress:

        def bar(title: str):
            return partial(progress.advance, progress.add_task(title, total=1))

        for iou_type in iou_types:
            baseline, ours = (Matches(match(annotations, entries, iou_type, bar(f'{iou_type}, matching {name}')))
                              for name, entries in zip(('baseline', 'ours'), results))
            whole, by_class = paired_bootstrap(baseline, ours, args.resamples, args.confidence, args.seed,
                                               bar(f'{iou_type}, {args.resamples} resamples'))
            overall[iou_type] = dict(zip(GAIN_METRICS, whole))
            classes[iou_type] = dict(zip(ours.classes, by_class))

    console = Console()
    for iou_type in iou_types:
        for gains, images, title in ((classes, ours.images_with[len(GAIN_METRICS):], 'AP by class'),
                                     (overall, ours.images_with, 'all classes')):
            console.print(gain_table(gains[iou_type], images, f'{iou_type}, {title}', args.confidence))
    for iou_type in iou_types:
        console.print(verdict(overall[iou_type]['AP'], ours.images_with[0], iou_type, args.confidence), soft_wrap=True)
    console.print(f'All in points. *: the interval leaves out 0, on {FEWEST_IMAGES} images or more. The intervals are '
                  'over images: they do not show what another training seed would change.', soft_wrap=True)
    if args.out is not None:
        for path in write(args, overall, classes, ours.objects):
            console.print(f'wrote {path}', soft_wrap=True)
