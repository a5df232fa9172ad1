"""A sheet of images with predicted and true objects side by side."""
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

__all__ = ['Objects', 'Scene', 'save_prediction_sheet']

# Well apart from each other and from most backgrounds; a class keeps its colour over the sheet.
COLOURS = np.array([
    (230, 25, 75), (60, 180, 75), (255, 225, 25), (0, 130, 200), (245, 130, 48), (145, 30, 180), (70, 240, 240),
    (240, 50, 230), (210, 245, 60), (250, 190, 212)
]) / 255


class Objects(NamedTuple):
    """Objects of one image: ``boxes`` (n, 4) as x1, y1, x2, y2 in pixels, ``labels`` (n,), ``masks`` (n, H, W) bool or
    None, ``scores`` (n,) or None for true objects."""

    boxes: np.ndarray
    labels: np.ndarray
    masks: np.ndarray | None = None
    scores: np.ndarray | None = None


class Scene(NamedTuple):
    """One image (H, W, 3), RGB, with its true and its predicted objects."""

    image: np.ndarray
    truth: Objects
    prediction: Objects


def save_prediction_sheet(scenes: Sequence[Scene], classes: Sequence[str], path: Path | str, *,
                          columns: int = 4) -> None:
    """Draw ``scenes`` to the picture ``path``: of each, the truth on the left and the prediction on its right."""
    rows = -(-len(scenes) // columns)
    figure = Figure(figsize=(5.2 * columns, 2.75 * rows), layout='constrained')
    FigureCanvasAgg(figure)
    axes = np.atleast_2d(figure.subplots(rows, 2 * columns))
    for axis in axes.flat:
        axis.set_axis_off()
    for index, scene in enumerate(scenes):
        row, column = divmod(index, columns)
        for offset, (title, objects) in enumerate((('truth', scene.truth), ('prediction', scene.prediction))):
            axis = axes[row, 2 * column + offset]
            axis.set_title(title, fontsize=9)
            _draw(axis, scene.image, objects, classes)
    figure.savefig(path, dpi=110)


def _draw(axis, image: np.ndarray, objects: Objects, classes: Sequence[str]) -> None:
    painted = image / 255
    colours = COLOURS[np.asarray(objects.labels) % len(COLOURS)]
    for i, colour in enumerate(colours):
        if objects.masks is not None:
            painted[objects.masks[i]] = 0.45 * painted[objects.masks[i]] + 0.55 * colour
    axis.imshow(painted)
    for i, colour in enumerate(colours):
        left, top, right, bottom = objects.boxes[i]
        axis.add_patch(Rectangle((left - .5, top - .5), right - left, bottom - top, fill=False, color=colour, lw=1.2))
        text = classes[objects.labels[i]]
        if objects.scores is not None:
            text += f' {objects.scores[i]:.2f}'
        axis.text(left, max(top, 4), text, fontsize=7, va='bottom', clip_on=True,
                  bbox=dict(facecolor=colour, edgecolor='none', pad=.8, alpha=.85))
