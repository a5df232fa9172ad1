"""Gains with their confidence intervals, as a picture."""
import math
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ..plain_text import plain_text
from .bootstrap import Gain
from .tables import TITLES

__all__ = ['save_gain_plot']

COLOURS = {'bbox': 'tab:blue', 'segm': 'tab:orange'}


@plain_text()
def save_gain_plot(overall: dict[str, dict[str, Gain]], classes: dict[str, dict[str, Gain]], confidence: float,
                   path: Path | str, *, classes_title: str = 'AP by class') -> None:
    """Draw gains to the picture ``path``: overall and by size on the left, by class on the right.

    Args:
        overall, classes: by IoU type, the gains by name; every IoU type has the same names.
        confidence: of the intervals, 0..1.
        path: of the picture.
        classes_title: says which classes these are.
    """
    longest = max(len(next(iter(part.values()))) for part in (overall, classes))
    figure = Figure(figsize=(10, 1.6 + .3 * max(longest, 6)), layout='constrained')
    FigureCanvasAgg(figure)
    for axis, part, title in zip(figure.subplots(1, 2), (overall, classes), ('overall and by size', classes_title)):
        names = list(next(iter(part.values())))
        for number, (iou_type, gains) in enumerate(part.items()):
            shown = [(row, gains[name]) for row, name in enumerate(names) if not math.isnan(gains[name].low)]
            if not shown:
                continue
            rows, values = zip(*shown)
            offset = .3 * (number - (len(part) - 1) / 2)
            axis.hlines([row + offset for row in rows], [100 * gain.low for gain in values],
                        [100 * gain.high for gain in values], color=COLOURS[iou_type], lw=1.5)
            axis.plot([100 * gain.gain for gain in values], [row + offset for row in rows], 'o', ms=5,
                      color=COLOURS[iou_type], label=f'{TITLES[iou_type]} AP')
        axis.axvline(0, color='black', lw=.8)
        axis.set(title=title, xlabel=f'gain in points, with {100 * confidence:g}% interval', yticks=range(len(names)),
                 ylim=(len(names) - .4, -.6))
        axis.set_yticklabels(names)
        axis.grid(axis='x', alpha=.3)
    figure.axes[0].legend(fontsize=8)
    figure.savefig(path, dpi=110)
