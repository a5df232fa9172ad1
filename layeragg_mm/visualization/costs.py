"""What networks cost beside a baseline, as a picture."""
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ..plain_text import plain_text

__all__ = ['save_cost_chart']


@plain_text()
def save_cost_chart(comparisons: Mapping[str, Sequence], path: Path | str, *, title: str = '') -> None:
    """Draw costs relative to the baseline, the first of each comparison, to the picture ``path``.

    One comparison becomes bars; several, at other depths or sizes, become lines. Whiskers span the quartiles of the
    rounds' ratios.

    Args:
        comparisons: title to costs (:class:`~layeragg_mm.analysis.Cost`).
        path: the picture's file.
        title: of the picture.
    """
    ratios = {label.replace(', ', '\n'): [cost.relative(costs[0]) for cost in costs]
              for label, costs in comparisons.items()}
    names = [' / '.join(dict.fromkeys(cost.name for cost in row)) for row in zip(*comparisons.values())]
    kinds = list(dict.fromkeys(kind for rows in ratios.values() for row in rows for kind in row))
    growth = len(ratios) > 1
    figure = Figure(figsize=(max(7, 1 + 2.8 * len(kinds)), 4 if growth else 1 + .32 * len(names)), layout='constrained')
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, len(kinds), squeeze=False, sharey=not growth)[0]
    for axis, kind in zip(axes, kinds):
        axis.set_title(kind, fontsize=10)
        axis.grid(alpha=.3)
        axis.tick_params(axis='x', labelsize=8)
        axis.axhline(1, color='0.3', lw=.8, ls='--') if growth else axis.axvline(1, color='0.3', lw=.8, ls='--')
        for i, name in enumerate(names):
            known = {label: rows[i][kind] for label, rows in ratios.items() if kind in rows[i]}
            if not known:
                continue
            middle, low, high = map(np.array, zip(*known.values()))
            colour, spread = f'C{(i - 1) % 10}' if i else '0.6', (middle - low, high - middle)
            if growth:
                axis.errorbar(list(known), middle, yerr=spread, color=colour, marker='o', ms=4, capsize=2, label=name)
            else:
                axis.barh(name, middle, xerr=spread, color=colour, height=.7, error_kw=dict(lw=1, capsize=2))
                axis.text(.03, name, f'{middle[0]:.2f}', va='center', color='white', fontsize=8,
                          transform=axis.get_yaxis_transform())
    if growth:
        figure.legend(*axes[0].get_legend_handles_labels(), loc='outside lower center', ncols=2, fontsize=9)
    else:
        axes[0].invert_yaxis()
    where = '' if growth else f'{next(iter(comparisons))}, '
    figure.suptitle(f'cost relative to {names[0]}; {where}{title}', fontsize=10)
    figure.savefig(path, dpi=110)
