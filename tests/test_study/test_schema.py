"""A study file is read whole, or refused with the key that is wrong."""
import re
import shutil

import pytest
from conftest import REPOSITORY, slow_but
from mmengine.registry import MODELS, init_default_scope

from layeragg_mm.errors import InputError
from layeragg_mm.study import Plan, load_study

STUDY = """
title: Two networks
limits: It is small.
config: some.py
seeds: [0, 1]
cost_size: [64, 64]
arms:
  plain: {title: Plain}
  ours: {title: Ours, cfg_options: {model.backbone.depth: 50}}
ablations:
  trunk: {title: Trunk, init_from: plain, against: ours}
"""


def test_reads_what_the_file_says(tmp_path):
    (tmp_path / 'two.yaml').write_text(STUDY)
    study = load_study(tmp_path / 'two.yaml')
    assert study.baseline.name == 'plain' and study.baseline.against is None
    assert study.arms['ours'].against == 'plain' and not study.arms['ours'].ablation
    assert study.arms['trunk'].against == 'ours' and study.arms['trunk'].ablation
    assert study.arms['trunk'].config == str(tmp_path / 'some.py')
    assert study.commit() == ''
    cells = [(cell.arm.name, cell.seed) for cell in Plan(study, tmp_path).cells]
    assert cells == [(arm, seed) for seed in (0, 1) for arm in ('plain', 'ours')] + [('trunk', 0), ('trunk', 1)]


@pytest.mark.parametrize('old, new, said', [
    ('title: Two', 'titel: Two', 'titel is not known'),
    ('limits: It is small.', '', 'the file lacks limits'),
    ('[0, 1]', '[0]', 'seeds is [0]'),
    ('[0, 1]', '[1, 1]', 'seeds is [1, 1]'),
    ('[0, 1]', '[0, one]', "seeds is [0, 'one']"),
    ('[64, 64]', '[64]', 'cost_size is [64]'),
    ('config: some.py', '', 'arms.plain has no config'),
    ('ours: {title: Ours,', 'ours: {', 'arms.ours lacks title'),
    ('ours: {', 'plain: {', "'plain' comes twice"),
    ('trunk: {', 'ours: {', 'ablations.ours: there is an arm of this name'),
    ('ours: {', '../ours: {', 'arms.../ours is no name of an arm'),
    ('init_from: plain', 'init_from: later', 'ablations.trunk.init_from is later, which is no arm above it'),
    ('against: ours', 'against: trunk', 'ablations.trunk.against is trunk'),
    ('{model.backbone.depth: 50}', '[50]', 'arms.ours.cfg_options is not a mapping'),
    ('cost_size', 'gpus: 0\ncost_size', 'gpus is 0'),
    ('cost_size', 'digit_scenes: {train: 8}\ncost_size', 'digit_scenes lacks val'),
    ('arms:', 'arms: [', 'is no valid YAML'),
    ('arms:', 'arms: !!python/object/apply:os.getcwd []\n_:', 'is no valid YAML'),
])
def test_refuses(tmp_path, old, new, said):
    assert old in STUDY
    (tmp_path / 'two.yaml').write_text(STUDY.replace(old, new, 1))
    with pytest.raises(InputError, match=re.escape(said)) as caught:
        load_study(tmp_path / 'two.yaml')
    assert str(tmp_path / 'two.yaml') in caught.value.what and caught.value.remedy


def test_the_commit_is_the_files(tmp_path):
    if shutil.which('git') is None or not (REPOSITORY / '.git').exists():
        pytest.skip('no git here')
    import subprocess
    (tmp_path / 'two.yaml').write_text(STUDY)
    for command in (['init', '-q'], ['add', '.'],
                    ['-c', 'user.name=a', '-c', 'user.email=a@b', 'commit', '-q', '-m', 'a study']):
        subprocess.run(['git', '-C', tmp_path, *command], check=True)
    study = load_study(tmp_path / 'two.yaml')
    assert re.fullmatch(r'[0-9a-f]{7,}', study.commit())
    (tmp_path / 'two.yaml').write_text(STUDY + '#')
    assert study.commit().endswith(', changed since')


@pytest.mark.parametrize('name', slow_but(['coco_1x'], ['digit_scenes', 'nuclei', 'coco_1x']))
def test_the_studies_of_the_repository_are_fair(name, tmp_path):
    plan = Plan(load_study(REPOSITORY / 'studies' / f'{name}.yaml'), tmp_path)
    init_default_scope('mmdet')
    first = plan.arm_config(plan.study.baseline)
    for arm in plan.study.arms.values():
        plan.check_common(arm)
        cfg = plan.arm_config(arm)
        assert arm.ablation or cfg.optim_wrapper == first.optim_wrapper
        longest = cfg.train_cfg.get('max_iters') or cfg.train_cfg.max_epochs
        assert cfg.param_scheduler[-1].end == longest  # the rate falls to its end, however long the training
    types = {plan.arm_config(arm).model.backbone.type for arm in plan.study.arms.values()}
    assert types == {'ResNet', 'RLAResNet', 'MRLAResNet', 'DLANet'}
    if name == 'digit_scenes':
        models = (MODELS.build(plan.arm_config(plan.study.arms[arm]).model)
                  for arm in ('resnet50_wide', 'rla_r50', 'mrla_base_r50'))
        wide, rla, mrla = (sum(parameter.numel() for parameter in model.parameters()) for model in models)
        assert wide > max(rla, mrla)  # the control has at least what it controls for
