"""What tools/check_dataset.py says: a data set's survey and its anchors' fit as tables and as plain data."""
import numpy as np
from rich.markup import escape
from rich.table import Table

from .anchors import AnchorFit
from .survey import SIZES, Survey, size_of

__all__ = ['anchor_summary', 'anchor_table', 'class_table', 'ignored_table', 'survey_summary']

ALL = 'all'


def class_table(survey: Survey) -> Table:
    """Return the objects to learn from by class and COCO size (by ``area``, in pixels of the image file)."""
    table = Table('class', *(f'{name}' for name in ('images', 'objects', *SIZES)), box=None)
    for name, count in survey.classes.items():
        table.add_row(escape(name), *(str(n) for n in (count.images, count.objects,
                                                       *(count.sizes[size] for size in SIZES))))
    if len(survey.classes) > 1:
        table.add_section()
        table.add_row(ALL, str(survey.images), str(survey.objects), *(
            str(sum(count.sizes[size] for count in survey.classes.values())) for size in SIZES))
    return table


def ignored_table(survey: Survey) -> Table:
    """Return what is left out and why."""
    table = Table('ignored', 'of', 'because', 'ids in the file', box=None)
    for reason, count in survey.images_left_out.items():
        table.add_row(str(count), 'images', escape(reason), '')
    for reason, ids in sorted(survey.ignored.items(), key=lambda item: -len(item[1])):
        table.add_row(str(len(ids)), 'objects', escape(reason), ', '.join(map(str, ids[:5])) + ', ...' * (len(ids) > 5))
    return table


def survey_summary(survey: Survey) -> dict:
    """Return the survey as plain data."""
    return dict(
        images=survey.images,
        images_left_out=dict(survey.images_left_out),
        classes={name: dict(images=count.images, objects=count.objects, **{size: count.sizes[size] for size in SIZES})
                 for name, count in survey.classes.items()},
        ignored=survey.ignored,
        beyond_image=survey.beyond)


def anchor_summary(fit: AnchorFit, areas: np.ndarray, overlaps: np.ndarray) -> dict:
    """Return how well anchors fit boxes of ``areas`` (n,) in training, whose best IoUs are ``overlaps`` (n,).

    ``sizes`` tells for each COCO size in training the number of boxes, their median best IoU, and which share of them
    lies below each of ``thresholds``.
    """
    sizes = np.array([size_of(area) for area in areas])
    rows = {}
    for size in (*SIZES, ALL):
        best = overlaps if size == ALL else overlaps[sizes == size]
        if len(best):
            rows[size] = dict(boxes=len(best), median=float(np.median(best)), below=[
                float((best < threshold).mean()) for threshold in fit.thresholds.values()])
    return dict(generator=fit.path, thresholds=fit.thresholds, sizes=rows)


def anchor_table(summary: dict) -> Table:
    """Return the table of an :func:`anchor_summary`."""
    thresholds = summary['thresholds']
    table = Table('size in training', 'boxes', 'median best IoU',
                  *(f'IoU < {threshold:g}' for threshold in thresholds.values()), box=None)
    for size, row in summary['sizes'].items():
        shares = (f'{100 * share:.1f}%' for share in row['below'])
        table.add_row(size, str(row['boxes']), f'{row["median"]:.2f}', *shares)
    return table
