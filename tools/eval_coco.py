"""COCO's numbers of a result file: python tools/eval_coco.py results.segm.json instances_val2017.json"""
import argparse

from command_line import run_command, run_tool


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('results', help='detections in COCO\'s format (MMDetection: CocoMetric\'s outfile_prefix)')
    parser.add_argument('annotations', help='the true objects in COCO\'s format')
    parser.add_argument('--iou-type', nargs='+', choices=['bbox', 'segm'], help='default: what the results hold')
    parser.add_argument('--out', metavar='FILE.json', help='write all numbers here, within 0..1')
    return parser.parse_args()


def main() -> None:
    run_command('eval_coco', parse_args())


if __name__ == '__main__':
    run_tool(main)
