"""COCO annotation files before training: refused where MMDetection would fail, explained where it ignores an object."""
from collections.abc import Collection
from pathlib import Path

import numpy as np

from ..evaluation.coco_results import ANNOTATION_FORM, check_annotations, image_sizes, read_json
from ..evaluation.json_columns import Entries
from ..evaluation.masks import check_true_masks

__all__ = ['load_training_annotations', 'why_ignored']

# In pixels; COCO evaluates objects up to this width and height.
LARGEST_COORDINATE = 1e5
ANY_MASK = [[0, 0, 1, 0, 1, 1]]  # stands in for a mask that is not read


def load_training_annotations(path: Path | str, poly2mask: bool | None) -> dict:
    """Return the content of a COCO annotation file on which MMDetection can train.

    Beyond :func:`~layeragg_mm.evaluation.coco_results.check_annotations`, images need a file_name, and where masks
    are loaded, objects need a segmentation of their image's size. What MMDetection ignores (:func:`why_ignored`) is
    not refused. As MMDetection reads it, ``iscrowd`` is 0 where it lacks.

    Args:
        path: of the file.
        poly2mask: that of the pipeline's ``LoadAnnotations``; None where it loads no masks.

    Raises:
        InputError: the file cannot be read, is cut short, or something in it does not fit; the error names it.
    """
    content, file = read_json(path), str(path)
    if type(content) is dict and type(content.get('annotations')) is list:
        for entry in content['annotations']:
            if type(entry) is dict:
                entry.setdefault('iscrowd', 0)
    check_annotations(content, file)
    images, objects, categories = (Entries(content[key], file, key, ANNOTATION_FORM)
                                   for key in ('images', 'annotations', 'categories'))
    names = images.column('file_name')
    images.refuse((type(name) is not str or not name.isprintable() for name in names), lambda i: 'file_name is no text')
    titles = categories.column('name')
    categories.refuse((title in titles[:i] for i, title in enumerate(titles)),
                      lambda i: f'the name {titles[i]!r} was there before', 'Give every category a name of its own.')
    boxes = objects.boxes('bbox')
    objects.refuse((np.abs(boxes) > LARGEST_COORDINATE).any(1),
                   lambda i: f'bbox {boxes[i].tolist()} is far beyond any image')
    if poly2mask is not None:
        check_masks(content, file, poly2mask)
    return content


def check_masks(content: dict, file: str, poly2mask: bool) -> None:
    """Every object that MMDetection keeps needs a mask, and what it reads of it must be one of the image."""
    images = {image['id']: image for image in content['images']}
    category_ids = {category['id'] for category in content['categories']}
    objects = Entries(content['annotations'], file, 'annotations', ANNOTATION_FORM)
    kept = [why_ignored(entry, images[entry['image_id']], category_ids) in (None, CROWD) for entry in objects.values]
    objects.refuse((keep and not entry.get('segmentation') for keep, entry in zip(kept, objects.values)),
                   lambda i: 'has no segmentation, and the pipeline loads masks',
                   'Give every object a mask, or load none (LoadAnnotations(with_mask=False), for a detector without).')
    read = Entries([dict(segmentation=mask_as_read(entry['segmentation'], poly2mask) if keep else ANY_MASK)
                    for keep, entry in zip(kept, objects.values)], file, 'annotations', ANNOTATION_FORM)
    sizes = image_sizes(content)
    check_true_masks(read, [sizes[entry['image_id']] for entry in objects.values])


def mask_as_read(segmentation, poly2mask: bool):
    """Return what MMDetection reads of a segmentation; a mask that stands in where it ignores the object."""
    if unusable(segmentation, poly2mask):
        return ANY_MASK
    if type(segmentation) is list:
        return [polygon for polygon in segmentation if type(polygon) is not list or is_drawable(polygon)]
    return segmentation


def is_drawable(polygon: list) -> bool:
    return len(polygon) % 2 == 0 and len(polygon) >= 6


CROWD = 'crowd (iscrowd=1)'


def why_ignored(entry: dict, image: dict, category_ids: Collection[int],
                poly2mask: bool | None = None) -> str | None:
    """Return why MMDetection does not train on the object ``entry`` of ``image``, or None if it does.

    The rules, and their order, are those of its ``CocoDataset.parse_data_info`` and ``LoadAnnotations``.

    Args:
        category_ids: those of the config's classes.
        poly2mask: that of the pipeline's ``LoadAnnotations``; None where it loads no masks.
    """
    x, y, width, height = entry['bbox']
    inside = max(0, min(x + width, image['width']) - max(x, 0)), max(0, min(y + height, image['height']) - max(y, 0))
    if entry.get('ignore'):
        return 'marked to be ignored (ignore=1)'
    if width * height == 0:
        return 'box of no area'
    if inside[0] * inside[1] == 0:
        return 'box outside the image'
    if entry['area'] <= 0:
        return 'area of 0'
    if width < 1 or height < 1:
        return 'box less than a pixel wide or high'
    if entry['category_id'] not in category_ids:
        return 'category that is no class of the config'
    if entry['iscrowd']:
        return CROWD
    return unusable(entry['segmentation'], poly2mask) if poly2mask is not None else None


def unusable(segmentation: list | dict, poly2mask: bool) -> str | None:
    """Return why MMDetection ignores an object with this mask, or None if it does not."""
    if type(segmentation) is list:
        if all(type(polygon) is list and not is_drawable(polygon) for polygon in segmentation):
            return 'polygons with fewer than three points'
    elif not poly2mask:
        return 'RLE mask, which poly2mask=False ignores'
    elif type(segmentation) is dict and (segmentation.get('size') is None
                                         or type(segmentation.get('counts')) not in (list, str)):
        return 'RLE mask without size or counts'
    return None
