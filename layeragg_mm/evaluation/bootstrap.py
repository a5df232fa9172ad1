"""Is a gain in AP real? Paired bootstrap over images: match once, resample the matches.

An image drawn k times counts k times: each of its detections and objects has weight k. Sums of weights over the
detections in order of score are what COCOeval counts on a data set that holds the image k times, so a resample takes a
few cumulative sums and no matching. Only where two detections of one image and class have the same score does the
order of copies make a difference.

Bradley Efron and Robert J. Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13 (percentile intervals).
"""
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from os import cpu_count
from typing import NamedTuple

import numpy as np
from pycocotools.cocoeval import COCOeval

from .coco import METRICS

__all__ = ['GAIN_METRICS', 'Gain', 'Matches', 'draw_weights', 'paired_bootstrap']

GAIN_METRICS = METRICS[:6]
# Numbers of one array: what stays in a processor's cache is faster.
BLOCK = 2**17

Advance = Callable[[float], None]


class Gain(NamedTuple):
    """The difference between two APs of the same images, with its confidence interval; all within -1..1.

    NaN where there is no such object.
    """

    baseline: float
    ours: float
    gain: float
    low: float
    high: float


class Curve(NamedTuple):
    """The matches of one class and size by descending score, without what neither recall nor precision depends on.

    *Events* are detections that are true positives at some IoU threshold, or ignored at some but not all. The others
    are false positives at every threshold, and only their number before each event matters.
    """

    images: np.ndarray         # (E,) index of each event's image
    true: np.ndarray           # (T, E) whether the event is a true positive
    counted: np.ndarray        # (T, E) whether it is not ignored
    false_images: np.ndarray   # (F,) index of the image of each other
    false_before: np.ndarray   # (E,) how many others come before each event
    objects: np.ndarray        # (I,) objects to be found in each image


class Matches:
    """What COCOeval matched, in the form that resampling needs.

    Args:
        evaluation: COCOeval after ``evaluate()``, with its default sizes and IoU thresholds (:func:`.coco.match`).

    Attributes:
        images: number of images, I; in the order of their ids.
        classes: names of the classes, K of them; in the order of their ids.
        objects: (K,) how many objects of each class count.
        images_with: (6 + K,) how many images hold objects that count for each number of :meth:`average_precision`.
    """

    def __init__(self, evaluation: COCOeval) -> None:
        params = evaluation.params
        self.images = len(params.imgIds)
        self.classes = [evaluation.cocoGt.cats[category_id]['name'] for category_id in params.catIds]
        self._iou_thresholds, self._recall_thresholds = params.iouThrs, params.recThrs
        entries = iter(evaluation.evalImgs)  # by class, then size, then image
        self._curves = [curve_of([next(entries) for _ in params.imgIds], len(params.iouThrs))
                        for _ in params.catIds for _ in params.areaRng]
        objects = np.array([curve.objects for curve in self._curves]).reshape(len(self.classes), -1, self.images)
        self.objects = objects[:, 0].sum(-1)
        by_size = objects.any(0).sum(-1)  # of all sizes, small, medium, large
        self.images_with = np.concatenate([by_size[[0, 0, 0, 1, 2, 3]], objects[:, 0].astype(bool).sum(-1)])

    def average_precision(self, weights: np.ndarray, advance: Advance = lambda fraction: None) -> np.ndarray:
        """Return COCO's AP of resampled images.

        Args:
            weights: (B, I) integers of 0 or more: how often each image counts in each of B resamples.
            advance: told the fraction of the work that was done since the last call.

        Returns:
            (B, 6 + K): :data:`GAIN_METRICS` over all classes, then the AP of each class; NaN without objects. With
            weights of 1 these are the numbers of COCOeval.
        """
        weights = np.asarray(weights, dtype=np.int32)
        ap = np.empty((len(self._curves), len(weights), len(self._iou_thresholds)))

        def fill(index: int) -> None:
            curve = self._curves[index]
            block = max(1, BLOCK // (curve.true.size + curve.false_images.size + 1))
            for start in range(0, len(weights), block):
                rows = slice(start, start + block)
                ap[index, rows] = average_precision(curve, weights[rows], self._recall_thresholds)

        with ThreadPoolExecutor(cpu_count()) as pool:  # numpy's loops run beside each other
            for _ in pool.map(fill, range(len(ap))):
                advance(1 / len(ap))
        everywhere, *by_size = ap.reshape(len(self.classes), -1, *ap.shape[1:]).transpose(1, 2, 0, 3)  # (B, K, T) each
        at = [everywhere[..., self._iou_thresholds == threshold] for threshold in (.5, .75)]
        overall = [mean_of_present(values.reshape(len(weights), -1)) for values in (everywhere, *at, *by_size)]
        return np.concatenate([np.stack(overall, 1), everywhere.mean(-1)], axis=1)


def mean_of_present(values: np.ndarray) -> np.ndarray:
    """Return the mean of each row without its NaNs; NaN of a row with nothing else."""
    present = ~np.isnan(values)
    count = present.sum(1)
    return np.where(count, np.where(present, values, 0).sum(1) / np.maximum(count, 1), np.nan)


def curve_of(entries: list[dict | None], thresholds: int) -> Curve:
    """Return the curve of one class and size from COCOeval's entry of each image, None where it has nothing there."""
    objects = np.array([0 if entry is None else np.count_nonzero(entry['gtIgnore'] == 0) for entry in entries],
                       dtype=np.int32)
    detected = [index for index, entry in enumerate(entries) if entry is not None and entry['dtScores']]
    if not detected:
        nothing, never = np.zeros(0, dtype=np.intp), np.zeros((thresholds, 0), dtype=bool)
        return Curve(nothing, never, never, nothing, nothing, objects)
    scores = np.concatenate([entries[index]['dtScores'] for index in detected])
    order = np.argsort(-scores, kind='mergesort')  # as COCOeval: of equal scores, the first image's first
    images = np.repeat(detected, [len(entries[index]['dtScores']) for index in detected])[order]
    matched, ignored = (np.concatenate([entries[index][key] for index in detected], axis=1)[:, order].astype(bool)
                        for key in ('dtMatches', 'dtIgnore'))
    true, counted = matched & ~ignored, ~ignored
    others = counted.all(0) & ~true.any(0)
    events = np.flatnonzero(counted.any(0) & ~others)
    false_before = np.cumsum(others)[events]
    return Curve(images[events], true[:, events], counted[:, events], images[others][:false_before.max(initial=0)],
                 false_before, objects)


def average_precision(curve: Curve, weights: np.ndarray, recall_thresholds: np.ndarray) -> np.ndarray:
    r"""Return AP at each IoU threshold, (B, T), NaN without objects.

    As COCOeval defines it: the mean over the recall thresholds :math:`r` of the highest precision at a recall of
    :math:`r` or more. Recall grows at true positives only, so this is a sum over events of that precision times the
    number of recall thresholds reached there first.
    """
    objects = (weights @ curve.objects)[:, None]  # (B, 1)
    event_weights = weights[:, None, curve.images]
    true = np.cumsum(event_weights * curve.true, axis=-1, dtype=np.int32)  # (B, T, E)
    counted = np.cumsum(event_weights * curve.counted, axis=-1, dtype=np.int32)
    false = np.zeros((len(weights), len(curve.false_images) + 1), dtype=np.int32)
    np.cumsum(weights[:, curve.false_images], axis=-1, out=false[:, 1:])
    counted += false[:, None, curve.false_before]

    backwards = (true / (counted + np.spacing(1)))[..., ::-1]
    precision = np.maximum.accumulate(backwards, axis=-1, out=backwards)[..., ::-1]

    counts = np.arange(objects.max() + 1)
    reached = np.searchsorted(recall_thresholds, counts / np.maximum(objects, 1), side='right').astype(np.int32)
    row = np.arange(0, reached.size, len(counts), dtype=np.int32)
    first_reached = np.diff(reached.ravel()[true + row[:, None, None]], axis=-1, prepend=np.int32(0))
    total = np.einsum('bte,bte->bt', precision, first_reached)
    return np.where(objects > 0, total / len(recall_thresholds), np.nan)


def draw_weights(images: int, resamples: int, seed: int) -> np.ndarray:
    """Draw ``images`` images with replacement, ``resamples`` times; return how often each was drawn, (B, I) int32."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(images, np.full(images, 1 / images), size=resamples).astype(np.int32)


def paired_bootstrap(baseline: Matches, ours: Matches, resamples: int = 1000, confidence: float = .95, seed: int = 0,
                     advance: Advance = lambda fraction: None) -> tuple[list[Gain], list[Gain]]:
    """Return the gains of ``ours`` over ``baseline`` on the same images, with percentile bootstrap intervals.

    A resample takes the same images for both, so what makes an image hard for both cancels in the difference. The
    intervals say how the gain would vary over other images of the same kind, not over other training runs. A resample
    without objects of a class or size does not enter that one's interval.

    Args:
        baseline, ours: the matches of two result files with the same annotations.
        resamples: how many.
        confidence: the share of resampled gains within an interval, 0..1, as much being left out below as above.
        seed: of the drawing; the same seed gives the same intervals.
        advance: told the fraction of the work that was done since the last call.

    Returns:
        The gains in :data:`GAIN_METRICS`, and in AP by class.
    """
    once = np.ones((1, baseline.images), dtype=np.int32)
    before, after = baseline.average_precision(once)[0], ours.average_precision(once)[0]
    weights = draw_weights(baseline.images, resamples, seed)
    differences = (ours.average_precision(weights, lambda fraction: advance(fraction / 2))
                   - baseline.average_precision(weights, lambda fraction: advance(fraction / 2)))
    tail = (1 - confidence) / 2
    gains = []
    for column, values in enumerate(zip(before, after, after - before)):
        drawn = differences[:, column][~np.isnan(differences[:, column])]
        low, high = np.quantile(drawn, [tail, 1 - tail]) if len(drawn) else (np.nan, np.nan)
        gains.append(Gain(*map(float, (*values, low, high))))
    return gains[:len(GAIN_METRICS)], gains[len(GAIN_METRICS):]
