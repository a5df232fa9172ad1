"""Intervals over seeds and images hold what they say, of three seeds too."""
import numpy as np
import pytest

from layeragg_mm.study import paired_gains

SEEDS, IMAGES, RESAMPLES = 3, 50, 200


def measured(rng, of_seeds: float, of_images: float, noise: float) -> np.ndarray:
    """Return (S, 1 + B, 1) means over images and their resamples of numbers whose true mean is 0."""
    values = (rng.normal(0, of_seeds, (SEEDS, 1)) + rng.normal(0, of_images, IMAGES)
              + rng.normal(0, noise, (SEEDS, IMAGES)))
    drawn = rng.multinomial(IMAGES, np.full(IMAGES, 1 / IMAGES), size=RESAMPLES)
    return (values @ np.concatenate([np.ones((1, IMAGES)), drawn]).T / IMAGES)[..., None]


@pytest.mark.parametrize('spread', [(1, 0, 0), (.1, 3, 1), (1, 5, 5)])
def test_intervals_hold_the_true_gain_as_often_as_they_say(spread):
    rng = np.random.default_rng(0)
    baseline = np.full((SEEDS, 1 + RESAMPLES, 1), 20.)
    gains = [paired_gains(baseline, baseline + measured(rng, *spread), IMAGES)[0] for _ in range(400)]
    assert .92 <= np.mean([gain.low <= 0 <= gain.high for gain in gains]) <= .985


def test_what_is_hard_for_both_cancels():
    rng = np.random.default_rng(0)
    shared, own = measured(rng, 9, 9, 0), measured(rng, .1, .1, .1)
    gain, = paired_gains(shared, shared + own + 1, IMAGES)
    assert gain.gain == pytest.approx(float(own[:, 0].mean()) + 1)
    assert gain.low > 0 and gain.high - gain.low < 2
    assert gain.ours - gain.baseline == pytest.approx(gain.gain)


def test_equal_arms_gain_nothing_and_no_objects_say_nothing():
    ap = np.random.default_rng(0).random((SEEDS, 1 + RESAMPLES, 2))
    ap[..., 1] = np.nan
    same, nothing = paired_gains(ap, ap, IMAGES)
    assert (same.gain, same.low, same.high) == (0, 0, 0)
    assert np.isnan([nothing.gain, nothing.low, nothing.high]).all()


def test_a_resample_without_objects_does_not_count():
    rng = np.random.default_rng(0)
    ours = measured(rng, 1, 1, 1)
    lacking = ours.copy()
    lacking[:, 5] = np.nan
    whole, part = (paired_gains(np.zeros_like(ours), values, IMAGES)[0] for values in (ours, lacking))
    assert part.low == pytest.approx(whole.low, rel=.05) and part.low != whole.low
