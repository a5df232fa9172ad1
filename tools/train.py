"""Train a detector or segmentor: python tools/train.py CONFIG --train TRAIN.json IMAGES --val VAL.json IMAGES"""
import argparse

from command_line import add_config_arguments, run_command, run_tool


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add_config_arguments(parser, 'train', 'val', 'test')
    parser.add_argument('--pretrained', metavar='FILE', help='checkpoint that the backbone starts from, in place of '
                        'the config\'s; none: start at random, so that no stage is frozen and all norms learn')
    parser.add_argument('--dry-run', action='store_true', help='check everything, train one batch, evaluate two '
                        'images, and leave nothing')
    parser.add_argument('--amp', action='store_true',
                        help='train with automatic mixed precision: bfloat16, or float16 on a GPU without it')
    parser.add_argument('--auto-scale-lr', action='store_true',
                        help='scale the learning rate by the real batch size over auto_scale_lr.base_batch_size')
    parser.add_argument('--resume', nargs='?', const='auto', metavar='CHECKPOINT',
                        help='resume from a checkpoint; without one, from the last whole one in the work dir, if any')
    parser.add_argument('--partial', action='store_true',
                        help='take of load_from (--cfg-options load_from=CHECKPOINT) what fits, e.g. trunk and heads '
                        'of another family, and tell what stays new')
    parser.add_argument('--skip-bad-images', action='store_true',
                        help='train without the images that cannot be read, and list them at the end')
    return parser.parse_args()


def main() -> None:
    run_command('train', parse_args())


if __name__ == '__main__':
    run_tool(main)
