"""A study's report: Markdown, and its place among others in one document."""
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

from ..evaluation import FEWEST_IMAGES
from ..evaluation.tables import TITLES, points, signed_points
from ..published_tables import markdown

__all__ = ['insert_report', 'report']

COSTS = ('training step', 'activations', 'peak memory')
HEAD = '''# What layer aggregation gains, measured here

Each section was written by `python tools/study.py STUDY --docs docs/gains.md`, and the study file holds its settings.
None of the numbers are the authors'.
'''


def report(summary: dict, pictures: dict[str, str], command: str, heading: str = '#') -> str:
    """Return the report in Markdown.

    Args:
        summary: of the study (:func:`.summary.summarize`).
        pictures: their addresses, by name (:func:`.figures.save_figures`).
        command: that ran the study.
        heading: mark of the title.
    """
    return '\n\n'.join(_parts(summary, pictures, command, heading)) + '\n'


def _parts(summary: dict, pictures: dict[str, str], command: str, heading: str) -> Iterator[str]:
    study, arms = summary['study'], summary['arms']
    yield f'{heading} {study["title"]}'
    yield _origin(summary, command)
    if summary['done'] < summary['cells']:
        yield f'**Not complete: {summary["done"]} of {summary["cells"]} cells are done.**'
    if not summary['done']:
        return
    main = [arm for arm in arms if not arm['ablation']]
    yield _conclusion(main, arms[0]['title'], summary['data']['images_with'])
    yield _gain_table(main, summary, with_cost=True)
    yield _caption(summary)
    if 'gains' in pictures:
        yield f'![AP gained]({pictures["gains"]})'
    yield f'![AP against training time]({pictures["time"]})'
    if len(main) < len(arms):
        yield f'{heading}# Ablations'
        yield _gain_table([arm for arm in arms if arm['ablation']], summary, with_cost=False)
    yield f'{heading}# By size and class'
    yield _size_table(main, summary['data']['images_with'])
    if 'breakdown' in pictures:
        yield f'![Gains by size and class]({pictures["breakdown"]})'
    yield f'{heading}# Learning curves'
    yield f'![Learning curves]({pictures["curves"]})'
    yield f'{heading}# What differed'
    yield _differences(summary)
    yield f'{heading}# What it does not show'
    yield f'{study["limits"].strip()}\n\n{_statistical_limits(summary)}'
    yield from _repeated(summary, heading)
    if summary['failures']:
        yield f'{heading}# Cells that failed'
        yield '\n'.join(f'- {name}: {why}' for name, why in summary['failures'].items())


def _origin(summary: dict, command: str) -> str:
    study, environment = summary['study'], summary['environment']
    lines = [f'`{command}`', '', f'Study file `{study["file"]}`, SHA-256 `{study["sha256"][:16]}`'
             + (f', commit `{study["commit"]}`' if study['commit'] else '')
             + f'; seeds {", ".join(map(str, study["seeds"]))}.']
    if environment:
        data = summary['data']
        versions = ', '.join(f'{name} {environment[name]}' for name in ('torch', 'mmcv', 'mmdet'))
        lines[-1] += (f' Tested: the last checkpoint of each training, on {data["images"]} held-out images with '
                      f'{data["objects"]} objects. {environment["device"]}; {versions}.')
    return '\n'.join(lines)


def _conclusion(arms: list[dict], baseline: str, images: dict[str, int]) -> str:
    """Say which gains over the ``baseline`` are real."""
    words = {1: f'Better than {baseline}', -1: 'Worse', 0: 'Not distinguishable from noise'}
    said = {word: [] for word in words.values()}
    for arm in arms:
        kinds = {word: [] for word in words.values()}
        for iou_type, gains in arm['gains'].items():
            gain = gains['AP']
            word = words[_is_real(gain, images['AP']) * (1 if gain['gain'] > 0 else -1)]
            kinds[word].append(f'{TITLES[iou_type]} AP {signed_points(gain["gain"])}')
        for word, found in kinds.items():
            said[word] += [f'{arm["title"]} ({", ".join(found)})'] if found else []
    return '\n'.join(f'- {word}: {"; ".join(found)}.' for word, found in said.items() if found)


def _is_real(gain: dict, images: int) -> bool:
    return images >= FEWEST_IMAGES and gain['low'] is not None and (gain['low'] > 0 or gain['high'] < 0)


def _gain_table(rows: list[dict], summary: dict, with_cost: bool) -> str:
    arms, images = summary['arms'], summary['data']['images_with']['AP']
    titles = {arm['name']: arm['title'] for arm in arms}
    iou_types = next(list(arm['ap']) for arm in arms if arm['ap'])
    header = ['network'] if with_cost else ['network', 'compared with']
    for iou_type in iou_types:
        header += [f'{TITLES[iou_type]} AP', 'gain' if with_cost else 'difference']
    costs = [kind for kind in COSTS if with_cost and kind in rows[0]['cost']['relative']]
    header += ['seeds', 'iterations', *costs, *(['parameters (M)', 'GFLOPs, trunk'] if costs else [])]
    table = []
    for arm in rows:
        cells = [arm['title']] if with_cost else [arm['title'], titles[arm['against']]]
        for iou_type in iou_types:
            cells += [_mean(arm['ap'].get(iou_type, {}).get('AP')),
                      _gain(arm['gains'].get(iou_type, {}).get('AP'), images)]
        cells += [str(len(arm['seeds'])), str(arm['iterations'] or '')]
        if costs:
            relative = arm['cost']['relative']
            cells += [f'{relative[kind][0]:.2f}' for kind in costs]
            cells += [f'{arm["cost"]["parameters"] / 1e6:.1f}', f'{arm["cost"]["flops"] / 1e9:.2f}']
        table.append(cells)
    return markdown(header, table)


def _mean(spread: dict | None) -> str:
    if spread is None or spread['mean'] is None:
        return '-'
    return points(spread['mean']) + ('' if spread['deviation'] is None else f' ± {points(spread["deviation"])}')


def _gain(gain: dict | None, images: int) -> str:
    if gain is None or gain['low'] is None:
        return ''
    return (f'{signed_points(gain["gain"])} ({signed_points(gain["low"])} to {signed_points(gain["high"])})'
            + ('*' if _is_real(gain, images) else ''))


def _caption(summary: dict) -> str:
    study = summary['study']
    height, width = study['cost_size']
    return ('AP in points (100 is perfect): mean ± standard deviation over the seeds. Gain: the mean of the '
            'differences from the first row with the same seed, and so the same data in the same order, with its '
            f'{100 * study["confidence"]:g}% interval over seeds and images; * leaves out 0. Costs are those of whole '
            f'detectors relative to the first row, times measured in turns at {height}x{width}; activations are what a '
            'training step keeps for its backward pass, the trunk is backbone and neck.')


def _size_table(arms: list[dict], images: dict[str, int]) -> str:
    arms = [arm for arm in arms if arm['ap']]
    if not arms:
        return ''
    sizes = [(name, word) for name, word in (('APs', 'small'), ('APm', 'medium'), ('APl', 'large')) if images[name]]
    columns = [(iou_type, name, f'{TITLES[iou_type]} AP, {word}') for iou_type in arms[0]['ap'] for name, word in sizes]

    def both(arm: dict, iou_type: str, name: str) -> str:
        text, gain = _mean(arm['ap'][iou_type][name]), arm['gains'].get(iou_type, {}).get(name)
        if gain is None or gain['gain'] is None:
            return text
        return f'{text} ({signed_points(gain["gain"])}{"*" if _is_real(gain, images[name]) else ""})'

    rows = [[arm['title'], *(both(arm, iou_type, name) for iou_type, name, _ in columns)] for arm in arms]
    counts = ', '.join(f'{word} objects in {images[name]} images' for name, word in sizes)
    return (markdown(['network', *(title for *_, title in columns)], rows)
            + f'\n\nIn brackets: the gain. There are {counts}; fewer than {FEWEST_IMAGES} say nothing.')


def _differences(summary: dict) -> str:
    rows = []
    for arm in summary['arms']:
        options = [f'`{key}={json.dumps(value)}`' for key, value in arm['cfg_options'].items()]
        if arm['init_from']:
            options.append(f'backbone of {arm["init_from"]}, same seed, to start from')
        rows.append([arm['title'], f'`{arm["config"]}`', '<br>'.join(options).replace('|', '\\|')])
    return ('Data, their order, augmentation, batch and seeds are the same for all.\n\n'
            + markdown(['network', 'config', 'differs in'], rows))


def _statistical_limits(summary: dict) -> str:
    compared = sum(len(arm['gains']) for arm in summary['arms'])
    share = 1 - summary['study']['confidence']
    return (f'Of the {compared} gains in the tables above, each with an interval of its own, about '
            f'{share * compared:.1f} would leave out 0 by chance if no network gained; by size and class, more.')


def _repeated(summary: dict, heading: str) -> Iterator[str]:
    if summary['repetitions']:
        yield f'{heading}# Cells that were run twice'
        yield '\n'.join(
            f'- {entry["arm"]}, seed {entry["seed"]}: '
            + ', '.join(f'{TITLES[iou_type]} AP {100 * one:.4f} and {100 * other:.4f}'
                        for iou_type, (one, other) in entry['ap'].items())
            + ('; all numbers are identical' if entry['difference'] == 0
               else f'; the numbers differ by up to {100 * entry["difference"]:.4f}')
            for entry in summary['repetitions'])


def insert_report(document: Path, name: str, text: str) -> None:
    """Put the report ``text`` of the study ``name`` into a document, in place of what it held of that study."""
    begin, end = f'<!-- study {name}: begin -->', f'<!-- study {name}: end -->'
    section = f'{begin}\n{text}{end}\n'
    content = document.read_text() if document.is_file() else HEAD
    if begin in content:
        content = re.sub(f'{re.escape(begin)}.*?{re.escape(end)}\n', lambda _: section, content, flags=re.DOTALL)
    else:
        content = f'{content.rstrip()}\n\n{section}'
    part = document.with_name(document.name + '.part')
    part.write_text(content)
    os.replace(part, document)
