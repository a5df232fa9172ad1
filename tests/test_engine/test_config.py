"""--data-root moves every path of the data, and nothing else."""
import pytest
from conftest import CONFIGS
from mmengine.config import Config

from layeragg_mm.engine import set_data_root
from layeragg_mm.errors import InputError


def test_moves_data_sets_and_evaluators(tmp_path):
    cfg = Config.fromfile(CONFIGS / 'mask_rcnn_mrla_r50.py')
    set_data_root(cfg, str(tmp_path))
    for name in ('train', 'val', 'test'):
        assert cfg[f'{name}_dataloader'].dataset.data_root == f'{tmp_path}/'
    for evaluator in (cfg.val_evaluator, cfg.test_evaluator):
        assert evaluator.ann_file == f'{tmp_path}/annotations/instances_val2017.json'
    assert cfg.train_dataloader.dataset.ann_file == 'annotations/instances_train2017.json'


def test_reaches_into_wrappers_and_lists(tmp_path):
    leaf = dict(type='CocoDataset', data_root='data/x', ann_file='data/x/extra.json')
    cfg = Config(dict(
        train_dataloader=dict(dataset=dict(type='RepeatDataset', dataset=dict(type='ConcatDataset', datasets=[leaf]))),
        val_dataloader=None, val_evaluator=[dict(type='A', ann_file='data/x/val.json'), dict(type='B', out='data/xy')]))
    set_data_root(cfg, str(tmp_path))
    inner = cfg.train_dataloader.dataset.dataset.datasets[0]
    assert (inner.data_root, inner.ann_file) == (f'{tmp_path}/', f'{tmp_path}/extra.json')
    assert [cfg.val_evaluator[0].ann_file, cfg.val_evaluator[1].out] == [f'{tmp_path}/val.json', 'data/xy']


def test_refuses_a_config_without_data_root(tmp_path):
    with pytest.raises(InputError, match='nothing to replace'):
        set_data_root(Config(dict(train_dataloader=dict(dataset=dict(type='CocoDataset')))), str(tmp_path))
