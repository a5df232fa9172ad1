"""The GPU's report: all of it at tiny sizes on the CPU, and what becomes of parts that fail or find no time."""
import json
import re

import pytest
import torch
from conftest import refused

from layeragg_mm.analysis import Cost
from layeragg_mm.analysis.gpu.goals import find_goals, goal_tables
from layeragg_mm.analysis.gpu.parts import DRY_RUN, Part, plan
from layeragg_mm.commands import gpu_report


@pytest.mark.slow
def test_a_dry_run_reports_every_part(run, tmp_path, shallow):
    assert run('gpu_report', '--out', tmp_path / 'out', '--dry-run') == 0
    report = (tmp_path / 'out/report.md').read_text()
    data = json.loads((tmp_path / 'out/report.json').read_text())
    assert 'A dry run' in report and data['dry_run']
    parts = plan(DRY_RUN)
    assert {part.kind for part in parts} == {'parity', 'launches', 'costs', 'memory'}
    for part in parts:
        found = data['parts'][part.name]
        assert f'## {part.title}\n' in report and found['status'] == 'measured' and found['findings']
        if part.kind in ('costs', 'memory'):
            assert f'({part.name}.png)' in report and (tmp_path / 'out' / f'{part.name}.png').stat().st_size > 0
            assert all(row['peak_memory'] is None and row['largest_batch'] is None for row in found['findings'])
            assert all(len(seconds) == (DRY_RUN.rounds if part.kind == 'costs' else 1)
                       for row in found['findings'] for seconds in row['seconds'].values())
    assert (tmp_path / 'out/batches.png').stat().st_size > 0
    assert not any('graphs' in row['name'] for row in data['parts']['batch_1']['findings'])
    for fact in ('peak memory', 'largest batch', 'CUDA graphs'):
        assert f'- {fact}: not measured: needs a GPU' in report
    for fact in ('GPU', 'driver', 'CUDA, cuDNN', 'torch, mmdet', 'layeragg-mm', 'command'):
        assert data['facts'][fact] in report
    measured = {(goal['network'], goal['way']) for goal in data['goals'] if goal['measured']}
    assert ('mrla_r50', 'compiled') in measured and ('dla34', '') in measured and ('rla_r50', '') not in measured


def test_without_a_gpu_it_says_so(run, capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    assert 'there is no GPU here' in refused(run, capsys, 'gpu_report', '--out', tmp_path / 'out')
    assert not (tmp_path / 'out').exists()


def test_it_refuses_no_time(run, capsys, tmp_path):
    assert '--minutes 0' in refused(run, capsys, 'gpu_report', '--out', tmp_path, '--dry-run', '--minutes', 0)


def cost(name: str, *seconds: float) -> Cost:
    return Cost(name, 1, 1, 100, None, {'training step': list(seconds)})


def out_of_memory(track):
    raise torch.cuda.OutOfMemoryError('CUDA out of memory.\nTried much')


def test_a_part_that_fails_does_not_end_the_run(run, capsys, tmp_path, monkeypatch):
    costs = [cost('a', 1.), cost('b, graphs (fell back)', 2.)]
    monkeypatch.setattr(gpu_report, 'plan', lambda scale: [
        Part('one', 'Too large', 'costs', out_of_memory), Part('two', 'Well done', 'costs', lambda track: costs)])
    assert str(run('gpu_report', '--out', tmp_path, '--dry-run')).startswith('error: 1 parts failed: Too large')
    report = (tmp_path / 'report.md').read_text()
    assert '- Too large: failed: OutOfMemoryError: CUDA out of memory.\n' in report
    assert '- Well done: b, graphs: no CUDA graph could be recorded' in report and '## Well done' in report
    parts = json.loads((tmp_path / 'report.json').read_text())['parts']
    assert 'out_of_memory' in parts['one']['traceback'] and parts['two']['findings'][1]['relative']


def test_what_did_not_fit_is_not_measured(run, tmp_path, monkeypatch):
    now = [0.]
    monkeypatch.setattr('layeragg_mm.analysis.gpu.measuring.time.monotonic', lambda: now[0])

    def half_way(track):
        for minute in track(range(20), 'minutes'):
            now[0] = 60. * minute

    monkeypatch.setattr(gpu_report, 'plan', lambda scale: [
        Part('one', 'Begun', 'costs', half_way), Part('two', 'Waiting', 'costs', half_way)])
    assert run('gpu_report', '--out', tmp_path, '--dry-run', '--minutes', 10) == 0
    report = (tmp_path / 'report.md').read_text()
    assert '- Begun: not measured: the time was up before it was done' in report
    assert '- Waiting: not measured: the time was up before it began' in report and 'there were 10 minutes' in report


def test_goals_are_of_the_same_way_and_of_the_literal_form():
    costs = [cost('fast_r50', 1., 1., 1.), cost('fast_r50, graphs', .5, .5, .5), cost('resnet50', 2., 2., 2.),
             cost('rla_r50', 1.1, 1.2, 1.3), cost('rla_r50, graphs', .5, .55, .6),
             cost('rla_r50, all forms', 2., 2., 2.), cost('dla34', 1.5, 1.5, 1.5)]
    goals = {(goal.network, goal.batch, goal.way, goal.kind.split()[-2]): goal
             for goal in find_goals({2: costs}, {}, (2, 16), literal_by_default=True)}
    assert (goals['rla_r50', 2, '', 'plain'].measured[0], goals['rla_r50', 2, '', 'plain'].met) == (1.2, False)
    assert goals['rla_r50', 2, 'graphs', 'plain'].measured[0] == 1.1 and goals['rla_r50', 2, 'graphs', 'plain'].met
    assert goals['dla34', 2, '', 'plain'].measured[0] == .75 and goals['dla34', 2, '', 'plain'].met
    assert goals['rla_r50', 2, 'all forms', 'literal'].met is False and goals['rla_r50', 2, 'graphs', 'literal'].met
    assert goals['rla_r50', 2, 'all forms', 'plain'].met is None  # the plain network with all forms is not there
    assert goals['rla_r50', 16, '', 'plain'].measured is None
    over_plain, _ = goal_tables(list(goals.values()))
    cells = [list(column.cells) for column in over_plain.columns]
    assert re.fullmatch(r'1\.20 \(1\.15-1\.25\) \*\*not met\*\*', cells[3][0]) and cells[3][1] == 'not measured'
