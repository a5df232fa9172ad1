"""The classes of a config, and all that must follow them."""
from collections.abc import Sequence

from mmengine.config import Config
from mmengine.registry import DATASETS

from ..configs import walk
from ..datasets.checks import HEADS
from ..engine.changes import Changes
from ..errors import InputError
from ..registered import find_registered
from .finding import SPLITS, data_sets

__all__ = ['classes_of', 'data_set_of', 'set_classes', 'stated_classes']


def data_set_of(cfg: Config, split: str) -> tuple[str, dict]:
    """Return the one data set of a data loader, with its path.

    Raises:
        InputError: there is none, or several.
    """
    found = list(data_sets(cfg, split))
    if len(found) != 1:
        places = f'{len(found)}: {", ".join(path for path, _ in found)}' if found else 'none'
        raise InputError(f'the {split} data are to be one data set, and {split}_dataloader of the config has {places}',
                         'Name the files in the config.')
    return found[0]


def stated_classes(node: dict) -> tuple[str, ...] | None:
    """Return the classes that a config states of a data set; None if it leaves them to the data set's class."""
    return (node.get('metainfo') or {}).get('classes')


def classes_of(path: str, node: dict) -> tuple[str, ...]:
    """Return the classes of a data set: those of its metainfo, or else of its class; none if neither tells them."""
    known = getattr(find_registered(DATASETS, node, path), 'METAINFO', {}).get('classes')
    return tuple(stated_classes(node) or known or ())


def set_classes(cfg: Config, classes: Sequence[str], changes: Changes) -> None:
    """Give the data sets of ``cfg`` these classes, and its heads their number."""
    before = next((len(classes_of(path, node)) for split in SPLITS for path, node in data_sets(cfg, split)), 0)
    for split in SPLITS:
        for path, node in data_sets(cfg, split):
            changes.set(path, node, metainfo=dict(classes=tuple(classes), **palette_of(path, node, len(classes))))
    for path, node in walk(cfg.model, 'model'):
        for key in ('num_classes', 'num_things_classes'):
            if key in node and node[key] != len(classes) and counts_classes(path, key, node[key], before):
                changes.set(path, node, **{key: len(classes)})
        weights = node.get('class_weight')
        if isinstance(weights, (list, tuple)) and len(weights) in (before, before + 1):
            first, *others = weights[:before]
            same = all(weight == first for weight in others)
            changes.set(path, node, class_weight=[first] * len(classes) + list(weights[before:]) if same else None)


def palette_of(path: str, node: dict, classes: int) -> dict:
    """Return the palette that a data set's metainfo needs: MMDetection draws nothing with one that is too short."""
    from mmdet.visualization.palette import get_palette  # takes long
    known = getattr(find_registered(DATASETS, node, path), 'METAINFO', {}).get('palette')
    return dict(palette=get_palette('random', classes)) if known and len(known) < classes else {}


def counts_classes(path: str, key: str, value: int, before: int) -> bool:
    """Tell whether a number in a model's config is that of the classes: a head's, or as many as they were ``before``.

    Those of proposals (a region proposal network's one), of stuff beside things and of text are not.
    """
    parts = path.split('.')
    return (key == 'num_classes' and bool(HEADS & set(parts[-2:]))) or (
        value == before and not any('rpn' in part for part in parts))
