"""The benchmark's results as a table and as data."""
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median

import mmdet
import torch
from rich import box
from rich.table import Table

from .benchmark import Cost
from .launches import Launches
from .parity import Parity

__all__ = ['cost_table', 'launch_table', 'memory_table', 'operator_table', 'parity_table', 'spread', 'write_costs']

SHOWN = 8  # operators of a profile that have a row of their own


def cost_table(costs: Sequence[Cost], title: str) -> Table:
    """Return a Markdown table of costs relative to the first, the baseline, whose absolute ones stand below it.

    Times are medians of the rounds' ratios, with their quartiles in parentheses.
    """
    baseline = costs[0]
    ratios = [cost.relative(baseline) for cost in costs]
    columns = list(dict.fromkeys(kind for row in ratios for kind in row))
    counts = ['largest batch'] if baseline.largest_batch is not None else []
    table = Table('network', *columns, *counts, 'parameters (M)', 'GFLOPs', title=title, title_justify='left',
                  box=box.MARKDOWN, caption=f'{baseline.name}: {_absolute(baseline)}', caption_justify='left')
    for cost, row in zip(costs, ratios):
        table.add_row(cost.name, *(spread(row[kind]) if kind in row else '' for kind in columns),
                      *(str(cost.largest_batch) for _ in counts),
                      f'{cost.parameters / 1e6:.2f}', f'{cost.flops / 1e9:.1f}')
    return table


def _absolute(cost: Cost) -> str:
    parts = [f'{kind} {median(seconds) * 1e3:.0f} ms' for kind, seconds in cost.seconds.items()]
    parts.append(f'activations {cost.activations / 1e6:.0f} MB')
    if cost.peak_memory is not None:
        parts.append(f'peak memory {cost.peak_memory / 1e6:.0f} MB')
    return ', '.join(parts)


def spread(ratio: tuple[float, float, float]) -> str:
    """Return a ratio as text: its median, and the quartiles in parentheses if they differ."""
    middle, low, high = (f'{value:.2f}' for value in ratio)
    return middle if low == high else f'{middle} ({low}-{high})'


def launch_table(launches: Mapping[str, Launches], title: str) -> Table:
    """Return a Markdown table of operators by network, the first of which is what the ratios are to."""
    baseline, *_ = launches.values()
    table = Table('network', *Launches._fields, title=title, title_justify='left', box=box.MARKDOWN)
    for name, counts in launches.items():
        table.add_row(name, *(f'{count} ({count / one:.2f})' for count, one in zip(counts, baseline)))
    return table


def memory_table(costs: Sequence[Cost], title: str) -> Table:
    """Return a Markdown table of memory, in parentheses over the first row; without what a CPU does not tell."""
    columns = {'activations': 'activations (MB)', 'peak_memory': 'peak memory (MB)', 'largest_batch': 'largest batch'}
    told = [key for key in columns if getattr(costs[0], key) is not None]
    table = Table('network', *(columns[key] for key in told), title=title, title_justify='left', box=box.MARKDOWN)
    for cost in costs:
        values = [(getattr(cost, key), getattr(costs[0], key), 1 if key == 'largest_batch' else 1e6) for key in told]
        table.add_row(cost.name, *(f'{value / unit:.0f} ({value / one:.2f})' for value, one, unit in values))
    return table


def parity_table(rows: Sequence[Parity], title: str) -> Table:
    """Return a Markdown table of how far forms are from the literal network."""
    table = Table('form', 'network', 'computed in', 'outputs', 'gradients', 'outputs from float64 (allowed)',
                  'gradients from float64 (allowed)', 'result', title=title, title_justify='left', box=box.MARKDOWN)
    for one in rows:
        result = 'pass' if one.passed else '**fail**'
        if not one.used:
            result += ': the form was not used' if not one.passed else ': leaves it to the equation'
        if one.draws > 1:
            result += f', draw {one.draws}'
        table.add_row(one.form, one.network, one.dtype, *(f'{number:.1e}' for number in one.difference),
                      *(f'{number:.1e} ({limit:.1e})' for number, limit in zip(one.fast, one.allowed)), result)
    return table


def operator_table(times: Mapping[str, Mapping[str, float]], title: str) -> Table:
    """Return a Markdown table of milliseconds by operator, a column for each network; ``times`` are seconds."""
    table = Table('operator', *times, title=title, title_justify='left', box=box.MARKDOWN)
    operators = {operator for network in times.values() for operator in network}
    slowest = sorted(operators, key=lambda operator: -max(network.get(operator, 0) for network in times.values()))

    def add_row(name: str, shown: Sequence[str]) -> None:
        sums = (sum(network.get(operator, 0) for operator in shown) for network in times.values())
        table.add_row(name, *(f'{seconds * 1e3:.1f}' for seconds in sums))

    for operator in slowest[:SHOWN]:
        add_row(operator.removeprefix('aten::'), [operator])
    add_row('others', slowest[SHOWN:])
    add_row('all', slowest)
    return table


def write_costs(comparisons: Mapping[str, Sequence[Cost]], path: Path, *, setting: str) -> None:
    """Write every measurement to the JSON file ``path``, with each comparison's ratios to its first network."""
    path.write_text(json.dumps(dict(
        setting=setting,
        torch=torch.__version__,
        mmdet=mmdet.__version__,
        comparisons={
            title: [dict(asdict(cost), relative=cost.relative(costs[0])) for cost in costs]
            for title, costs in comparisons.items()
        }), indent=2) + '\n')
