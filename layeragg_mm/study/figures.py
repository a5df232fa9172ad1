"""A study's figures."""
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ..evaluation.tables import TITLES
from ..plain_text import plain_text

__all__ = ['save_figures']

SIZES = {'APs': 'small', 'APm': 'medium', 'APl': 'large'}
MOST_CLASSES = 20


@plain_text()
def save_figures(summary: dict, folder: Path, prefix: str = '') -> dict[str, Path]:
    """Draw gains, AP against time, breakdown and learning curves to ``folder``; return their files by name.

    Args:
        summary: of the study (:func:`.summary.summarize`), with some cell done. Where no arm can be compared yet, gains
            and breakdown are left out.
        folder: which exists.
        prefix: of the files' names.
    """
    files = {}
    compared = any(arm['gains'] for arm in summary['arms'] if not arm['ablation'])
    for draw in (gains, time, breakdown, curves) if compared else (time, curves):
        figure = draw(summary)
        FigureCanvasAgg(figure)
        files[draw.__name__] = folder / f'{prefix}{draw.__name__}.png'
        figure.savefig(files[draw.__name__], dpi=110)
    return files


def gains(summary: dict) -> Figure:
    """Each arm's gain with its interval, and each seed's difference as a dot."""
    arms = [arm for arm in summary['arms'] if arm['gains']]
    titles = {arm['name']: arm['title'] for arm in summary['arms']}
    baseline = summary['arms'][0]['name']
    labels = [arm['title'] + ('' if arm['against'] == baseline else f'\nagainst {titles[arm["against"]]}')
              for arm in arms]
    iou_types = _iou_types(summary)
    figure = Figure(figsize=(3 + 4 * len(iou_types), 1.4 + .42 * len(arms)), layout='constrained')
    axes = figure.subplots(1, len(iou_types), sharey=True, squeeze=False)[0]
    for axis, iou_type in zip(axes, iou_types):
        for row, arm in enumerate(arms):
            gain, colour = arm['gains'][iou_type], 'tab:orange' if arm['ablation'] else 'tab:blue'
            overall = gain['AP']
            axis.hlines(row, 100 * overall['low'], 100 * overall['high'], color=colour, lw=2)
            axis.plot(100 * overall['gain'], row, 'o', color=colour, ms=7)
            axis.plot([100 * value for value in gain['of_seeds']], [row] * len(gain['of_seeds']), '|', color='black',
                      ms=9, mew=1)
        axis.axvline(0, color='black', lw=.8)
        axis.set(xlabel=f'gain in {TITLES[iou_type]} AP, points', yticks=range(len(arms)), ylim=(len(arms) - .5, -.5))
        axis.set_yticklabels(labels, fontsize=9)
        axis.grid(axis='x', alpha=.3)
    ablations = ', of ablations (orange) over what is named' if any(arm['ablation'] for arm in arms) else ''
    figure.suptitle(f'Gain over {titles[baseline]}{ablations}\n(ticks: seeds; line: '
                    f'{100 * summary["study"]["confidence"]:g}% interval over seeds and images)', fontsize=10)
    return figure


def time(summary: dict) -> Figure:
    """Mean AP against the time of the whole training, relative to the baseline's."""
    arms = [arm for arm in summary['arms'] if arm['cost'] and arm['ap']]
    iterations = next((arm['iterations'] for arm in arms), 1)
    iou_types = _iou_types(summary)
    figure = Figure(figsize=(1 + 5 * len(iou_types), 4.2), layout='constrained')
    for axis, iou_type in zip(figure.subplots(1, len(iou_types), squeeze=False)[0], iou_types):
        for number, arm in enumerate(arms):
            ap = arm['ap'][iou_type]['AP']
            relative = arm['cost']['relative']['training step'][0] * arm['iterations'] / iterations
            axis.errorbar(relative, 100 * ap['mean'], yerr=100 * (ap['deviation'] or 0), color=f'C{number}', marker='o',
                          capsize=2, ls='', label=arm['title'])
        axis.set(xlabel='training time relative to the first', ylabel=f'{TITLES[iou_type]} AP, points')
        axis.grid(alpha=.3)
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc='outside right center', fontsize=9)
    figure.suptitle('AP against training time (whiskers: standard deviation over the seeds)', fontsize=10)
    return figure


def breakdown(summary: dict) -> Figure:
    """Gains by size, and by class, as numbers on colours: of the classes, those with the most objects."""
    arms = [arm for arm in summary['arms'] if arm['gains'] and not arm['ablation']]
    iou_types = _iou_types(summary)
    sizes = [name for name in SIZES if summary['data']['images_with'][name]]
    known = list(arms[0]['gains'][iou_types[0]]['classes'])
    order = np.argsort(-np.array(summary['data']['objects_of_class']), kind='stable')[:MOST_CLASSES]
    classes = [known[index] for index in sorted(order)] if len(known) > 1 else []
    columns = len(sizes) + len(classes)
    figure = Figure(figsize=(3 + .55 * max(columns, 6), len(iou_types) * (1.2 + .32 * len(arms))),
                    layout='constrained')
    for axis, iou_type in zip(figure.subplots(len(iou_types), 1, squeeze=False)[:, 0], iou_types):
        gains_of = [arm['gains'][iou_type] for arm in arms]
        values = 100 * np.array(
            [[found[name]['gain'] for name in sizes] + [found['classes'][name]['gain'] for name in classes]
             for found in gains_of], dtype=float)
        most = np.nanmax(np.abs(values), initial=1e-9)
        axis.imshow(values, cmap='RdBu', vmin=-most, vmax=most, aspect='auto')
        for (row, column), value in np.ndenumerate(values):
            if not np.isnan(value):
                axis.text(column, row, f'{value:+.1f}', ha='center', va='center', fontsize=7,
                          color='white' if abs(value) > .7 * most else 'black')
        axis.set(title=f'gain in {TITLES[iou_type]} AP by size{" and class" if classes else ""}, points',
                 xticks=range(columns), yticks=range(len(arms)))
        axis.set_xticklabels([SIZES[name] for name in sizes] + classes, fontsize=8,
                             rotation=0 if max(map(len, classes), default=0) < 3 else 45)
        axis.set_yticklabels([arm['title'] for arm in arms], fontsize=8)
        axis.axvline(len(sizes) - .5, color='black', lw=1)
    return figure


def curves(summary: dict) -> Figure:
    """Training loss and AP on the held-out images over the iterations, mean of the seeds."""
    parts = [[arm for arm in summary['arms'] if arm['curves'] and arm['ablation'] == ablation]
             for ablation in (False, True)]
    parts = [part for part in parts if part]
    kinds = ['loss', *_iou_types(summary)]
    figure = Figure(figsize=(2.5 + 3.6 * len(kinds), 3.4 * len(parts)), layout='constrained')
    rows = figure.subfigures(len(parts), 1, squeeze=False)[:, 0]
    for row, part in zip(rows, parts):
        axes = row.subplots(1, len(kinds))
        for number, arm in enumerate(part):
            for axis, kind in zip(axes, kinds):
                _curve(axis, arm['curves'][kind], kind, arm['title'], number)
        for axis, kind in zip(axes, kinds):
            axis.set(xlabel='iteration', ylabel='training loss' if kind == 'loss' else f'{TITLES[kind]} AP, points')
            axis.grid(alpha=.3)
        row.legend(*axes[0].get_legend_handles_labels(), loc='outside right center', fontsize=8)
    return figure


def _curve(axis: Axes, runs: list[list], kind: str, title: str, number: int) -> None:
    shared = sorted(set.intersection(*({step for step, _ in run} for run in runs)))
    values = np.array([[dict(map(tuple, run))[step] for step in shared] for run in runs])
    scale, marker = (1, None) if kind == 'loss' else (100, 'o')
    style = dict(color=f'C{number % 10}', ls='-' if number < 10 else '--')
    axis.plot(shared, scale * values.mean(0), marker=marker, ms=4, lw=1.2, label=title, **style)


def _iou_types(summary: dict) -> list[str]:
    return next(list(arm['ap']) for arm in summary['arms'] if arm['ap'])
