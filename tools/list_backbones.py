"""Print every backbone variant: parameters, GFLOPs, channels and strides of its outputs."""
import argparse
import logging

from mmengine.analysis import get_model_complexity_info
from mmengine.logging import MMLogger
from mmengine.registry import MODELS
from rich.console import Console
from rich.progress import track
from rich.table import Table

import layeragg_mm  # noqa: F401  (registers)
from layeragg_mm.backbones.variants import VARIANTS
from layeragg_mm.errors import InputError, run_tool

BASELINES = {f'resnet{depth}': dict(type='mmdet.ResNet', depth=depth) for depth in (50, 101, 152)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--size', type=int, nargs=2, default=(800, 1216), metavar=('HEIGHT', 'WIDTH'),
                        help='image size that the GFLOPs (multiply-adds) are for')
    parser.add_argument('--names', nargs='+', help='variants to print; all by default')
    args = parser.parse_args()
    MMLogger.get_current_instance().setLevel(logging.ERROR)  # it tells of every operator that is not counted
    rows = {**BASELINES, **VARIANTS}
    for name in args.names or ():
        if name not in rows:
            raise InputError(f'no backbone is called {name}', f'Available: {", ".join(rows)}.')

    table = Table('variant', 'parameters (M)', 'GFLOPs', 'channels', 'strides', box=None)
    for name in track(args.names or list(rows), 'counting', transient=True):
        model = MODELS.build(rows[name])
        model.eval()  # MMDetection's ResNet returns nothing here
        cost = get_model_complexity_info(model, (3, *args.size), show_table=False, show_arch=False)
        channels = getattr(model, 'out_channels', (256, 512, 1024, 2048))
        strides = getattr(model, 'out_strides', (4, 8, 16, 32))
        table.add_row(name, f'{cost["params"] / 1e6:.2f}', f'{cost["flops"] / 1e9:.1f}',
                      ' '.join(map(str, channels)), ' '.join(map(str, strides)))
    Console(width=110).print(table)


if __name__ == '__main__':
    run_tool(main)
