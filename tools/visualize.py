"""Look at a model: what it finds beside the truth, or how its layers use earlier ones."""
import argparse
from pathlib import Path

from command_line import add_reading_arguments, run_command, run_tool


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest='command', required=True)
    predictions = commands.add_parser('predictions', help='draw a sheet of the truth and what one or two models find')
    layers = commands.add_parser('layers', help='draw the layer attention of MRLA, or the hidden state of RLA')
    for command, checkpoint in ((predictions, dict(help='checkpoint file')),
                                (layers, dict(nargs='?', help='checkpoint file; without one, the start of training'))):
        add_reading_arguments(command)
        command.add_argument('checkpoint', **checkpoint)
        command.add_argument('--out', type=Path, required=True, metavar='DIR', help='folder that the picture goes to')
        images = command.add_mutually_exclusive_group()
        images.add_argument('--num-images', type=int, default=6, help='images, spread over the test data (%(default)s)')
        images.add_argument('--images', nargs='+', metavar='FILE', help='these images, without truth, in their place')
    predictions.add_argument('--other', nargs=2, metavar=('CONFIG', 'CHECKPOINT'), help='a second model to compare')
    predictions.add_argument('--score-thr', type=float, default=.3, help='lowest score that is drawn (%(default)s)')
    return parser.parse_args()


def main() -> None:
    run_command('visualize', parse_args())


if __name__ == '__main__':
    run_tool(main)
