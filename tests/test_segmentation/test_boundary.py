"""The boundary measure: thinning, suppression, matching and the figures, against definitions and brute force."""
from itertools import permutations

import numpy as np
import pytest
import torch
from mmengine.evaluator import Evaluator
from mmengine.registry import METRICS
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from scipy.ndimage import gaussian_filter, label
from scipy.sparse import csr_array

import layeragg_mm.segmentation  # noqa: F401  (registers)
from layeragg_mm.evaluation.boundary import count_matches, match, summarize, suppress_non_maxima, thin

THRESHOLDS = np.arange(1, 20) / 20


def drawing(size=60):
    """Return lines a pixel wide: a circle with a diagonal and a vertical through it."""
    rows, columns = np.indices((size, size)) - size // 2
    circle = thin(abs(np.hypot(rows, columns) - size / 3) < 1)
    return thin(circle | (rows == columns) | (columns == 5))


def figures(probability, *truths, **options):
    return summarize(count_matches(probability, truths, THRESHOLDS, **options)[None])


def test_thinning_keeps_the_shape_and_leaves_thin_lines():
    blobs = gaussian_filter(np.random.RandomState(0).rand(80, 90), 3) > .5
    lines = thin(blobs)
    assert not (lines & ~blobs).any() and (thin(lines) == lines).all()
    eight = np.ones((3, 3))
    assert label(lines, eight)[1] == label(blobs, eight)[1]
    assert label(~np.pad(lines, 1))[1] == label(~np.pad(blobs, 1))[1]  # no hole opens or closes
    blocks = lines[:-1, :-1] & lines[1:, :-1] & lines[:-1, 1:] & lines[1:, 1:]
    assert blocks.mean() < .002
    assert not thin(np.zeros((4, 4), dtype=bool)).any()


@pytest.mark.parametrize('angle', np.arange(0, 180, 15))
def test_suppression_leaves_the_crest_of_a_ridge(angle):
    rows, columns = np.indices((41, 41)) - 20
    across = rows * np.cos(np.radians(angle)) - columns * np.sin(np.radians(angle))
    kept = suppress_non_maxima(np.exp(-across**2 / 8))[5:-5, 5:-5] > 0
    assert kept.any(0).all() or kept.any(1).all()
    assert (abs(across[5:-5, 5:-5][kept]) <= .75).all()


def test_matching_finds_as_many_pairs_as_trying_all():
    rng = np.random.RandomState(0)
    for _ in range(60):
        rows, columns = rng.randint(1, 6), rng.randint(1, 6)
        near = rng.rand(rows, columns) < .35
        large = near if rows <= columns else near.T
        most = max(sum(large[i, j] for i, j in enumerate(order))
                   for order in permutations(range(large.shape[1]), large.shape[0]))
        matched = match(csr_array(near))
        assert matched.sum() == most and not matched[~near.any(1)].any()
    assert not match(csr_array((3, 0), dtype=bool)).any()


def test_matching_takes_long_augmenting_paths():
    """Each pixel of a chain has its own partner and the next one's: a greedy choice leaves some without."""
    size = 2000
    near = csr_array((np.ones(2 * size - 1, dtype=bool), (
        np.concatenate([np.arange(size), np.arange(1, size)]), np.concatenate([np.arange(size), np.arange(size - 1)]))))
    assert match(near).all()


def test_a_perfect_prediction_scores_one():
    result = figures(drawing().astype(float), drawing())
    assert result['ODS'] == result['OIS'] == 1


def test_pixels_match_within_the_tolerance_and_one_to_one():
    line = np.zeros((60, 80), dtype=bool)  # diagonal 100: a tolerance of 3.5 pixels
    line[30, 10:70] = True
    for shift, score in ((3, 1), (4, 0)):
        moved = np.roll(line, shift, axis=0).astype(float)
        assert figures(moved, line, tolerance=0.035)['ODS'] == score
    doubled = line | np.roll(line, 3, axis=0)  # two lines for one: half of the pixels find a partner
    counts = count_matches(doubled.astype(float), [line], THRESHOLDS[:1], tolerance=0.035)[:, 0]
    assert counts.tolist() == [60, 120, 60, 60]


def test_thick_predictions_are_thinned():
    thick = gaussian_filter(drawing().astype(float), 1.)
    result = figures(thick / thick.max(), drawing())
    assert result['ODS'] > .95
    assert figures(np.ones((60, 60)), drawing())['ODS'] < .3


def test_nothing_predicted_or_nothing_there():
    nothing = np.zeros((60, 60))
    assert figures(nothing, drawing()) == dict(ODS=0, OIS=0, AP=0)
    assert figures(drawing().astype(float), nothing.astype(bool))['ODS'] == 0


def test_each_annotator_is_to_be_found_and_any_justifies_a_prediction():
    first, second = np.zeros((2, 60, 60), dtype=bool)
    first[10, 10:40] = True
    second[50, 10:40] = True
    counts = count_matches(first.astype(float), [first, second], THRESHOLDS[:1])[:, 0]
    assert counts.tolist() == [30, 30, 30, 60]
    counts = count_matches((first | second).astype(float), [first, second], THRESHOLDS[:1])[:, 0]
    assert counts.tolist() == [60, 60, 60, 60]


def test_ignored_predictions_do_not_count():
    wrong = np.zeros((60, 60), dtype=bool)
    wrong[:3] = True
    truth = drawing()
    truth[:8] = False
    prediction = (truth | wrong).astype(float)
    assert figures(prediction, truth)['ODS'] < 1
    assert figures(prediction, truth, ignored=np.indices((60, 60))[0] < 8)['ODS'] == 1


def test_figures_of_known_curves():
    def counts(*points):  # (matched, predicted) at falling thresholds, of 10 pixels that are there
        return np.array([[m, p, m, 10] for m, p in points]).T

    one, two = counts((10, 20), (5, 5)), counts((10, 10), (1, 10))
    result = summarize(np.stack([one, two]))
    assert result['ODS'] == pytest.approx(2 * (20 / 30) / (20 / 30 + 1))  # of both at the first threshold
    precision, recall = (5 + 10) / (5 + 10), (5 + 10) / 20  # each at its own
    result = summarize(np.stack([counts((1, 10), (5, 5)), two]))
    assert result['OIS'] == pytest.approx(2 * precision * recall / (precision + recall))
    # Precision 1 at recalls .1 to 1: all of the grid's hundred steps but the first tenth.
    full = summarize(counts(*((m, m) for m in range(1, 11)))[None])
    assert full['AP'] == pytest.approx(.91)
    half = summarize(counts(*((m, 2 * m) for m in range(1, 11)))[None])
    assert half['AP'] == pytest.approx(.455)


def test_the_metric_reads_networks():
    truth = drawing()
    truth[:3] = False
    labels = torch.from_numpy(truth).long()
    labels[:3] = 255
    logits = torch.stack([torch.zeros(60, 60), torch.from_numpy(truth) * 20. - 10])
    sample = SegDataSample(
        gt_sem_seg=PixelData(data=labels[None]), seg_logits=PixelData(data=logits),
        metainfo=dict(img_path='there/one.jpg', seg_map_path='there/one.png'))
    metric = METRICS.build(dict(type='BoundaryMetric', num_thresholds=5))
    evaluator = Evaluator(metric)
    evaluator.process([sample])
    assert evaluator.evaluate(1)['boundary/ODS'] == 1

    three = SegDataSample(gt_sem_seg=sample.gt_sem_seg, seg_logits=PixelData(data=torch.zeros(3, 60, 60)))
    with pytest.raises(ValueError, match='2 classes'):
        evaluator.process([three])
