"""What tools/make_digit_scenes.py does."""
import argparse

from rich.progress import track

from ..datasets import make_digit_scenes

__all__ = ['run']


def run(args: argparse.Namespace) -> None:
    make_digit_scenes(
        args.out, args.train, args.val, args.size, args.seed, args.semantic, args.hard,
        track=lambda scenes: track(scenes, description='scenes'))
    print(f'{args.out}: {args.train} training and {args.val} validation scenes')
