"""COCO result files, read and checked whole before anything is computed from them.

pycocotools checks little: it computes numbers from NaN scores and boxes given as corners, drops what names an unknown
class, and its C code reads beyond a mask that is cut short.
"""
from collections.abc import Sequence
from pathlib import Path

from ..datasets.annotations import check_true_masks_of, image_sizes, read_json
from ..datasets.json_columns import Entries
from ..datasets.mask_checks import check_result_masks
from ..errors import InputError

__all__ = ['IOU_TYPES', 'check_results', 'choose_iou_types', 'load_results']

# As COCOeval calls them: by the key under which a result holds what is compared.
IOU_TYPES = {'bbox': 'bbox', 'segm': 'segmentation'}
RESULT_FORM = 'a result file in COCO\'s format (a list of image_id, category_id, score, bbox and/or segmentation)'


def load_results(path: Path | str, annotations: dict) -> list[dict]:
    """Return the content of a COCO result file, checked by :func:`check_results`."""
    content = read_json(path, 'Give detections in COCO\'s format: tools/test.py CONFIG CHECKPOINT --cfg-options '
                        'test_evaluator.outfile_prefix=PREFIX writes PREFIX.bbox.json, of masks PREFIX.segm.json.')
    check_results(content, annotations, str(path))
    return content


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
