"""What tools/list_backbones.py does."""
import argparse
import logging

import torch
from mmengine.logging import MMLogger
from rich.progress import track

from ..analysis import build_backbone, complexity
from ..backbones.variants import PLAIN, VARIANTS
from ..errors import InputError
from ..published_tables import markdown, replace_table

__all__ = ['run']


def run(args: argparse.Namespace) -> None:
    if min(args.size) < 33:
        raise InputError(f'--size {args.size[0]} {args.size[1]} is too small', 'Give 33 or more.')
    if args.docs and args.names:
        raise InputError('--docs is for the table of all backbones', 'Leave --names out.')
    MMLogger.get_current_instance().setLevel(logging.ERROR)  # it tells of every operator that is not counted
    rows = []
    for name in track(args.names or [*PLAIN, *VARIANTS], 'counting', transient=True):
        model = build_backbone(name)
        parameters, flops = complexity(model, args.size)
        channels, strides = outputs(model)
        rows.append([name, f'{parameters / 1e6:.2f}', f'{flops / 1e9:.1f}', channels, strides])
    table = markdown(['backbone', 'parameters (M)', 'GFLOPs', 'channels', 'strides'], rows)
    print(table)
    if args.docs:
        args.docs.write_text(replace_table(args.docs.read_text(), table, 'backbones'))


def outputs(model) -> tuple[str, str]:
    """Return channels and strides of a backbone's outputs; MMDetection's own do not declare theirs."""
    with torch.no_grad():
        maps = model(torch.zeros(1, 3, 64, 64))
    channels = getattr(model, 'out_channels', [x.shape[1] for x in maps])
    strides = getattr(model, 'out_strides', [64 // x.shape[2] for x in maps])
    return ' '.join(map(str, channels)), ' '.join(map(str, strides))
