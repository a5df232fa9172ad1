"""Print every backbone variant: parameters, GFLOPs, channels and strides of its outputs."""
import argparse
import logging

from mmengine.logging import MMLogger
from rich.console import Console
from rich.progress import track
from rich.table import Table

from layeragg_mm.analysis import BASELINES, build_backbone, complexity
from layeragg_mm.backbones.variants import VARIANTS
from layeragg_mm.errors import InputError, run_tool


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--size', type=int, nargs=2, default=(800, 1216), metavar=('HEIGHT', 'WIDTH'),
                        help='image size that the GFLOPs (multiply-adds) are for')
    parser.add_argument('--names', nargs='+', help='variants to print; all by default')
    args = parser.parse_args()
    if min(args.size) < 33:
        raise InputError(f'--size {args.size[0]} {args.size[1]} is too small', 'Give 33 or more.')
    MMLogger.get_current_instance().setLevel(logging.ERROR)  # it tells of every operator that is not counted
    table = Table('variant', 'parameters (M)', 'GFLOPs', 'channels', 'strides', box=None)
    for name in track(args.names or [*BASELINES, *VARIANTS], 'counting', transient=True):
        model = build_backbone(name)
        parameters, flops = complexity(model, args.size)
        channels = getattr(model, 'out_channels', (256, 512, 1024, 2048))
        strides = getattr(model, 'out_strides', (4, 8, 16, 32))
        table.add_row(name, f'{parameters / 1e6:.2f}', f'{flops / 1e9:.1f}',
                      ' '.join(map(str, channels)), ' '.join(map(str, strides)))
    Console(width=110).print(table)


if __name__ == '__main__':
    run_tool(main)
