"""A user's own data take the place of those that a config names."""
import argparse
from collections.abc import Sequence

from mmengine.config import Config

from ..engine.changes import Changes
from ..engine.segmentation import is_segmentation
from .annotations import take_unfit_classes, use_annotations
from .finding import find_data
from .label_maps import use_label_maps

__all__ = ['use_data']


def use_data(cfg: Config, args: argparse.Namespace, trained: Sequence[str] | None = None) -> None:
    """Let ``cfg`` have the data that a tool's arguments name (``add_override_arguments`` in tools/command_line.py).

    Every path of data sets and evaluators is set, and as the classes of the annotation file are, so are those of data
    sets and heads. What was set is printed.

    Args:
        cfg: to be changed.
        args: of the tool.
        trained: classes of a checkpoint that is to be tested, in the place of the file's.

    Raises:
        InputError: files are not there, or the config cannot learn from data of their kind.
    """
    own, changes = find_data(cfg, args), Changes(args)
    if own is None:
        told = take_unfit_classes(cfg, args, changes, trained) if args.data_root is not None else ''
    elif is_segmentation(cfg):
        told = use_label_maps(cfg, own, args.classes or trained, changes)
    else:
        told = own.said + use_annotations(cfg, own, args.config, changes, trained)
    changes.tell(told)
