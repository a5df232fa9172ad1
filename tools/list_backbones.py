"""Print every backbone as a row of a Markdown table: parameters, GFLOPs, channels and strides of its outputs."""
import argparse
import logging
from pathlib import Path

import torch
from mmengine.logging import MMLogger
from rich.progress import track

from layeragg_mm.analysis import build_backbone, complexity
from layeragg_mm.backbones.variants import PLAIN, VARIANTS
from layeragg_mm.errors import InputError, run_tool
from layeragg_mm.published_tables import markdown, replace_table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--size', type=int, nargs=2, default=(800, 1216), metavar=('HEIGHT', 'WIDTH'),
                        help='image size that the GFLOPs (multiply-adds) are for')
    parser.add_argument('--names', nargs='+', help='backbones to print; all by default')
    parser.add_argument('--docs', type=Path, metavar='FILE.md',
                        help='write the table of all there, between its marks, as docs/backbones.md has it')
    args = parser.parse_args()
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
    """Return channels and strides of a backbone's outputs; OpenMMLab's do not declare theirs."""
    if not hasattr(model, 'out_strides'):
        model.eval()
        with torch.no_grad():
            maps = model(torch.zeros(1, 3, 64, 64))
        return ' '.join(str(out.shape[1]) for out in maps), ' '.join(str(64 // out.shape[2]) for out in maps)
    return ' '.join(map(str, model.out_channels)), ' '.join(map(str, model.out_strides))


if __name__ == '__main__':
    run_tool(main)
