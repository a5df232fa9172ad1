"""Write DigitScenes, the demo's data set: handwritten digits on textures, in COCO's format."""
import argparse

from rich.progress import track

from layeragg_mm.datasets import make_digit_scenes
from layeragg_mm.errors import run_tool


def main() -> None:
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
    args = parser.parse_args()
    make_digit_scenes(
        args.out, args.train, args.val, args.size, args.seed, args.semantic, args.hard,
        track=lambda scenes: track(scenes, description='scenes'))
    print(f'{args.out}: {args.train} training and {args.val} validation scenes')


if __name__ == '__main__':
    run_tool(main)
