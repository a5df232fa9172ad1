"""Test a detector or segmentor: python tools/test.py CONFIG CHECKPOINT --data-root /data/coco --show-dir pictures"""
import argparse

from command_line import add_config_arguments, run_command, run_tool


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add_config_arguments(parser, 'test')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('--out', metavar='FILE.pkl', help='write the predictions here; of a segmentor: to this '
                        'folder, a map for each image')
    parser.add_argument('--show', action='store_true', help='show the predictions')
    parser.add_argument('--show-dir', help='write painted images to WORK_DIR/TIMESTAMP/SHOW_DIR, of a segmentor to '
                        'WORK_DIR/SHOW_DIR, in the images\' folders')
    parser.add_argument('--wait-time', type=float, default=2, help='seconds that --show waits at an image')
    parser.add_argument('--tta', action='store_true', help='test-time augmentation')
    parser.add_argument('--fuse', action='store_true', help='join norms and convolutions first, which is faster')
    return parser.parse_args()


def main() -> None:
    run_command('test', parse_args())


if __name__ == '__main__':
    run_tool(main)
