"""COCO's evaluation by pycocotools, or by faster-coco-eval where that is installed."""
import contextlib
import copy
import io
from collections import Counter
from collections.abc import Callable
from importlib.metadata import version
from importlib.util import find_spec

from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

__all__ = ['METRICS', 'backend', 'evaluate', 'match', 'summarize']

# In the order of COCOeval.stats: average precision, average recall.
METRICS = ('AP', 'AP50', 'AP75', 'APs', 'APm', 'APl', 'AR1', 'AR10', 'AR100', 'ARs', 'ARm', 'ARl')
# The backends differ in the sixteenth: one leaves out the epsilon that the other adds to a precision's denominator.
DECIMALS = 12

Advance = Callable[[float], None]


class ProgressEval(COCOeval):
    """COCOeval that tells ``advance`` which fraction of :meth:`evaluate` was done since it last told."""

    advance: Advance = staticmethod(lambda fraction: None)

    def computeIoU(self, imgId, catId):
        if catId == self.params.catIds[0]:
            self.advance(.5 / len(self.params.imgIds))
        return super().computeIoU(imgId, catId)

    def evaluateImg(self, imgId, catId, aRng, maxDet):
        if imgId == self.params.imgIds[0]:
            self.advance(.5 / len(self.params.catIds) / len(self.params.areaRng))
        return super().evaluateImg(imgId, catId, aRng, maxDet)


def backend() -> str:
    """Return name and version of what :func:`evaluate` computes with."""
    name = 'faster-coco-eval' if find_spec('faster_coco_eval') else 'pycocotools'
    return f'{name} {version(name)}'


def match(annotations: dict, results: list[dict], iou_type: str, advance: Advance = ProgressEval.advance) -> COCOeval:
    """Match the detections to the objects of each image and class: COCOeval after ``evaluate()``.

    Args:
        annotations: content of a COCO annotation file, checked.
        results: content of a COCO result file, checked. For 'segm', a detection's size is its mask's, also where it has
            a box (as MMDetection has it); for 'bbox', a detection without a box has its mask's.
        iou_type: 'bbox' or 'segm'.
        advance: told the fraction of the work that was done since the last call.
    """
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation = ProgressEval(*as_coco(annotations, results, iou_type), iou_type)
        evaluation.advance = advance
        evaluation.evaluate()
    return evaluation


def evaluate(annotations: dict, results: list[dict], iou_type: str,
             advance: Advance = ProgressEval.advance) -> COCOeval:
    """Return COCOeval after ``accumulate()``; arguments as of :func:`match`."""
    if not find_spec('faster_coco_eval'):
        evaluation = match(annotations, results, iou_type, advance)
        with contextlib.redirect_stdout(io.StringIO()):
            evaluation.accumulate()
        return evaluation
    from faster_coco_eval import COCOeval_faster
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation = COCOeval(*as_coco(annotations, results, iou_type), iou_type)
        faster = COCOeval_faster(evaluation.cocoGt, evaluation.cocoDt, iou_type)
        faster.evaluate()
        faster.accumulate()
    evaluation.eval = faster.eval
    advance(1)
    return evaluation


def as_coco(annotations: dict, results: list[dict], iou_type: str) -> tuple[COCO, COCO]:
    """Return truth and detections as pycocotools wants them; what was given stays as it is."""
    truth = COCO()
    # COCOeval takes a match with an object of id 0 for none.
    objects = [dict(entry, id=number) for number, entry in enumerate(annotations['annotations'], 1)]
    truth.dataset = dict(annotations, annotations=objects)
    truth.createIndex()
    region = 'bbox' if iou_type == 'bbox' and 'bbox' in results[0] else 'segmentation'
    keys = ('image_id', 'category_id', 'score', region)
    return truth, truth.loadRes([{key: entry[key] for key in keys} for entry in results])


def summarize(evaluation: COCOeval) -> dict:
    """Return COCO's twelve numbers (:data:`METRICS`, 0..1), over all classes and of each.

    Returns:
        ``{'overall': {'AP': ..., 'objects': ...}, 'classes': [{'id': ..., 'name': ..., 'AP': ...}, ...]}``;
        ``objects`` are those that count (no crowds), and a number is None where there is no such object.
    """
    objects = Counter(entry['category_id'] for entry in evaluation.cocoGt.dataset['annotations']
                      if not entry['iscrowd'])
    classes = []
    for index, category_id in enumerate(evaluation.params.catIds):
        one = copy.copy(evaluation)
        one.eval = dict(precision=evaluation.eval['precision'][:, :, [index]],
                        recall=evaluation.eval['recall'][:, [index]])
        classes.append(dict(id=int(category_id), name=evaluation.cocoGt.cats[category_id]['name'],
                            objects=objects[category_id], **twelve(one)))
    return dict(overall=dict(objects=objects.total(), **twelve(evaluation)), classes=classes)


def twelve(evaluation: COCOeval) -> dict[str, float | None]:
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation.summarize()
    return {name: round(float(value), DECIMALS) if value >= 0 else None
            for name, value in zip(METRICS, evaluation.stats)}
