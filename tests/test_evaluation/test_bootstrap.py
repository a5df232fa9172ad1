"""Resampling matches is evaluating resampled data sets, and its intervals hold what they say."""
import copy

import numpy as np
import pytest
from coco_case import make_case, plain_coco_eval

from layeragg_mm.evaluation import GAIN_METRICS, Matches, draw_weights, match, paired_bootstrap

BOTH = pytest.mark.parametrize('iou_type', ['bbox', 'segm'])


@pytest.fixture(scope='module')
def case():
    return make_case()


def coco_numbers(annotations, results, iou_type) -> np.ndarray:
    evaluation = plain_coco_eval(annotations, results, iou_type)
    by_class = evaluation.eval['precision'][:, :, :, 0, -1].mean((0, 1))
    values = np.concatenate([evaluation.stats[:6], by_class])
    return np.where(values < 0, np.nan, values)


def repeated(annotations, results, weights) -> tuple[dict, list[dict]]:
    """Return a data set that really holds each image as often as ``weights`` say."""
    images, objects, detections = [], [], []
    for image, weight in zip(annotations['images'], weights):
        for _ in range(weight):
            number = len(images) + 1
            images.append(dict(image, id=number))
            for entries, copies in ((annotations['annotations'], objects), (results, detections)):
                copies += [dict(entry, image_id=number, id=len(copies) + i) for i, entry in enumerate(
                    (entry for entry in entries if entry['image_id'] == image['id']), 1)]
    return dict(annotations, images=images, annotations=objects), detections


@BOTH
def test_weights_of_1_give_coco_numbers(case, iou_type):
    annotations, _, results = case
    matches = Matches(match(annotations, results, iou_type))
    numbers = matches.average_precision(np.ones((1, matches.images)))[0]
    np.testing.assert_allclose(numbers, coco_numbers(annotations, results, iou_type), rtol=0, atol=1e-14)
    assert matches.classes == ['cat', 'dog', 'unicorn'] and np.isnan(numbers[-1])
    assert matches.objects.sum() == sum(not entry['iscrowd'] for entry in annotations['annotations'])
    assert len(matches.images_with) == len(numbers) and matches.images_with[0] <= matches.images


@BOTH
def test_weights_are_repeated_images(case, iou_type):
    annotations, _, results = case
    matches = Matches(match(annotations, results, iou_type))
    weights = draw_weights(matches.images, 4, seed=3)
    assert weights.min() == 0 and weights.max() > 2
    for row, numbers in zip(weights, matches.average_precision(weights)):
        expected = coco_numbers(*repeated(annotations, results, row), iou_type)
        np.testing.assert_allclose(numbers, expected, rtol=0, atol=1e-14)


def test_a_resample_without_objects_has_no_ap(case):
    annotations, _, results = case
    matches = Matches(match(annotations, results, 'bbox'))
    assert np.isnan(matches.average_precision(np.zeros((2, matches.images)))).all()


def test_order_in_the_files_does_not_matter(case):
    annotations, _, results = case
    shuffled, others = copy.deepcopy(annotations), list(results)
    for seed, entries in enumerate((shuffled['images'], shuffled['annotations'], shuffled['categories'], others)):
        np.random.default_rng(seed).shuffle(entries)
    weights = draw_weights(len(annotations['images']), 3, seed=0)
    numbers = [Matches(match(truth, found, 'bbox')).average_precision(weights)
               for truth, found in ((annotations, results), (shuffled, others))]
    np.testing.assert_array_equal(*numbers)


def test_same_results_gain_exactly_nothing(case):
    annotations, _, results = case
    for gain in paired_bootstrap(*(Matches(match(annotations, results, 'bbox')) for _ in range(2)), resamples=50)[0]:
        assert gain[2:] == (0, 0, 0)


def test_gain_interval_and_seed(case):
    annotations, *results = case
    baseline, ours = (Matches(match(annotations, entries, 'bbox')) for entries in results)
    done = []
    overall, classes = paired_bootstrap(baseline, ours, resamples=200, seed=1, advance=done.append)
    assert len(overall) == len(GAIN_METRICS) and len(classes) == 3
    assert sum(done) == pytest.approx(1)
    ap = overall[0]
    assert ap.gain == ap.ours - ap.baseline and ap.low < ap.gain < ap.high
    assert np.isnan(classes[2]).all()
    assert paired_bootstrap(baseline, ours, resamples=200, seed=1)[0] == overall
    assert paired_bootstrap(baseline, ours, resamples=200, seed=2)[0] != overall
    narrower = paired_bootstrap(baseline, ours, resamples=200, seed=1, confidence=.5)[0][0]
    assert ap.low < narrower.low < narrower.high < ap.high


class Sample:
    """Images drawn from a population whose gain is known, as if they were all there is."""

    def __init__(self, population: Matches, drawn: np.ndarray) -> None:
        self.population, self.drawn, self.images = population, drawn, len(drawn)

    def average_precision(self, weights, advance=None) -> np.ndarray:
        counts = np.zeros((len(weights), self.population.images), dtype=np.int32)
        np.add.at(counts, (slice(None), self.drawn), weights)
        return self.population.average_precision(counts)


def test_intervals_hold_the_true_gain_as_often_as_they_say():
    annotations, *results = make_case(images=80, seed=1)
    population = [Matches(match(annotations, entries, 'bbox')) for entries in results]
    everyone = np.ones((1, population[0].images))
    true_gain = np.subtract(*(matches.average_precision(everyone)[0, 0] for matches in reversed(population)))
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(60):
        drawn = rng.integers(population[0].images, size=80)
        gain = paired_bootstrap(*(Sample(matches, drawn) for matches in population), resamples=100,
                                confidence=.8)[0][0]
        held += gain.low <= true_gain <= gain.high
    assert .65 <= held / 60 <= .92  # two standard errors (and what an interval of few images lacks) around 0.8
