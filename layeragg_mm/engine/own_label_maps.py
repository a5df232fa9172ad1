"""Own images with label maps in a segmentor's config."""
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from mmengine.config import Config
from PIL import Image

from ..configs import walk
from ..datasets.layouts import Labelled, what_lies_in
from ..errors import InputError
from .own_annotations import common_folder, relative
from .own_classes import Changes, data_set_of, data_sets, set_classes, stated_classes

__all__ = ['use_label_maps']

# What stays of a data set's settings; all else is of the data that it read before.
KEPT = 'pipeline', 'test_mode', 'indices', 'ignore_index', 'serialize_data', 'lazy_init', 'max_refetch'


def use_label_maps(cfg: Config, folders: dict[str, Labelled], classes: Sequence[str] | None, changes: Changes) -> str:
    """Let ``cfg`` learn from, validate and test on ``folders``, by split; return what is to be told.

    Tested is on the validation data, where there are no others.

    Args:
        cfg: to be changed.
        folders: images and label maps, by split.
        classes: names of the labels 0, 1, ...; without them, those that the config states.
        changes: note what is set.
    """
    stated = next(filter(None, (stated_classes(node) for split in folders for _, node in data_sets(cfg, split))), None)
    if not classes and not stated:
        raise InputError('label maps do not tell the names of their classes', 'Add --classes NAME NAME ..., of the '
                         'labels 0, 1, ... in this order.')
    classes = list(classes or stated)
    if cfg.get('test_dataloader') and 'val' in folders:
        folders.setdefault('test', folders['val'])
    parent = common_folder(folders)
    set_classes(cfg, classes, changes)
    for split, each in folders.items():
        image_suffix, map_suffix = suffixes_of(split, each)
        path, node = data_set_of(cfg, split)
        kept = {key: node[key] for key in (*KEPT, 'metainfo') if key in node}
        node.clear()
        node.update(kept)
        changes.set(path, node, type='BaseSegDataset', data_root=parent, img_suffix=image_suffix,
                    seg_map_suffix=map_suffix, data_prefix=dict(
                        img_path=relative(each.images, parent), seg_map_path=relative(each.labels, parent)))
        for place, transform in walk(node.get('pipeline'), f'{path}.pipeline'):
            if transform.get('reduce_zero_label'):
                changes.set(place, transform, reduce_zero_label=False)
    return f'{len(classes)} classes: {", ".join(classes)}'


def suffixes_of(split: str, folders: Labelled) -> tuple[str, str]:
    """Return how the names of a folder's images end, and those of their label maps."""
    for folder, kind in ((folders.images, 'images'), (folders.labels, 'label maps')):
        if not folder.is_dir():
            raise InputError(f'--{split}: folder of {kind} not found: {folder}', 'Correct the path.')
    readable = Image.registered_extensions()
    names = sorted(os.path.relpath(file, folders.images) for file in folders.images.rglob('*')
                   if file.suffix.lower() in readable)
    suffixes = Counter(Path(name).suffix for name in names)
    if len(suffixes) != 1:
        listed = ', '.join(f'{count} {suffix}' for suffix, count in suffixes.items())
        raise InputError(f'--{split}: {folders.images} holds {listed or "no images: " + what_lies_in(folders.images)}'
                         + (', and MMSegmentation reads images of one suffix' if listed else ''),
                         'Give a folder of images that all end alike.')
    suffix, = suffixes
    stems = [name.removesuffix(suffix) for name in names]
    near = folders.labels / stems[0]
    endings = sorted(file.name.removeprefix(near.name) for file in near.parent.glob('*')
                     if file.name.startswith(near.name))
    alike = [ending for ending in endings if all(Path(folders.labels, stem + ending).is_file() for stem in stems)]
    exact = [ending for ending in alike if ending.startswith('.')] or alike
    if len(exact) != 1:
        lacking = f'not every image has a label map of its name there, {names[0]} for one'
        raise InputError(f'--{split} {folders.images} {folders.labels}: '
                         + (f'each image has several: {", ".join(exact)}' if exact else lacking)
                         + f'; there lie {what_lies_in(folders.labels)}',
                         'Name each label map as its image, with one ending for all: a.png, or a_mask.png, of a.jpg.')
    return suffix, exact[0]
