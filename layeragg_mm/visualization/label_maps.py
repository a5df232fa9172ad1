"""A sheet of images with label maps painted on them: true, predicted, or predicted by several models, side by side."""
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from ..plain_text import plain_text

__all__ = ['LabelledImage', 'save_label_sheet']

PANEL_WIDTH = 3.2  # inches
OPACITY = .75
LEGEND_COLUMNS = 11


class LabelledImage(NamedTuple):
    """One image (H, W, 3), RGB, and by title the label maps (H, W) that are painted on it, a panel each."""

    image: np.ndarray
    panels: dict[str, np.ndarray]


@plain_text()
def save_label_sheet(images: Sequence[LabelledImage], classes: Sequence[str], palette: Sequence[Sequence[int]],
                     path: Path | str, *, columns: int = 2) -> None:
    """Draw ``images``, ``columns`` in a row and each as itself and its panels, with a legend to the picture ``path``.

    Args:
        images: with the same number of panels each.
        classes: name of each label.
        palette: R, G, B of each label, 0 to 255; pixels with a label beyond it (ignored ones) are black.
        path: of the picture.
        columns: images in a row.
    """
    panels = 1 + len(images[0].panels)
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    height, width = images[0].image.shape[:2]
    size = PANEL_WIDTH * columns * panels, (PANEL_WIDTH * height / width + .25) * rows + .5
    figure = Figure(figsize=size, layout='constrained')
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns * panels, squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    colours = np.zeros((256, 3))
    colours[:len(palette)] = palette
    for index, (image, maps) in enumerate(images):
        row, column = divmod(index, columns)
        shown = {'image': image}
        shown |= {title: (1 - OPACITY) * image + OPACITY * colours[labels] for title, labels in maps.items()}
        for offset, (title, picture) in enumerate(shown.items()):
            axis = axes[row, panels * column + offset]
            axis.imshow(picture.astype(np.uint8))
            axis.set_title(title, fontsize=9)
    figure.legend(
        [Patch(facecolor=np.divide(colour, 255), edgecolor='grey') for colour in palette], classes, fontsize=9,
        loc='outside lower center', ncols=min(len(classes), LEGEND_COLUMNS), frameon=False)
    figure.savefig(path, dpi=110)
