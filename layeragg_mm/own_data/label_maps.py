"""Own images with label maps in a segmentor's config."""
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from mmengine.config import Config
from PIL import Image

from ..configs import walk
from ..engine.changes import Changes
from ..errors import InputError, lying_there
from ..words import some
from .annotations import common_folder, relative
from .classes import data_set_of, set_classes, stated_classes
from .finding import OwnData, data_sets
from .layouts import Labelled

__all__ = ['use_label_maps']

# What stays of a data set's settings; all else is of the data that it read before.
KEPT = 'pipeline', 'test_mode', 'indices', 'ignore_index', 'serialize_data', 'lazy_init', 'max_refetch', 'metainfo'


def use_label_maps(cfg: Config, own: OwnData, classes: Sequence[str] | None, changes: Changes) -> str:
    """Let ``cfg`` learn from, validate and test on own data; return what is to be told.

    Args:
        cfg: to be changed.
        own: folders of images and of label maps.
        classes: names of the labels 0, 1, ...; without them, those that the config states.
        changes: note what is set.
    """
    folders = own.files
    stated = next(filter(None, (stated_classes(node) for split in folders for _, node in data_sets(cfg, split))), None)
    classes = classes or stated
    if not classes:
        raise InputError('label maps do not tell the names of their classes', 'Add --classes NAME NAME ..., of the '
                         'labels 0, 1, ... in this order.')
    parent = str(own.root) if own.root is not None else common_folder(folders)
    set_classes(cfg, classes, changes)
    for split, each in folders.items():
        image_suffix, map_suffix = suffixes_of(f'--{split}' if own.root is None else '--data-root', each)
        path, node = data_set_of(cfg, split)
        for key in [key for key in node if key not in KEPT]:
            del node[key]
        changes.set(path, node, type='BaseSegDataset', data_root=parent, img_suffix=image_suffix,
                    seg_map_suffix=map_suffix, data_prefix=dict(
                        img_path=relative(each.images, parent), seg_map_path=relative(each.labels, parent)))
    for section in ('train_dataloader', 'val_dataloader', 'test_dataloader', 'tta_pipeline'):
        for place, transform in walk(cfg.get(section), section):
            if transform.get('reduce_zero_label'):
                changes.set(place, transform, reduce_zero_label=False)
    return f'{own.said}classes, {len(classes)}: {some(classes)}'


def suffixes_of(flag: str, folders: Labelled) -> tuple[str, str]:
    """Return how the names of a folder's images end, and those of their label maps; ``flag`` has named them.

    Raises:
        InputError: images end differently, which MMSegmentation cannot read, or have no label map, or several.
    """
    readable = Image.registered_extensions()
    names = sorted(os.path.relpath(file, folders.images) for file in folders.images.rglob('*')
                   if file.suffix.lower() in readable)
    suffixes = Counter(Path(name).suffix for name in names)
    if len(suffixes) != 1:
        listed = ', '.join(f'{count} {suffix}' for suffix, count in suffixes.items())
        raise InputError(f'{flag}: {folders.images} holds ' + (
            f'{listed}, and MMSegmentation reads images of one suffix' if listed else
            f'no images: {lying_there(folders.images / "*")}'), 'Give a folder of images that all end alike.')
    suffix, = suffixes
    stems = [name.removesuffix(suffix) for name in names]
    near = folders.labels / stems[0]
    endings = sorted(file.name.removeprefix(near.name) for file in near.parent.glob('*')
                     if file.name.startswith(near.name))
    lacking = {ending: [stem for stem in stems if not Path(folders.labels, stem + ending).is_file()]
               for ending in endings}
    alike = [ending for ending in endings if not lacking[ending]]
    exact = [ending for ending in alike if ending.startswith('.')] or alike
    if len(exact) != 1:
        first = min(lacking.values(), key=len, default=stems)[:1]
        found = f'each image has several: {", ".join(exact)}' if exact else (
            f'{first[0]}{suffix} has no label map of its name: {lying_there(folders.labels / first[0])}')
        raise InputError(f'{flag} {folders.images} {folders.labels}: {found}',
                         'Name each label map as its image, with one ending for all: a.png, or a_mask.png, of a.jpg.')
    return suffix, exact[0]
