"""What tools/benchmark.py does."""
import argparse
import logging
from collections.abc import Iterable, Sequence
from itertools import product
from pathlib import Path
from textwrap import shorten

import torch
from mmengine.logging import MMLogger
from rich.console import Console
from rich.progress import track

from ..analysis import (
    Entrant,
    Setting,
    at_depth,
    build_backbone,
    build_detector,
    compare,
    cost_table,
    count_launches,
    is_detector,
    launch_table,
    operator_table,
    operator_times,
    write_costs,
)
from ..errors import InputError, check_output
from ..fast import FORMS
from ..visualization import save_cost_chart

__all__ = ['run']


def choose_device(name: str) -> torch.device:
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError) as error:
        raise InputError(f'--device {name}: {shorten(str(error), 120)}',
                         'Give cpu, or cuda on a machine with a GPU.') from error
    return device


def check(args: argparse.Namespace, device: torch.device) -> None:
    for option in ('batch', 'threads', 'rounds'):
        value = getattr(args, option)
        if value is not None and value < 1:
            raise InputError(f'--{option} {value} is not available', 'Give 1 or more.')
    for option, path in (('--json', args.json), ('--chart', args.chart)):
        if path is not None:
            if not path.parent.is_dir():
                raise InputError(f'{option} {path}: there is no folder {path.parent}', 'Make it, or write elsewhere.')
            check_output(path, [name for name in args.names if is_detector(name)], option=option)
    for form in args.without:
        if form not in ('all', *FORMS):
            raise InputError(f'--without {form}: no fast form has this name',
                             f'Give all, or some of {", ".join(FORMS)}.')
    if args.chart is not None and args.chart.suffix.lower() != '.png':
        raise InputError(f'--chart {args.chart} is no PNG file', 'Give a name that ends in .png.')
    for side in args.sizes or args.size:
        if side < 33:
            raise InputError(f'images of {side} pixels are too small', 'Give 33 or more.')
    if len({is_detector(name) for name in filter(None, (args.baseline, *args.names))}) > 1:
        raise InputError('backbones and whole detectors do not compare', 'Give names only, or configs only.')
    if args.channels_last and is_detector(args.names[0]):
        raise InputError('--channels-last is for backbones: mmcv\'s RoIAlign, for one, misreads such maps',
                         'Leave it out for detectors.')
    if args.launches:
        for option, other in (('a config', is_detector(args.names[0])), ('--literal', args.literal),
                              ('--without', args.without), ('--compile', args.compile), ('--fuse', args.fuse),
                              ('--json', args.json), ('--chart', args.chart)):
            if other:
                raise InputError(f'--launches counts for backbones in their default form, not with {option}',
                                 'Leave one of the two out.')
    if args.largest_batch and device.type != 'cuda':
        raise InputError('--largest-batch is for GPUs', 'Leave it out, or give --device cuda.')
    if args.depths and is_detector(args.names[0]):
        raise InputError('--depths is for backbones', 'Give configs of the depths in question.')
    if args.chart is not None and args.depths and args.sizes:
        raise InputError('--chart shows how costs grow with the depth or with the size', 'Leave one of the two out.')
    for depth in args.depths or [None]:
        titles = [title(name, depth) for name in networks(args)]
        for name in titles:
            if titles.count(name) > 1:
                raise InputError(f'two networks would be called {name}',
                                 'Name one of them, or give a config another file name.')


def networks(args: argparse.Namespace) -> list[str]:
    """Return the names that are compared, the baseline's first."""
    baselines = [args.baseline] if args.baseline else [] if is_detector(args.names[0]) else ['fast_r50', 'resnet50']
    return list(dict.fromkeys((*baselines, *args.names)))


def title(name: str, depth: int | None) -> str:
    """Return what a network is called in the results."""
    return Path(name).stem if is_detector(name) else at_depth(name, depth)


def enter(args: argparse.Namespace, depth: int | None) -> list[Entrant]:
    """Build every network in every form, the baseline first."""
    def build(name: str) -> torch.nn.Module:
        torch.manual_seed(0)  # what an untrained detector finds decides what its heads have to do
        return build_detector(name) if is_detector(name) else build_backbone(
            name, depth=depth, norm_eval=args.frozen_bn)

    entrants = []
    for name in networks(args):
        called = title(name, depth)
        entrants.append(Entrant(called, build(name), fused=args.fuse))
        if args.compile:
            entrants.append(Entrant(f'{called}, compiled', build(name), fused=args.fuse, compiled=True))
        if args.literal and name in args.names:
            entrants.append(Entrant(f'{called}, literal', build(name), without=tuple(FORMS)))
        for form in FORMS if 'all' in args.without else args.without:
            if name in args.names:
                entrants.append(Entrant(f'{called} without {form}', build(name), without=(form,)))
    return entrants


def describe(args: argparse.Namespace) -> str:
    parts = [f'batch {args.batch}', args.device, args.dtype]
    if args.device == 'cpu':
        parts[1] += f' ({torch.get_num_threads()} threads)'
    if args.channels_last:
        parts.append('channels_last')
    if not is_detector(args.names[0]):
        parts.append('frozen batch norm' if args.frozen_bn else 'batch statistics')
    return ', '.join(parts)


def run(args: argparse.Namespace) -> None:
    device = choose_device(args.device)
    check(args, device)
    if args.threads is not None:
        torch.set_num_threads(args.threads)
    MMLogger.get_current_instance().setLevel(logging.ERROR)  # it tells of every operator that is not counted
    console, description = Console(width=240), describe(args)  # Markdown's tables may not wrap
    sizes = [(side, side) for side in args.sizes] if args.sizes else [tuple(args.size)]
    comparisons = {}
    for depth, (height, width) in product(args.depths or [None], sizes):
        label = f'{height}x{width}' if depth is None else f'depth {depth}, {height}x{width}'
        entrants = enter(args, depth)
        if args.launches:
            launches = {entrant.name: count_launches(entrant.model, (height, width), args.batch)
                        for entrant in entrants}
            console.print(launch_table(launches, f'{label}, batch {args.batch}: operators that a GPU would launch'))
            continue
        setting = Setting(device, (height, width), args.batch, getattr(torch, args.dtype), args.channels_last)

        def show_progress(steps: Sequence, text: str, label: str = label) -> Iterable:
            return track(steps, f'{label}: {text}', transient=True)

        comparisons[label] = compare(entrants, setting, rounds=args.rounds, largest_batch=args.largest_batch,
                                     track=show_progress)
        console.print(cost_table(comparisons[label], f'{label}, {description}'))
        if args.profile:
            names = [f'{entrant.name}, fused' if entrant.fused else entrant.name for entrant in entrants]
            times = dict(zip(names, operator_times(entrants, setting, track=show_progress)))
            console.print(operator_table(times, f'{label}, inference: ms by operator'))
    if args.json is not None:
        write_costs(comparisons, args.json, setting=description)
    if args.chart is not None:
        save_cost_chart(comparisons, args.chart, title=description)
