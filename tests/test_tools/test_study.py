"""tools/study.py: trains, tests and compares; goes on after an interruption; a cell that is run again is the same."""
import fcntl
import json
import runpy
import shutil
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import CONFIGS, REPOSITORY
from matplotlib.image import imread
from mmengine.hooks import Hook
from mmengine.runner import Runner

from layeragg_mm.checkpoints import read_checkpoint
from layeragg_mm.engine.kill_test import differing
from layeragg_mm.study import Plan, load_study, running

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group('processes')]  # share the process from which others are forked

STUDY = f"""
title: Four iterations
limits: Anything.
config: {CONFIGS / 'fcos_mrla_tiny_digits.py'}
digit_scenes: {{train: 8, val: 5, size: 64, seed: 0}}
seeds: [0, 1]
cost_size: [64, 64]
cfg_options:
  train_cfg.max_iters: 4
  param_scheduler.1.end: 4
  param_scheduler.0.end: 1
  param_scheduler.1.begin: 1
  default_hooks.logger.interval: 1
  model.test_cfg.score_thr: 0
arms:
  plain:
    title: Plain
    cfg_options:
      model.backbone: {{_delete_: true, type: ResNet, depth: 50, base_channels: 8, out_indices: [1, 2, 3], norm_eval: true}}
  ours:
    title: Ours
ablations:
  trunk:
    title: From a trunk
    init_from: plain
  broken:
    title: Broken
    cfg_options:
      custom_imports.imports: [layeragg_mm, layeragg_mm.study.hooks]
      custom_hooks: [{{type: ConstantStartHook, pattern: backbone.conv1.weight, value: 1.0e+38}}]
"""  # noqa: E501


def study(*arguments) -> int:
    """Run the tool in this process and return its exit code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, 'argv', ['study.py', *map(str, arguments)])
        try:
            runpy.run_path(str(REPOSITORY / 'tools/study.py'), run_name='__main__')
        except SystemExit as stop:
            return stop.code if isinstance(stop.code, int) else 1
    return 0


def weights(cell) -> dict:
    return read_checkpoint(cell.weights)['state_dict']


@pytest.fixture(scope='module')
def finished(tmp_path_factory):
    """A study of which all cells are done but the broken ones; with the exit code."""
    folder = tmp_path_factory.mktemp('study')
    (folder / 'four.yaml').write_text(STUDY)
    code = study(folder / 'four.yaml', '--work-dir', folder / 'run', '--jobs', 2)
    return Plan(load_study(folder / 'four.yaml'), folder / 'run'), code


def test_reports_what_the_cells_found(finished):
    plan, _ = finished
    report = json.loads((plan.work_dir / 'report.json').read_text())
    assert (report['done'], report['cells']) == (6, 8)
    arms = {arm['name']: arm for arm in report['arms']}
    for name in ('plain', 'ours', 'trunk'):
        found = [plan.cell(name, seed).result()['ap']['bbox']['AP'] for seed in (0, 1)]
        assert arms[name]['ap']['bbox']['AP']['mean'] == pytest.approx(np.mean(found))
        tested = json.loads(next(plan.cell(name, 0).folder.glob('test/*/*.json')).read_text())
        assert found[0] == pytest.approx(tested['coco/bbox_mAP'], abs=6e-4)  # which is rounded
    assert {'gain', 'low', 'high'} <= set(arms['ours']['gains']['bbox']['AP'])
    assert arms['ours']['cost']['parameters'] > arms['plain']['cost']['parameters']
    text = (plan.work_dir / 'report.md').read_text()
    assert report['study']['sha256'][:16] in text and 'Not complete: 6 of 8' in text
    for name in ('gains', 'time', 'breakdown', 'curves'):
        assert f'({name}.png)' in text
        assert (imread(plan.work_dir / f'{name}.png')[..., :3] < .5).any()


def test_a_cell_that_fails_stops_no_other_and_is_told(finished):
    plan, code = finished
    assert code == 1
    text = (plan.work_dir / 'report.md').read_text()
    assert 'broken, seed 0: training ended with exit code 1: error: the loss is not finite at iteration' in text


def test_a_trunk_starts_where_the_other_arm_ended(finished, tmp_path):
    plan, _ = finished
    cell = plan.cell('trunk', 1)
    cfg = plan.config(cell)
    cfg.work_dir = str(tmp_path)
    runner = Runner.from_cfg(cfg)
    runner.model.init_weights()
    state, source = runner.model.state_dict(), weights(plan.cell('plain', 1))
    shared = [key for key in source if key.startswith('backbone.') and 'num_batches' not in key]
    assert len(shared) > 100 and all(torch.equal(state[key], source[key]) for key in shared)


def test_a_cell_that_is_run_again_comes_out_the_same(finished, capsys):
    plan, _ = finished
    assert study(plan.study.path, '--work-dir', plan.work_dir, '--repeat', 'ours', 1) == 0
    assert 'all numbers are identical' in capsys.readouterr().out
    first, second = plan.cell('ours', 1), plan.repetition('ours', 1)
    assert not list(differing(weights(first), weights(second)))
    assert list(differing(weights(first), weights(plan.cell('ours', 0))))
    assert study(plan.study.path, '--work-dir', plan.work_dir, '--report', '--docs', plan.work_dir / 'gains.md') == 0
    text = (plan.work_dir / 'gains.md').read_text()
    assert 'ours, seed 1: box AP' in text and 'all numbers are identical' in text
    assert '(gains/four_curves.png)' in text and (plan.work_dir / 'gains/four_curves.png').is_file()


def test_an_interrupted_study_goes_on_to_the_same_end(finished, tmp_path, monkeypatch, capsys):
    plan, _ = finished
    shutil.copytree(plan.work_dir, tmp_path / 'run')
    again = Plan(plan.study, tmp_path / 'run')
    cell, untouched = again.cell('ours', 0), again.cell('plain', 0).result_file
    shutil.rmtree(cell.folder)
    for broken in ('broken', 'trunk'):
        shutil.rmtree(tmp_path / 'run/cells' / broken)

    def interrupt(*arguments, **options):
        while not list(cell.train_dir.glob('iter_2.pth')):
            time.sleep(.01)
        raise KeyboardInterrupt

    written = untouched.stat().st_mtime_ns
    with monkeypatch.context() as patch:
        patch.setattr(running, 'wait', interrupt)
        assert study(plan.study.path, '--work-dir', tmp_path / 'run') == 130
    assert 'the same command goes on from here' in capsys.readouterr().err
    assert not cell.weights.exists() and list(cell.train_dir.glob('*.pth'))
    running.run_cells(again, [cell], 1, running.Console(quiet=True))
    assert not list(differing(weights(plan.cell('ours', 0)), weights(cell)))
    assert cell.result()['ap'] == plan.cell('ours', 0).result()['ap']
    assert cell.result()['curves'] == plan.cell('ours', 0).result()['curves']
    assert untouched.stat().st_mtime_ns == written


def test_a_cell_is_worked_on_once_at_a_time(finished, tmp_path):
    plan, _ = finished
    shutil.copytree(plan.cell('ours', 0).folder, tmp_path / 'run/cells/ours/seed0')
    again = Plan(plan.study, tmp_path / 'run')
    cell = again.cell('ours', 0)
    cell.result_file.unlink()
    with open(cell.folder / 'lock', 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        failures = running.run_cells(again, [cell], 1, running.Console(quiet=True))
    assert 'another process works in' in failures['ours, seed 0']


def test_arms_get_the_same_images_in_the_same_order(finished, tmp_path):
    plan, _ = finished

    class Watch(Hook):
        def __init__(self) -> None:
            self.seen = []

        def before_train_iter(self, runner, batch_idx, data_batch=None) -> None:
            self.seen += [image.float().sum().item() for image in data_batch['inputs']]

    seen = {}
    for arm, seed in (('plain', 0), ('ours', 0), ('ours', 1)):
        cfg = plan.config(plan.cell(arm, seed))
        cfg.work_dir = str(tmp_path / f'{arm}_{seed}')
        cfg.update(val_cfg=None, val_dataloader=None, val_evaluator=None, experiment_name=f'{arm}_{seed}')
        runner, watch = Runner.from_cfg(cfg), Watch()
        runner.register_hook(watch)
        runner.train()
        seen[arm, seed] = watch.seen
    assert seen['plain', 0] == seen['ours', 0] != seen['ours', 1]


@pytest.mark.parametrize('change, arguments, said', [
    (None, ['--jobs', 0], '--jobs 0 is not available'),
    (None, ['--data-root', REPOSITORY], 'makes its own data'),
    (None, ['--repeat', 'theirs', 0], '--repeat theirs 0: '),
    (None, ['--repeat', 'ours', 2], 'has no such cell'),
    (None, ['--repeat', 'broken', 0], 'it was not run before'),
    (('max_iters: 4', 'max_iters: 5'), [], 'was trained otherwise than'),
    (('title: Ours', 'title: Ours\n    cfg_options: {train_dataloader.batch_size: 4}'), ['--work-dir', 'new'],
     'ours has another train_dataloader than plain'),
    (('title: Ours', 'title: Ours\n    cfg_options: {model.backbone.varient: base}'), ['--work-dir', 'new'],
     "the model of ours.backbone: MRLAResNet has no argument 'varient'; did you mean 'variant'?"),
    (('title: Ours', 'title: Ours\n    cfg_options: {param_scheduler.7.end: 4}'), ['--work-dir', 'new'],
     "ours.cfg_options param_scheduler.7.end: param_scheduler is a list of 2, and has no '7'"),
    (('digit_scenes: {', 'seeds_: {'), [], 'seeds_ is not known'),
])
def test_refuses(finished, tmp_path, capsys, monkeypatch, change, arguments, said):
    plan, _ = finished
    monkeypatch.chdir(tmp_path)
    file = tmp_path / 'four.yaml'
    file.write_text(STUDY.replace(*change, 1) if change else STUDY)
    before = sorted(Path(plan.work_dir).rglob('*'))
    assert study(file, '--work-dir', plan.work_dir, *arguments) == 2
    assert said in capsys.readouterr().err.strip().splitlines()[-2]
    assert sorted(Path(plan.work_dir).rglob('*')) == before and not list(tmp_path.glob('new/cells'))
