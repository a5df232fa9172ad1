"""What the evaluation tools print: tables in points (100 is perfect) and a sentence."""
import math
from collections.abc import Sequence

from rich.table import Table

from .bootstrap import Gain
from .coco import METRICS

__all__ = ['FEWEST_IMAGES', 'TITLES', 'class_table', 'gain_table', 'metric_table', 'verdict', 'without_nan']

TITLES = {'bbox': 'box', 'segm': 'mask'}
# With fewer images, resamples are too alike for their spread to mean anything.
FEWEST_IMAGES = 10
CLASS_METRICS = METRICS[:6] + ('AR100',)


def points(value: float | None) -> str:
    return '-' if value is None or math.isnan(value) else f'{100 * value:.1f}'


def signed_points(value: float) -> str:
    return '-' if math.isnan(value) else f'{round(100 * value, 2) + 0:+.2f}'  # + 0: no negative zero


def metric_table(summaries: dict[str, dict]) -> Table:
    """COCO's twelve numbers, a column for each of ``summaries`` (by IoU type, from :func:`.coco.summarize`)."""
    table = Table('', *(TITLES[iou_type] for iou_type in summaries))
    for name in METRICS:
        table.add_row(name, *(points(summary['overall'][name]) for summary in summaries.values()))
    return table


def class_table(summary: dict, iou_type: str) -> Table:
    """AP and AR of each class, overall and by size."""
    table = Table('class', 'objects', *CLASS_METRICS, title=f'{TITLES[iou_type]}, in points')
    for row in summary['classes']:
        table.add_row(row['name'], str(row['objects']), *(points(row[name]) for name in CLASS_METRICS))
    return table


def gain_table(gains: dict[str, Gain], images: Sequence[int], title: str, confidence: float) -> Table:
    """Baseline, ours, gain and interval of each of ``gains``, by name, and how many ``images`` each stands on.

    Marked where the interval leaves out 0 and stands on :data:`FEWEST_IMAGES` or more.
    """
    table = Table('', 'images', 'baseline', 'ours', 'gain', f'{100 * confidence:g}% interval', '', title=title)
    for (name, gain), count in zip(gains.items(), images):
        interval = '-' if math.isnan(gain.low) else f'{signed_points(gain.low)} to {signed_points(gain.high)}'
        table.add_row(name, str(count), points(gain.baseline), points(gain.ours), signed_points(gain.gain),
                      interval, '*' if is_real(gain, count) else '')
    return table


def is_real(gain: Gain, images: int) -> bool:
    return images >= FEWEST_IMAGES and (gain.low > 0 or gain.high < 0)


def verdict(gain: Gain, images: int, iou_type: str, confidence: float) -> str:
    """Answer in a sentence whether a gain that stands on so many ``images`` is real."""
    if math.isnan(gain.low):
        return f'{TITLES[iou_type]} AP: no object counts (all are crowds), so nothing can be said'
    if images < FEWEST_IMAGES:
        answer = f'{images} images are too few to tell'
    elif not is_real(gain, images):
        answer = 'not distinguishable from noise on these images'
    else:
        answer = 'real at this level' if gain.gain > 0 else 'a real loss at this level'
    return (f'{TITLES[iou_type]} AP {signed_points(gain.gain)}, {100 * confidence:g}% interval '
            f'{signed_points(gain.low)} to {signed_points(gain.high)}: {answer}')


def without_nan(gain: Gain) -> dict[str, float | None]:
    """Return ``gain`` as JSON knows it: None in place of NaN."""
    return {key: None if math.isnan(value) else value for key, value in gain._asdict().items()}
