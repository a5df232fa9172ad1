"""Is the gain real? python tools/compare.py baseline.segm.json ours.segm.json instances_val2017.json"""
import argparse

from command_line import run_command, run_tool


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('baseline', help='detections of the baseline in COCO\'s format')
    parser.add_argument('ours', help='detections of what is compared with it, on the same images')
    parser.add_argument('annotations', help='the true objects in COCO\'s format')
    parser.add_argument('--iou-type', nargs='+', choices=['bbox', 'segm'], help='default: what both files hold')
    parser.add_argument('--resamples', type=int, default=1000, help='bootstrap resamples (%(default)s)')
    parser.add_argument('--confidence', type=float, default=.95, help='of the intervals, 0..1 (%(default)s)')
    parser.add_argument('--seed', type=int, default=0, help='of the resampling, 0 or more (%(default)s)')
    parser.add_argument('--out', metavar='DIR', help='write compare.json and gains.png here')
    return parser.parse_args()


def main() -> None:
    run_command('compare', parse_args())


if __name__ == '__main__':
    run_tool(main)
