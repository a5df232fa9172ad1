"""COCO annotation files, read and checked whole before anything is computed from them.

What pycocotools and MMDetection would fail at, or compute nonsense from, is refused; what MMDetection ignores in
training is explained.
"""
import json
import pickle
import unicodedata
from collections.abc import Collection
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..paths import check_file
from .box_checks import check_meaning
from .json_columns import Entries
from .mask_checks import LARGEST_COORDINATE, check_true_masks

__all__ = ['check_annotations', 'check_true_masks_of', 'load_annotations', 'load_training_annotations', 'why_ignored']

ANNOTATION_FORM = 'an annotation file in COCO\'s format (images, annotations, categories)'
# pycocotools counts pixels in 32 bits.
LARGEST_IMAGE = 2**31
UNPRINTABLE = {'Cc', 'Cs', 'Zl', 'Zp'}  # controls, halves of characters, ends of lines
ANY_MASK = [[0, 0, 1, 0, 1, 1]]  # stands in for a mask that is not read


def read_json(path: Path | str, instead: str = 'Give the JSON file that is meant.'):
    """Return what the JSON file holds.

    Args:
        path: of the file.
        instead: what to do where the file is a checkpoint, or another pickle.

    Raises:
        InputError: it cannot be read, is no JSON, or is cut short.
    """
    check_file(path)
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise InputError(f'{path}: {error.strerror}', 'Make it readable, or name another file.') from error
    if content[:2] == b'PK' or content[:1] == pickle.PROTO:  # as torch writes
        raise InputError(f'{path} is a checkpoint or another pickle, and no JSON', instead)
    try:
        return json.loads(content.decode('utf-8'))  # as pycocotools reads it
    except (ValueError, RecursionError) as error:
        raise InputError(f'{path} is not whole JSON: {error}', 'Fetch or write the file again.') from error


def load_annotations(path: Path | str) -> dict:
    """Return the content of a COCO annotation file, checked by :func:`check_annotations`."""
    content = read_json(path)
    check_annotations(content, str(path))
    return content


def check_annotations(content, file: str) -> None:
    """Raise an :class:`InputError` unless the JSON value ``content`` of ``file`` is what COCO's box evaluation needs.

    Needed are images (id, height, width), categories (id, name) and annotations (id, image_id, category_id, bbox,
    area, iscrowd), with no id twice and no unknown image or category. Masks are checked where they are used
    (:func:`check_true_masks_of`).
    """
    if type(content) is not dict:
        raise InputError(f'{file} holds no object', f'Give {ANNOTATION_FORM}.')
    lacking = [key for key in ('images', 'annotations', 'categories') if key not in content]
    if lacking:
        raise InputError(f'{file} lacks {", ".join(lacking)}', f'Give {ANNOTATION_FORM}.')
    images, objects, categories = (Entries(content[key], file, key, ANNOTATION_FORM)
                                   for key in ('images', 'annotations', 'categories'))
    image_ids, category_ids = images.unique('id'), categories.unique('id')
    heights, widths = images.integers('height', least=1), images.integers('width', least=1)
    images.refuse((height * width >= LARGEST_IMAGE for height, width in zip(heights, widths)),
                  lambda i: f'{heights[i]} x {widths[i]} pixels are more than pycocotools can count')
    names = categories.column('name')
    categories.refuse((not is_name(name) for name in names), lambda i: 'name is no text')
    categories.refuse((name in names[:i] for i, name in enumerate(names)),
                      lambda i: f'name {names[i]!r} was there before', 'Give every class a name of its own.')
    objects.unique('id')
    objects.known('image_id', image_ids, f'images of {file}')
    objects.known('category_id', category_ids, f'categories of {file}')
    objects.boxes('bbox')
    areas = objects.numbers('area')
    objects.refuse(areas < 0, lambda i: f'area {areas[i]} is negative')
    crowds = objects.column('iscrowd')
    objects.refuse((type(crowd) not in (int, bool) or crowd not in (0, 1) for crowd in crowds),
                   lambda i: 'iscrowd is neither 0 nor 1')


def is_name(name: object) -> bool:
    """Tell whether a name is text in one line, whatever spaces and signs are in it."""
    return type(name) is str and not UNPRINTABLE & set(map(unicodedata.category, name))


def image_sizes(annotations: dict) -> dict[int, list[int]]:
    return {image['id']: [image['height'], image['width']] for image in annotations['images']}


def check_true_masks_of(annotations: dict, file: str) -> None:
    """Raise an :class:`InputError` unless every annotation of ``file``, checked before, has a mask of its image."""
    objects = Entries(annotations['annotations'], file, 'annotations', ANNOTATION_FORM)
    sizes = image_sizes(annotations)
    check_true_masks(objects, [sizes[image_id] for image_id in objects.column('image_id')])


def load_training_annotations(path: Path | str, poly2mask: bool | None) -> dict:
    """Return the content of a COCO annotation file on which MMDetection can train.

    Beyond :func:`check_annotations`, images need a file_name, and where masks are loaded, objects need a segmentation
    of their image's size. What MMDetection ignores (:func:`why_ignored`) is not refused. As MMDetection reads it,
    ``iscrowd`` is 0 where it lacks.

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
    images, objects = (Entries(content[key], file, key, ANNOTATION_FORM) for key in ('images', 'annotations'))
    names = images.column('file_name')
    images.refuse((not is_name(name) for name in names), lambda i: 'file_name is no text')
    boxes = np.array(objects.column('bbox'), dtype=np.float64)
    objects.refuse((np.abs(boxes) > LARGEST_COORDINATE).any(1),
                   lambda i: f'bbox {boxes[i].tolist()} is far beyond any image')
    sizes = image_sizes(content)
    check_meaning(file, boxes, np.array([sizes[entry['image_id']][::-1] for entry in content['annotations']]))
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
        if len(segmentation) > 2 and all(type(point) is list and len(point) == 2 for point in segmentation):
            return 'polygons of pairs, [x, y], [x, y], ..., where COCO has x, y, x, y, ... in one list'
        if all(type(polygon) is list and not is_drawable(polygon) for polygon in segmentation):
            return 'polygons with fewer than three points'
    elif not poly2mask:
        return 'RLE mask, which poly2mask=False ignores'
    elif type(segmentation) is dict and (segmentation.get('size') is None
                                         or type(segmentation.get('counts')) not in (list, str)):
        return 'RLE mask without size or counts'
    return None
