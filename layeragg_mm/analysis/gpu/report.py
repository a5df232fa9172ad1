"""What was measured on a GPU, as one Markdown document and as data."""
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from io import StringIO

from rich.console import Console
from rich.table import Table

from ..cost_tables import cost_table, launch_table, memory_table, parity_table
from .goals import Goal, find_goals, goal_tables
from .measuring import MEASURED, Outcome
from .parts import NETWORKS, Scale, literal_by_default

__all__ = ['goals_of', 'report', 'report_data']

DRY = '**A dry run: tiny sizes on the CPU. Its numbers mean nothing.**'
HOW = {
    'parity': 'Each form alone, then all of them together, against the literal network with the same drawn weights, '
              'with frozen batch norm: ResNets\' first two stages, other networks whole. float32 without TF32; '
              'bfloat16 by autocast. Shown is the largest difference from the literal network, of outputs and of '
              'gradients, over the largest value of the tensor in question; then how far the form is from the literal '
              'network in float64. Allowed are 1e-5 (bfloat16: 2e-2) and three times what the literal network itself '
              'is off. A rounding can turn a ReLU, in either form, and gradients with it: then other images are drawn '
              '(five at most), and only outputs must be right in each. In bfloat16 ReLUs always turn; there outputs '
              'tell more than gradients.',
    'launches': 'Counted, not timed; forward, backward and inference, in parentheses over the first row.',
    'costs': 'Over the first row.',
    'memory': 'Of a training step; in parentheses over the first row. The largest batch is sought by trying, with the '
              'weights of all these networks on the GPU.',
}
READING = [
    'Times are medians of the rounds\' ratios, with quartiles in parentheses; all networks of a table took turns. '
    'float32 (convolutions in TF32 where torch does so by default), contiguous maps, frozen batch norm.', '',
    '| row | is |', '|---|---|',
    '| NETWORK | as by default on this device |',
    '| NETWORK, literal | the equations as they stand; no such row where that is the default |',
    '| NETWORK, all forms | every fast form on |',
    '| NETWORK, compiled | by default, through torch.compile |',
    '| NETWORK, graphs; all forms, graphs | by default, and with every form, the backbone from CUDA graphs, which keep '
    'their memory: no peak is told |', '']
TABLES = {'parity': parity_table, 'costs': cost_table, 'memory': memory_table}
GPU_ALONE = 'peak memory', 'largest batch', 'CUDA graphs'


def goals_of(outcomes: Sequence[Outcome], scale: Scale) -> list[Goal]:
    """Return the goals with what the parts that were measured tell of them."""
    measured = {outcome.part.name: outcome.findings for outcome in outcomes}
    eager, compiled = ({batch: measured.get(f'{kind}_{batch}', ()) for batch in scale.batches}
                       for kind in ('batch', 'compiled'))
    return find_goals(eager, compiled, (scale.batches[0], scale.batches[-1]), literal_by_default(scale.device))


def report(outcomes: Sequence[Outcome], scale: Scale, facts: Mapping[str, str], pictures: Mapping[str, str],
           minutes: float) -> str:
    """Return the Markdown document.

    Args:
        outcomes: of all parts, those that were not measured included.
        scale: that they were measured at.
        facts: of the machine and the software.
        pictures: files by the names of parts, and 'batches'.
        minutes: that there were.
    """
    dry = scale.device.type == 'cpu'
    default = 'the literal form, for no fast form is on' if literal_by_default(scale.device) else 'the fast forms'
    lines = ['# Layer aggregation: a dry run' if dry else f'# Layer aggregation on {facts["GPU"]}', '',
             *([DRY, ''] if dry else [])]
    lines += ['| | |', '|---|---|', *(f'| {name} | {value} |' for name, value in facts.items())]
    lines += ['', '## Goals', '', f'Of the training step, at batch {scale.batches[0]} and {scale.batches[-1]}. '
              f'"By default" is how the networks run on this device: {default}. '
              'RLA and MRLA are compared with FastResNet (`fast_r50`) in the same way, DLA-34 with MMDetection\'s '
              'ResNet-50. No slower than the literal form is what has its lower quartile at 1 or below.', '']
    for table in goal_tables(goals_of(outcomes, scale)):
        lines += [_text(table), '']
    lines += ['## Not measured, or failed', '', *(_gaps(outcomes, scale, minutes) or ['Nothing.']), '']
    lines += ['## How to read the tables', '', *READING]
    if 'batches' in pictures:
        lines += ['## By batch', '', f'![cost by batch]({pictures["batches"]})', '']
    for outcome in outcomes:
        if outcome.status == MEASURED:
            lines += _section(outcome, pictures)
    return '\n'.join(lines)


def _gaps(outcomes: Sequence[Outcome], scale: Scale, minutes: float) -> list[str]:
    lines = [f'- {outcome.part.title}: {outcome.status}: {outcome.why}' for outcome in outcomes
             if outcome.status != MEASURED]
    if any(outcome.status == 'not measured' for outcome in outcomes):
        lines.append(f'- (there were {minutes:g} minutes; `--minutes` gives more)')
    lines += [f'- {outcome.part.title}: {gap}' for outcome in outcomes for gap in outcome.gaps()]
    if scale.device.type != 'cuda':
        lines += [f'- {what}: not measured: needs a GPU' for what in GPU_ALONE]
    return lines + [f'- {name}: left out of a dry run' for name in NETWORKS if name not in scale.networks]


def _section(outcome: Outcome, pictures: Mapping[str, str]) -> list[str]:
    part = outcome.part
    table = launch_table(outcome.findings, '') if part.kind == 'launches' else TABLES[part.kind](outcome.findings, '')
    lines = [f'## {part.title}', '', f'{HOW[part.kind]} Took {outcome.seconds:.0f} s.', '', _text(table), '']
    if part.name in pictures:
        lines += [f'![{part.title}]({pictures[part.name]})', '']
    return lines


def _text(table: Table) -> str:
    """Return a Markdown table as text, its title above and its caption below in paragraphs of their own."""
    title, caption = table.title, table.caption
    table.title = table.caption = None
    console = Console(file=StringIO(), width=1000)
    console.print(table)
    rows = [line.strip() for line in console.file.getvalue().splitlines() if line.strip()]
    above, below = [f'{title[0].upper()}{title[1:]}:', ''] if title else [], ['', caption] if caption else []
    return '\n'.join([*above, *rows, *below])


def report_data(outcomes: Sequence[Outcome], scale: Scale, facts: Mapping[str, str]) -> dict:
    """Return all numbers as plain data; see :func:`report`."""
    return dict(
        facts=dict(facts), dry_run=scale.device.type == 'cpu', size=scale.size, batches=scale.batches,
        goals=[asdict(goal) for goal in goals_of(outcomes, scale)],
        parts={outcome.part.name: dict(
            title=outcome.part.title, status=outcome.status, why=outcome.why, seconds=outcome.seconds,
            traceback=outcome.traceback, findings=_plain(outcome)) for outcome in outcomes})


def _plain(outcome: Outcome) -> list[dict]:
    if outcome.part.kind == 'launches':
        return [dict(name=name, **counts._asdict()) for name, counts in dict(outcome.findings).items()]
    rows = [asdict(one) for one in outcome.findings]
    if outcome.part.kind == 'costs':
        for plain, cost in zip(rows, outcome.findings):
            plain['relative'] = cost.relative(outcome.findings[0])
    return rows
