"""From a command line to a config: what tools/train.py and tools/test.py share."""
import argparse
import os
from pathlib import Path

from mmengine.config import Config
from mmengine.registry import init_default_scope

from ..configs import walk
from ..errors import InputError
from .auto_channels import fill_in_channels
from .data_root import set_data_root
from .distributed import check_launcher
from .options import OptionsAction
from .overrides import override
from .own_data import add_data_arguments, use_data
from .run_config import RunConfig

__all__ = [
    'add_config_arguments', 'add_override_arguments', 'add_reading_arguments', 'config_of_run', 'given_config',
    'load_config', 'read_config'
]


def add_config_arguments(parser: argparse.ArgumentParser, *splits: str) -> None:
    """Add the arguments that MMDetection's train and test tools have in common, and those of the user's data."""
    add_reading_arguments(parser, *splits)
    parser.add_argument('--work-dir', help='folder for logs, checkpoints and metrics; default work_dirs/CONFIG_NAME')
    parser.add_argument('--trust-checkpoint', action='store_true',
                        help='load checkpoints that could run code: only where you know what is in the file')
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none')
    # torch's launchers pass one or the other.
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0, help=argparse.SUPPRESS)


def add_reading_arguments(parser: argparse.ArgumentParser, *splits: str) -> None:
    """Add the arguments of :func:`given_config`: of a tool that reads a config and runs no training with it."""
    parser.add_argument('config', help='config file')
    add_override_arguments(parser, *splits)


def add_override_arguments(parser: argparse.ArgumentParser, *splits: str) -> None:
    """Add what changes a config; ``splits`` are those of which the user's own data can be named."""
    add_data_arguments(parser, *splits)
    parser.add_argument('--cfg-options', nargs='+', action=OptionsAction, metavar='KEY=VALUE',
                        help='override settings of the config, e.g. train_dataloader.batch_size=4')


def load_config(args: argparse.Namespace, *needed: str) -> Config:
    """Return the user's config that the arguments of :func:`add_config_arguments` describe.

    Raises:
        InputError: the file is missing or no valid config, an override does not fit it, or it lacks one of the settings
            that are ``needed``.
    """
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    cfg = given_config(args, args.config)
    missing = [key for key in needed if cfg.get(key) is None]
    if missing:
        raise InputError(f'{args.config} has no {", no ".join(missing)}', 'Give a whole config.')
    init_default_scope(cfg.get('default_scope', 'mmdet'))
    check_launcher(args.launcher)
    return cfg


def config_of_run(cfg: Config, args: argparse.Namespace) -> RunConfig:
    """Return the user's config ``cfg`` as it is run with the arguments of :func:`add_config_arguments`."""
    name = Path(args.config).stem
    return RunConfig(cfg, name, launcher=args.launcher,
                     work_dir=args.work_dir or cfg.get('work_dir') or f'./work_dirs/{name}')


def given_config(args: argparse.Namespace, path: str) -> Config:
    """Return the config ``path``, changed by the arguments of :func:`add_override_arguments`.

    Raises:
        InputError: see :func:`read_config` and :func:`~layeragg_mm.engine.own_data.use_data`.
    """
    cfg = read_config(path, cfg_options=args.cfg_options)
    use_data(cfg, args, path)
    return cfg


def read_config(path: str, data_root: str | None = None, cfg_options: dict | None = None) -> Config:
    """Return the config of a file, or a package's own (``mmdet::retinanet/retinanet_r50_fpn_1x_coco.py``).

    Args:
        path: of the config.
        data_root: replaces the config's, see :func:`~layeragg_mm.engine.data_root.set_data_root`.
        cfg_options: overrides by dotted key.

    Raises:
        InputError: the file is missing or no valid config, or an override does not fit it.
    """
    if is_checkpoint(path):
        raise InputError(f'{path} is a checkpoint, and a config should stand there',
                         'The config comes first: CONFIG CHECKPOINT.')
    try:
        cfg = Config.fromstring(f'_base_ = {path!r}', '.py') if '::' in path else Config.fromfile(path)
    except FileNotFoundError as error:
        raise InputError(f'config file not found: {error}',
                         'Check the path of the config and of its _base_.') from error
    except (SyntaxError, OSError, KeyError, ValueError, TypeError, NameError, AssertionError, ImportError) as error:
        first_line, _, _ = str(error).partition('\n')
        raise InputError(f'{path} is no valid config: {type(error).__name__}: {first_line}',
                         'Mend the config file.') from error
    for _, node in walk(cfg._cfg_dict):
        node.pop('_delete_', None)  # mmengine leaves it where there was nothing to delete
    if cfg_options is not None:
        override(cfg, cfg_options)
    fill_in_channels(cfg)
    if data_root is not None:
        set_data_root(cfg, data_root)
    return cfg


def is_checkpoint(path: str) -> bool:
    """Tell whether a file is what torch saves: a zip archive or a pickle."""
    try:
        with open(path, 'rb') as file:
            start = file.read(2)
    except OSError:
        return False
    return start == b'PK' or start[:1] == b'\x80'
