"""What tools share: arguments, and errors in two lines. Nothing here takes time to import, so --help does not either.

What a tool does with its arguments is in the module of its name in ``layeragg_mm.commands``.
"""
import argparse
import os
import re
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from pathlib import Path
from textwrap import shorten
from typing import TextIO

__all__ = ['add_cfg_options', 'add_config_arguments', 'add_override_arguments', 'add_reading_arguments',
           'add_trust_argument', 'run_command', 'run_tool']

LONGEST = 300  # characters of what an exception says
# What the maintained forks of mmdet and mmseg print while they are imported, of a service that nothing here needs.
NEEDLESS = 'Could not import OneDL. Skipping OneDL datasets.', 'Could not import OneDL'


def add_config_arguments(parser: argparse.ArgumentParser, *splits: str) -> None:
    """Add the arguments that MMDetection's train and test tools have in common, and those of the user's own data."""
    add_reading_arguments(parser, *splits)
    parser.add_argument('--work-dir', help='folder for logs, checkpoints and metrics; default work_dirs/CONFIG_NAME')
    add_trust_argument(parser)
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none')
    # torch's launchers pass one or the other.
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0, help=argparse.SUPPRESS)


def add_reading_arguments(parser: argparse.ArgumentParser, *splits: str) -> None:
    """Add the arguments of a tool that reads a config and runs no training with it."""
    parser.add_argument('config', help='config file')
    add_override_arguments(parser, *splits)


def add_override_arguments(parser: argparse.ArgumentParser, *splits: str) -> None:
    """Add what changes a config; ``splits`` (train, val, test) are those that can be the user's own files."""
    parser.add_argument('--data-root', metavar='DIR', help='folder of the data, in place of the data_root that the '
                        'config names' + (', laid out as the config has it or in a usual way' if splits else ''))
    for split in splits:
        parser.add_argument(f'--{split}', nargs=2, metavar=('JSON', 'IMAGES'),
                            help=f'own {split} data: annotation file in COCO\'s format and folder of its images; of a '
                            'segmentor IMAGES MAPS: folders of images and of label maps')
    if splits:
        parser.add_argument('--classes', nargs='+', metavar='NAME', help='names of the values 0, 1, ... of label maps')
    add_cfg_options(parser, 'train_dataloader.batch_size=4')


def add_cfg_options(parser: argparse.ArgumentParser, example: str) -> None:
    parser.add_argument('--cfg-options', nargs='+', action='extend', metavar='KEY=VALUE',
                        help=f'override settings of the config, e.g. {example}')


def add_trust_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--trust-checkpoint', action='store_true',
                        help='load checkpoints that could run code: only where you know what is in the file')


def run_command(name: str, args: argparse.Namespace) -> None:
    """Run what a tool of this ``name`` does with its arguments; what can be told before importing it all, is."""
    with redirect_stdout(WithoutNeedless(sys.stdout)):  # all along, for a config imports mmseg only when it is read
        if 'layeragg_mm' not in sys.modules and find_spec('mmengine') is not None:
            with modules_alone('layeragg_mm', 'layeragg_mm.engine'):
                import_module('layeragg_mm.commands.early_checks').check_early(name, args)
        import_module(f'layeragg_mm.commands.{name}').run(args)


class WithoutNeedless:
    """A text stream that passes on everything but the lines ``NEEDLESS``, as ``print`` writes them."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.within = False  # such a line, of which its end is still to come

    def __getattr__(self, name: str):
        return getattr(self.stream, name)

    def write(self, text: str) -> int:
        ends, self.within = self.within and text == '\n', text in NEEDLESS
        return len(text) if ends or self.within else self.stream.write(text)


@contextmanager
def modules_alone(*packages: str) -> Iterator[None]:
    """Within, a module of ``packages`` is imported without what its packages import, which follows at the end."""
    waiting = []
    for name in packages:
        spec = find_spec(name)
        sys.modules[name] = package = module_from_spec(spec)
        parent, _, child = name.rpartition('.')
        if parent:
            setattr(sys.modules[parent], child, package)
        waiting.append((spec, package))
    yield
    for spec, package in waiting:
        spec.loader.exec_module(package)


def run_tool(main: Callable[[], None]) -> None:
    """Run ``main``; what it raises becomes two lines on stderr, what is wrong and what to do, and an exit code.

    ====  ==========================================================================================================
    2     something that the user gave cannot be used (``InputError``); argparse's too
    1     a run that began well cannot go on (``RunError``); or anything else, whose traceback goes to a file
    130   Ctrl-C
    ====  ==========================================================================================================

    ``~`` is the user's home also behind an equals sign, where shells leave it.
    """
    sys.argv[1:] = [re.sub('(^|=)~(?=/|$)', lambda match: match[1] + str(Path.home()), text) for text in sys.argv[1:]]
    try:
        main()
    except KeyboardInterrupt:
        print('\nInterrupted', file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:  # who reads the output has gone: head, less
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        text = '\n'.join(told(error))
        if getattr(error, 'exit_code', 1) == 2:
            print(text, file=sys.stderr)
            sys.exit(2)
        sys.exit(text)


def told(error: Exception) -> tuple[str, str]:
    """Return the two lines; of an exception that brings none, also write its traceback to a file."""
    if hasattr(error, 'remedy'):
        return f'error: {error.what}', error.remedy
    lines = traceback.format_exception_only(error)[-1].strip().splitlines()
    line = lines[-1] if 'Original Traceback' in str(error) else lines[0]  # of a data worker, or of this process
    file = write_traceback(error)
    return f'error: {shorten(line, LONGEST)}', f'The traceback is in {file}.' if file else ''.join(
        traceback.format_exception(error))


def write_traceback(error: Exception) -> Path | None:
    """Write an exception's traceback to where the run writes, or else here, or else where temporary files lie."""
    tool = Path(sys.argv[0]).stem.replace(' ', '_')  # it may be 'layeragg train'
    name = f'{tool}_error_{time.strftime("%Y%m%d_%H%M%S")}_{os.getpid()}.log'
    for folder in (getattr(error, 'folder', None), '.', tempfile.gettempdir()):
        if folder is not None and os.path.isdir(folder):
            try:
                Path(folder, name).write_text(''.join(traceback.format_exception(error)), 'utf-8', 'backslashreplace')
            except OSError:
                continue
            return Path(folder, name)
    return None
