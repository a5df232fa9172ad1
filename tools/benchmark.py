"""Compare the cost of backbones, or of whole detectors, with a baseline: all in one run, measured in turns.

    python tools/benchmark.py rla_r50 mrla_r50 dla34 --threads 2 --literal --fuse
    python tools/benchmark.py mrla_r50 --baseline mrla_r50 --threads 2 --without all
    python tools/benchmark.py my_config.py --baseline mmdet::mask_rcnn/mask-rcnn_r50_fpn_1x_coco.py --device cuda
    python tools/benchmark.py rla_r50 mrla_r50 --depths 50 101 152 --chart growth.png

Times and memory are ratios to the baseline's: the median of the rounds' ratios, and their quartiles.
"""
import argparse
from pathlib import Path

from command_line import run_command, run_tool


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('names', nargs='+', metavar='NAME',
                        help='backbones (python tools/list_backbones.py lists them), or configs of whole detectors')
    parser.add_argument('--baseline', help='default: fast_r50, the plain ResNet-50 with the same fast forms, and '
                        'MMDetection\'s resnet50 as the second row; of configs, the first')
    parser.add_argument('--depths', type=int, nargs='+', choices=[50, 101, 152],
                        help='compare at these depths, with the baseline of the same depth')
    sizes = parser.add_mutually_exclusive_group()
    sizes.add_argument('--size', type=int, nargs=2, default=(384, 384), metavar=('HEIGHT', 'WIDTH'),
                       help='of the images in pixels (384 384)')
    sizes.add_argument('--sizes', type=int, nargs='+', metavar='SIDE', help='compare at these sizes of square images')
    parser.add_argument('--batch', type=int, default=2, help='images at a time (%(default)s)')
    parser.add_argument('--device', default='cpu', help='as torch names it (%(default)s)')
    parser.add_argument('--threads', type=int, help='of the CPU; default: as torch chooses')
    parser.add_argument('--dtype', choices=['float32', 'bfloat16', 'float16'], default='float32',
                        help='other than float32: what torch.autocast computes in; weights stay float32 (%(default)s)')
    parser.add_argument('--channels-last', action='store_true', help='the memory format of images and weights')
    norm = parser.add_mutually_exclusive_group()
    norm.add_argument('--frozen-bn', action='store_true', default=True, dest='frozen_bn',
                      help='backbones train with frozen batch norm, as detectors have it (default)')
    norm.add_argument('--batch-stats', action='store_false', dest='frozen_bn',
                      help='backbones train with batch statistics; of a detector, its config decides')
    parser.add_argument('--compile', action='store_true', help='one more row for each network: through torch.compile')
    parser.add_argument('--literal', action='store_true', help='one more row for each network: in its published form')
    parser.add_argument('--without', nargs='+', default=[], metavar='FORM',
                        help='one more row for each network and each of these fast forms (or all): with all but this')
    parser.add_argument('--fuse', action='store_true', help='one more column: inference after layeragg_mm.fuse, '
                        'of a compiled row compiled too, relative to the baseline\'s inference without')
    parser.add_argument('--profile', action='store_true', help='one more table: the milliseconds of an inference, with '
                        '--fuse of the fused network, by operator')
    parser.add_argument('--launches', action='store_true', help='in place of all this, count the operators that a GPU '
                        'would launch for each backbone; needs no GPU')
    parser.add_argument('--largest-batch', action='store_true', help='one more column: the largest batch that a GPU\'s '
                        'memory can train on')
    parser.add_argument('--rounds', type=int, default=15, help='how often each is timed (%(default)s)')
    parser.add_argument('--json', type=Path, metavar='FILE', help='write all measurements here')
    parser.add_argument('--chart', type=Path, metavar='FILE.png', help='draw the comparison here')
    return parser.parse_args()


def main() -> None:
    run_command('benchmark', parse_args())


if __name__ == '__main__':
    run_tool(main)
