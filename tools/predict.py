"""Predict on images: pictures of what a model finds, and its objects as COCO JSON, or its label maps as PNG.

    python tools/predict.py CONFIG CHECKPOINT photo.jpg
    python tools/predict.py CONFIG CHECKPOINT images/ more/ --out found --score-thr 0.5
    python tools/predict.py CONFIG CHECKPOINT 'images/**/*.png' --device cuda

IMAGES are files, folders with all below them, and patterns. No annotation file is needed.
"""
import argparse
from pathlib import Path

from command_line import add_cfg_options, add_trust_argument, run_command, run_tool


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('images', nargs='+', metavar='IMAGES', help='image files, folders or patterns')
    parser.add_argument('--out', type=Path, default=Path('predictions'), metavar='DIR',
                        help='folder to make (%(default)s); refused if it holds anything')
    parser.add_argument('--score-thr', type=float, default=.3,
                        help='lowest score of objects that are drawn (%(default)s); the JSON file has all')
    parser.add_argument('--device', choices=['cpu', 'cuda'], help='where to compute; default: a GPU, if there is one')
    add_cfg_options(parser, 'model.test_cfg.rcnn.score_thr=0.3')
    add_trust_argument(parser)
    return parser.parse_args()


def main() -> None:
    run_command('predict', parse_args())


if __name__ == '__main__':
    run_tool(main)
