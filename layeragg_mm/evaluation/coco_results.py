"""COCO annotation and result files, read and checked whole before anything is computed from them.

pycocotools checks little: it computes numbers from NaN scores and boxes given as corners, drops what names an unknown
class, and its C code reads beyond a mask that is cut short.
"""
import json
from collections.abc import Sequence
from pathlib import Path

from ..errors import InputError
from .json_columns import Entries
from .masks import check_result_masks, check_true_masks

__all__ = ['IOU_TYPES', 'check_annotations', 'check_results', 'check_true_masks_of', 'choose_iou_types',
           'load_annotations', 'load_results', 'read_json']

# As COCOeval calls them: by the key under which a result holds what is compared.
IOU_TYPES = {'bbox': 'bbox', 'segm': 'segmentation'}
ANNOTATION_FORM = 'an annotation file in COCO\'s format (images, annotations, categories)'
RESULT_FORM = 'a result file in COCO\'s format (a list of image_id, category_id, score, bbox and/or segmentation)'
# pycocotools counts pixels in 32 bits.
LARGEST_IMAGE = 2**31


def read_json(path: Path | str):
    """Return what the JSON file holds.

    Raises:
        InputError: it cannot be read, is no JSON, or is cut short.
    """
    try:
        return json.loads(Path(path).read_text('utf-8'))  # as pycocotools reads it
    except OSError as error:
        raise InputError(f'{path}: {error.strerror}', 'Check the path.') from error
    except (ValueError, RecursionError) as error:
        raise InputError(f'{path} is not whole JSON: {error}', 'Fetch or write the file again.') from error


def load_annotations(path: Path | str) -> dict:
    """Return the content of a COCO annotation file, checked by :func:`check_annotations`."""
    content = read_json(path)
    check_annotations(content, str(path))
    return content


def load_results(path: Path | str, annotations: dict) -> list[dict]:
    """Return the content of a COCO result file, checked by :func:`check_results`."""
    content = read_json(path)
    check_results(content, annotations, str(path))
    return content


def check_annotations(content, file: str) -> None:
    """Raise an :class:`InputError` unless the JSON value ``content`` of ``file`` is what COCO's box evaluation needs.

    Needed are images (id, height, width), categories (id, name) and annotations (id, image_id, category_id, bbox,
    area, iscrowd), with no id twice and no unknown image or category. Masks are checked where they are used
    (:func:`choose_iou_types`).
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
    categories.refuse((type(name) is not str or not name.isprintable() for name in names), lambda i: 'name is no text')
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


def check_results(content, annotations: dict, file: str) -> None:
    """Raise an :class:`InputError` unless the JSON value ``content`` of ``file`` can be evaluated.

    A detection has image_id and category_id that ``annotations``, checked before, knows, a score within 0..1, and
    bbox (x, y, width, height), segmentation (compressed RLE of its image) or both; all have what the first one has.
    """
    results = Entries(content, file, '', RESULT_FORM)
    sizes = image_sizes(annotations)
    image_ids = results.known('image_id', sizes, 'the annotation file')
    results.known('category_id', (category['id'] for category in annotations['categories']), 'the annotation file')
    scores = results.numbers('score')
    results.refuse((scores < 0) | (scores > 1), lambda i: f'score {scores[i]} is not within 0..1',
                   'Write probabilities, not logits or percent.')
    held = held_iou_types(content)
    if not held:
        results.refuse([True] * len(results), lambda i: 'has neither bbox nor segmentation')
    if 'bbox' in held:
        results.boxes('bbox')
    if 'segm' in held:
        check_result_masks(results, [sizes[image_id] for image_id in image_ids])


def image_sizes(annotations: dict) -> dict[int, list[int]]:
    return {image['id']: [image['height'], image['width']] for image in annotations['images']}


def held_iou_types(results: list[dict]) -> list[str]:
    return [iou_type for iou_type, key in IOU_TYPES.items() if key in results[0]]


def choose_iou_types(wanted: Sequence[str] | None, annotations: dict, annotation_file: str,
                     results: dict[str, list[dict]]) -> list[str]:
    """Return what to evaluate: ``wanted``, or by default what all ``results`` (by file name) hold.

    Boxes of results that hold masks only are the masks' bounding boxes, as COCO has it.

    Raises:
        InputError: a file lacks the masks for 'segm', or the annotation file's are broken; or the files have nothing
            in common.
    """
    held = {file: held_iou_types(entries) for file, entries in results.items()}
    iou_types = wanted or [iou_type for iou_type in IOU_TYPES if all(iou_type in types for types in held.values())]
    if not iou_types:
        raise InputError(f'{" and ".join(results)} have neither boxes nor masks in common',
                         'Compare boxes with boxes and masks with masks; --iou-type bbox takes the masks\' boxes.')
    if 'segm' in iou_types:
        for file, types in held.items():
            if 'segm' not in types:
                raise InputError(f'{file} holds no masks (segmentation)',
                                 'Give the result file with masks (MMDetection\'s PREFIX.segm.json), or evaluate '
                                 'boxes only (--iou-type bbox).')
        check_true_masks_of(annotations, annotation_file)
    return list(iou_types)


def check_true_masks_of(annotations: dict, file: str) -> None:
    """Raise an :class:`InputError` unless every annotation of ``file``, checked before, has a mask of its image."""
    objects = Entries(annotations['annotations'], file, 'annotations', ANNOTATION_FORM)
    sizes = image_sizes(annotations)
    check_true_masks(objects, [sizes[image_id] for image_id in objects.column('image_id')])
