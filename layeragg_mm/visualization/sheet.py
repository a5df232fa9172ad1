"""A sheet of images with objects drawn on them: true, predicted, or predicted by several models, side by side."""
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ..plain_text import plain_text

__all__ = ['Objects', 'Scene', 'save_sheet']

# Well apart from each other and from most backgrounds; a class keeps its colour over the sheet.
COLOURS = np.array([
    (230, 25, 75), (60, 180, 75), (255, 225, 25), (0, 130, 200), (245, 130, 48), (145, 30, 180), (70, 240, 240),
    (240, 50, 230), (210, 245, 60), (250, 190, 212)
]) / 255
GREY = np.full(3, .6)

SHEET_WIDTH = 20.8  # inches, shared by the panels
MAX_PANEL_WIDTH = 7.
FONT_SIZES = 7, 12  # points, in narrow and in wide panels
MAX_NAMED = 25  # with more objects in an image, their names would hide them


class Objects(NamedTuple):
    """Objects of one image: ``boxes`` (n, 4) as x1, y1, x2, y2 in pixels, ``labels`` (n,), ``masks`` (n, H, W) bool or
    None, ``scores`` (n,) or None for true objects, ``ignored`` (n,) bool or None: true objects that training ignores.
    """

    boxes: np.ndarray
    labels: np.ndarray
    masks: np.ndarray | None = None
    scores: np.ndarray | None = None
    ignored: np.ndarray | None = None


class Scene(NamedTuple):
    """One image (H, W, 3), RGB, and by title what is drawn on it, a panel each."""

    image: np.ndarray
    panels: dict[str, Objects]


@plain_text()
def save_sheet(scenes: Sequence[Scene], classes: Sequence[str], path: Path | str, *, columns: int = 4) -> None:
    """Draw ``scenes``, ``columns`` in a row and each as its panels from left to right, to the picture ``path``."""
    panels = max(len(scene.panels) for scene in scenes)
    columns = min(columns, len(scenes))
    rows = -(-len(scenes) // columns)
    width = min(MAX_PANEL_WIDTH, SHEET_WIDTH / (columns * panels))
    height = width * np.mean([scene.image.shape[0] / scene.image.shape[1] for scene in scenes]) + .3  # for the title
    font_size = np.clip(2.5 * width, *FONT_SIZES)
    figure = Figure(figsize=(width * columns * panels, height * rows), layout='constrained')
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns * panels, squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    for index, scene in enumerate(scenes):
        row, column = divmod(index, columns)
        for offset, (title, objects) in enumerate(scene.panels.items()):
            axis = axes[row, panels * column + offset]
            axis.set_title(title, fontsize=font_size + 1)
            _draw(axis, scene.image, objects, classes, font_size)
    figure.savefig(path, dpi=110)


def _draw(axis, image: np.ndarray, objects: Objects, classes: Sequence[str], font_size: float) -> None:
    painted = image / 255
    ignored = np.zeros(len(objects.labels), dtype=bool) if objects.ignored is None else objects.ignored
    colours = np.where(ignored[:, None], GREY, COLOURS[np.asarray(objects.labels, dtype=int) % len(COLOURS)])
    if objects.masks is not None:
        for mask, colour in zip(objects.masks, colours):
            painted[mask] = 0.45 * painted[mask] + 0.55 * colour
    axis.imshow(painted)
    for i, colour in enumerate(colours):
        left, top, right, bottom = objects.boxes[i]
        axis.add_patch(Rectangle((left - .5, top - .5), right - left, bottom - top, fill=False, color=colour, lw=1.2,
                                 ls='--' if ignored[i] else '-'))
        text = [classes[objects.labels[i]]] * (len(classes) > 1) + ['(ignored)'] * bool(ignored[i])
        if objects.scores is not None:
            text.append(f'{objects.scores[i]:.2f}')
        if not text or len(colours) > MAX_NAMED:
            continue
        axis.text(left, max(top, 4), ' '.join(text), fontsize=font_size, va='bottom', clip_on=True,
                  bbox=dict(facecolor=colour, edgecolor='none', pad=.8, alpha=.85))
