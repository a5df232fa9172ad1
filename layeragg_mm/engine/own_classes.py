"""The classes of a config, and all that must follow them."""
from collections.abc import Iterator, Sequence

from mmengine.config import Config
from mmengine.registry import DATASETS

from ..configs import walk
from ..datasets.checks import HEADS
from ..errors import InputError
from ..registered import find_registered

__all__ = ['SPLITS', 'Changes', 'classes_of', 'data_set_of', 'data_sets', 'set_classes', 'stated_classes']

SPLITS = 'train', 'val', 'test'
NAMES_FILES = {'ann_file', 'data_prefix', 'data_root', 'split'}


class Changes(dict):
    """What was set in a config, by path, to be told."""

    def set(self, path: str, node: dict, **values) -> None:
        node.update(values)
        self.update({f'{path}.{key}': value for key, value in values.items()})

    def __str__(self) -> str:
        return '\n'.join(f'  {path}={value!r}' for path, value in self.items())


def data_sets(cfg: Config, split: str) -> Iterator[tuple[str, dict]]:
    """Yield the data sets that a data loader has inside of its wrappers, with their paths."""
    loader = cfg.get(f'{split}_dataloader')
    for path, node in walk(loader and loader.dataset, f'{split}_dataloader.dataset'):
        if node.keys() & NAMES_FILES and not node.keys() & {'dataset', 'datasets'}:
            yield path, node


def data_set_of(cfg: Config, split: str) -> tuple[str, dict]:
    """Return the one data set of a data loader, with its path.

    Raises:
        InputError: there is none, or several.
    """
    found = list(data_sets(cfg, split))
    if len(found) != 1:
        places = f'{len(found)}: {", ".join(path for path, _ in found)}' if found else 'none'
        raise InputError(f'--{split} names one data set, and {split}_dataloader of the config has {places}',
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
