"""Export a trained detector or segmenter, from image to boxes, scores, labels and masks, as one ONNX file.

    python tools/export.py CONFIG CHECKPOINT --out model.onnx
    python tools/export.py CONFIG CHECKPOINT --out model.onnx --free-size --free-batch --check image.jpg
    python tools/export.py CONFIG CHECKPOINT --out model.onnx --int8 --data-root /data/coco
    python tools/test.py CONFIG model.onnx --data-root /data/coco

The file is written if ONNX Runtime finds with it what torch finds.
"""
import argparse
from pathlib import Path

from command_line import add_reading_arguments, run_command, run_tool


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_reading_arguments(parser, 'train', 'val', 'test')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('--out', type=Path, required=True, metavar='FILE.onnx', help='file to write')
    size = parser.add_mutually_exclusive_group()
    size.add_argument('--size', type=int, nargs=2, metavar=('HEIGHT', 'WIDTH'),
                      help='of the images that the file takes; default: what the test pipeline resizes to')
    size.add_argument('--free-size', action='store_true', help='the file takes images of any size')
    batch = parser.add_mutually_exclusive_group()
    batch.add_argument('--batch', type=int, help='images at a time (1)')
    batch.add_argument('--free-batch', action='store_true', help='the file takes any number of images at a time')
    parser.add_argument('--check', nargs='+', metavar='IMAGE', help='compare on these images, not on random ones')
    parser.add_argument('--int8', action='store_true', help='convolutions and linear layers in 8 bits, calibrated on '
                        'training images; tells the metrics on the test images before and after')
    parser.add_argument('--float-parts', nargs='+', metavar='NAME', help='with --int8: layers in whose names one of '
                        'these regular expressions is found stay in float, e.g. /mrla/')
    parser.add_argument('--compile', action='store_true', help='also time torch.compile')
    return parser.parse_args()


def main() -> None:
    run_command('export', parse_args())


if __name__ == '__main__':
    run_tool(main)
