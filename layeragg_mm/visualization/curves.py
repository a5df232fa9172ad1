"""Curves of a training run, from the scalars that mmengine's LocalVisBackend keeps."""
import json
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ..plain_text import plain_text

__all__ = ['read_scalars', 'save_training_curves']

BOX_AND_MASK_AP = {'coco/bbox_mAP': 'box AP', 'coco/segm_mAP': 'mask AP'}


def read_scalars(path: Path | str) -> list[dict]:
    """Return the records of a ``vis_data/scalars.json`` file, one a line: ``step`` and what was logged there."""
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


@plain_text()
def save_training_curves(scalars: list[dict], path: Path | str, *, scores: dict[str, str] = BOX_AND_MASK_AP,
                         best: float = 1.) -> None:
    """Draw the total loss and its parts, and scores on held-out data, over the iterations to the picture ``path``.

    Args:
        scalars: records, see :func:`read_scalars`.
        path: of the picture.
        scores: what to draw of the records, and its label.
        best: the best possible score.
    """
    figure = Figure(figsize=(11, 4), layout='constrained')
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    for name in sorted({name for record in scalars for name in record if 'loss' in name}):
        steps, values = _series(scalars, name)
        left.plot(steps, values, label=name, lw=2 if name == 'loss' else 1)
    left.set(title='training loss', xlabel='iteration', ylabel='loss', ylim=(0, None))
    for name, label in scores.items():
        steps, values = _series(scalars, name)
        right.plot(steps, values, marker='o', label=label)
    right.set(title='scores on held-out data', xlabel='iteration', ylabel='score', xlim=(0, None), ylim=(0, best))
    for axis in (left, right):
        axis.grid(alpha=.3)
        axis.legend(fontsize=8)
    figure.savefig(path, dpi=110)


def _series(scalars: list[dict], name: str) -> tuple[list[int], list[float]]:
    records = [record for record in scalars if name in record]
    return [record['step'] for record in records], [record[name] for record in records]
