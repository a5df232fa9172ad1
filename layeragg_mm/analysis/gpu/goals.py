"""What layer aggregation may cost on a GPU, beside what it was measured to cost."""
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich import box
from rich.table import Table

from ..benchmark import Cost
from ..cost_tables import spread
from .parts import row

__all__ = ['Goal', 'find_goals', 'goal_tables']

# Of the training step, at the smallest and at the largest batch: over the plain ResNet with the same forms, ...
GOALS = {'rla_r50': (1.15, 1.10), 'mrla_r50': (1.20, 1.15), 'mrla_base_r50': (1.40, 1.30), 'dla34': (.80, .70)}
BASELINES = {'dla34': 'resnet50'}  # ... but for DLA-34
WAYS = {'': 'by default', 'literal': 'literal', 'all forms': 'all forms', 'graphs': 'graphs',
        'all forms, graphs': 'all forms, graphs', 'compiled': 'compiled'}
TO_BASELINE, TO_LITERAL = 'over the plain ResNet-50', 'over the literal form'


@dataclass
class Goal:
    """One goal: ``measured`` is the median of the rounds' ratios with their quartiles, or None if it was not measured.

    To be no slower than the literal form counts as met while the lower quartile is not above 1.
    """

    network: str
    batch: int
    way: str
    kind: str
    goal: float
    measured: tuple[float, float, float] | None
    met: bool | None


def find_goals(eager: Mapping[int, Sequence[Cost]], compiled: Mapping[int, Sequence[Cost]], batches: Sequence[int],
               literal_by_default: bool) -> list[Goal]:
    """Return all goals, measured or not.

    Args:
        eager, compiled: what was measured, by batch.
        batches: the smallest and the largest, for which the goals hold.
        literal_by_default: whether networks are literal where their name says nothing.
    """
    goals = []
    for name, limits in GOALS.items():
        for batch, limit in zip(batches, limits):
            for way in WAYS:
                costs = {cost.name: cost for cost in (compiled if way == 'compiled' else eager).get(batch, ())}
                ours = costs.get(row(name, way))
                baseline = costs.get(row(BASELINES.get(name, 'fast_r50'), _of_plain(way) if name in BASELINES else way))
                literal = costs.get(name if literal_by_default else row(name, 'literal'))
                measured = _ratio(ours, baseline)
                goals.append(Goal(name, batch, way, TO_BASELINE, limit, measured, measured and measured[0] <= limit))
                if way != 'literal' and (way or not literal_by_default):
                    measured = _ratio(ours, literal)
                    goals.append(Goal(name, batch, way, TO_LITERAL, 1, measured, measured and measured[1] <= 1))
    return goals


def _of_plain(way: str) -> str:
    """Return the way in which MMDetection's ResNet runs, which has no forms."""
    return {'literal': '', 'all forms': '', 'all forms, graphs': 'graphs'}.get(way, way)


def _ratio(cost: Cost | None, baseline: Cost | None) -> tuple[float, float, float] | None:
    return cost.relative(baseline)['training step'] if cost is not None and baseline is not None else None


def goal_tables(goals: Sequence[Goal]) -> list[Table]:
    """Return two Markdown tables: over the plain ResNet-50 in the same way, and over the literal form."""
    tables = []
    for kind in (TO_BASELINE, TO_LITERAL):
        of_kind = [goal for goal in goals if goal.kind == kind]
        ways = [way for way in WAYS if any(goal.way == way and goal.measured for goal in of_kind)]
        table = Table('network', 'batch', 'goal', *(f'{WAYS[way]}: measured' for way in ways),
                      title=f'training step {kind}', title_justify='left', box=box.MARKDOWN)
        for name, batch, limit in dict.fromkeys((goal.network, goal.batch, goal.goal) for goal in of_kind):
            cells = {goal.way: goal for goal in of_kind if (goal.network, goal.batch) == (name, batch)}
            table.add_row(name, str(batch), f'{limit:.2f}', *(_told(cells.get(way)) for way in ways))
        tables.append(table)
    return tables


def _told(goal: Goal | None) -> str:
    if goal is None or goal.measured is None:
        return 'not measured'
    return f'{spread(goal.measured)} {"met" if goal.met else "**not met**"}'
