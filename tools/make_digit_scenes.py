"""Write DigitScenes, the demo's data set: handwritten digits on textures, in COCO's format."""
import argparse

from command_line import run_command, run_tool


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('out', help='folder to make; refused if it holds anything')
    parser.add_argument('--train', type=int, default=400, help='training scenes (%(default)s)')
    parser.add_argument('--val', type=int, default=100, help='validation scenes (%(default)s)')
    parser.add_argument('--size', type=int, default=128,
                        help='height and width of a scene in pixels, 64 or more (%(default)s)')
    parser.add_argument('--seed', type=int, default=0, help='0 or more (%(default)s)')
    parser.add_argument('--semantic', action='store_true', help='also write label maps for semantic segmentation')
    parser.add_argument('--hard', action='store_true',
                        help='small and large digits, clutter, occlusion, distractors; --size 128 or more')
    return parser.parse_args()


def main() -> None:
    run_command('make_digit_scenes', parse_args())


if __name__ == '__main__':
    run_tool(main)
