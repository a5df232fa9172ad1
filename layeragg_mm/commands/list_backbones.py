"""What tools/list_backbones.py does."""
import argparse
import logging

from mmengine.logging import MMLogger
from rich.progress import track

from ..adapters import outputs_of
from ..analysis import build_backbone, complexity
from ..backbones.variants import ATTACHED, PLAIN, VARIANTS
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
    for name in track(args.names or [*PLAIN, *VARIANTS, *ATTACHED], 'counting', transient=True):
        model = build_backbone(name)
        parameters, flops = complexity(model, args.size)
        outputs = (' '.join(map(str, values)) for values in outputs_of(model))
        rows.append([name, f'{parameters / 1e6:.2f}', f'{flops / 1e9:.1f}', *outputs])
    table = markdown(['backbone', 'parameters (M)', 'GFLOPs', 'channels', 'strides'], rows)
    print(table)
    if args.docs:
        args.docs.write_text(replace_table(args.docs.read_text(), table, 'backbones'))
