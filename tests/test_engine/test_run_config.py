"""What a run writes down is the user's config, whatever the run changes for itself."""
import copy
from argparse import Namespace

from conftest import CONFIGS
from mmengine.config import Config
from mmengine.registry import MODELS

from layeragg_mm.engine import RunConfig, config_of_run, protect_training
from layeragg_mm.engine.config import read_config

FCOS = str(CONFIGS / 'fcos_mrla_tiny_digits.py')


def test_changes_for_a_run_are_not_written(tmp_path):
    user = read_config(FCOS)
    cfg = config_of_run(user, Namespace(config=FCOS, launcher='none', work_dir=str(tmp_path)))
    protect_training(cfg)
    cfg.resume, cfg.load_from = True, 'iter_2.pth'
    cfg = copy.deepcopy(cfg)  # as mmengine's Runner does
    assert cfg.work_dir == str(tmp_path) and cfg.train_cfg.type == 'ResumableIterLoop' and cfg.resume
    cfg.dump(tmp_path / cfg.filename)
    assert Config.fromfile(tmp_path / 'fcos_mrla_tiny_digits.py').to_dict() == user.to_dict()
    assert cfg.pretty_text == user.pretty_text


def test_the_work_dir_is_named_by_the_config():
    args = Namespace(config='my/config.v2.py', launcher='none', work_dir=None)
    assert config_of_run(Config(dict(model={})), args).work_dir == './work_dirs/config.v2'
    assert config_of_run(Config(dict(model={}, work_dir='runs')), args).work_dir == 'runs'


def imports_of(cfg: dict) -> list | None:
    written = RunConfig(Config(cfg), 'mine').written
    return written.custom_imports.imports if 'custom_imports' in written else None


def test_what_is_ours_is_imported_where_it_is_named():
    assert 'RLAResNet' in MODELS
    ours = dict(model=dict(backbone=dict(type='RLAResNet', depth=50)))
    assert imports_of(ours) == ['layeragg_mm']
    assert imports_of(dict(ours, optim_wrapper=dict(type='BFloat16OptimWrapper'))) == [
        'layeragg_mm', 'layeragg_mm.engine']
    assert imports_of(dict(ours, custom_imports=dict(imports=['mine', 'layeragg_mm.engine']))) == [
        'mine', 'layeragg_mm.engine']
    assert imports_of(dict(ours, default_scope='mmseg')) == ['layeragg_mm.segmentation']
    assert imports_of(dict(model=dict(backbone=dict(type='ResNet', depth=50)))) is None
