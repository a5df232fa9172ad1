"""Messages say what is wrong, and not something else."""
import json
import shutil

import pytest
import torch
from conftest import CONFIGS, refused
from matplotlib.image import imread
from mmengine.registry import DATASETS, MODELS, init_default_scope

from layeragg_mm.datasets.json_columns import Entries
from layeragg_mm.datasets.mask_checks import check_true_masks
from layeragg_mm.errors import InputError
from layeragg_mm.visualization import load_labelled

pytestmark = pytest.mark.slow

FCOS = CONFIGS / 'fcos_mrla_tiny_digits.py'
MASK_RCNN = CONFIGS / 'mask_rcnn_mrla_r50_digits.py'


@pytest.fixture
def data(digits, tmp_path):
    shutil.copytree(digits, tmp_path / 'data')
    return tmp_path / 'data'


def test_a_file_of_boxes_has_no_masks(run, capsys, data):
    file = data / 'annotations/instances_val.json'
    content = json.loads(file.read_text())
    for entry in content['annotations']:
        del entry['segmentation']
    file.write_text(json.dumps(content))
    told = refused(run, capsys, 'train', MASK_RCNN, '--data-root', data)
    assert "instances_val.json: annotations[0]: has no mask" in told and "metric='bbox'" in told
    assert "COCO's format" not in told


def test_what_is_no_mask_is_told_how_to_be_one():
    entries = Entries([dict(segmentation=[[1, 2]])], 'a.json', 'annotations', 'a file')
    with pytest.raises(InputError) as error:
        check_true_masks(entries, [[10, 10]])
    assert error.value.remedy.startswith('Write masks as polygons')


def test_a_checkpoint_is_no_result_file(run, capsys, digits, tmp_path):
    torch.save(dict(state_dict={}), tmp_path / 'a.pth')
    annotations = digits / 'annotations/instances_val.json'
    for tool in (['compare', tmp_path / 'a.pth', tmp_path / 'a.pth'], ['eval_coco', tmp_path / 'a.pth']):
        told = refused(run, capsys, *tool, annotations)
        assert 'a.pth is a checkpoint or another pickle, and no JSON' in told and 'outfile_prefix=PREFIX' in told


def test_one_class_as_text(run, capsys, digits):
    told = refused(run, capsys, 'train', FCOS, '--data-root', digits, '--cfg-options',
                   'train_dataloader.dataset.metainfo.classes=RBC')
    assert "train_dataloader.dataset.metainfo.classes is the text 'RBC'" in told and "('RBC',)" in told


@pytest.mark.parametrize('missing, option, listed', [
    ('annotations/instances_val2017.json', 'val_dataloader.dataset.ann_file=annotations/instances_val2017.json',
     'annotations has instances_val.json, instances_train.json'),
    ('validation', 'val_dataloader.dataset.data_prefix.img=validation', 'val/'),
    ('annotation', 'val_dataloader.dataset.ann_file=annotation/instances_val.json', 'data has annotations/, '),
])
def test_of_a_missing_file_it_is_told_what_lies_there(run, capsys, data, missing, option, listed):
    told = refused(run, capsys, 'train', FCOS, '--data-root', data, '--cfg-options', option)
    assert missing in told and listed in told


def test_an_image_without_boxes_is_named(digits):
    init_default_scope('mmdet')
    dataset = DATASETS.build(dict(type='CocoDataset', data_prefix=dict(img=str(digits / 'val')), test_mode=True,
                                  ann_file=str(digits / 'annotations/instances_val.json'),
                                  metainfo=dict(classes=tuple('0123456789')),
                                  pipeline=[dict(type='LoadImageFromFile')]))
    with pytest.raises(InputError, match=r'no true boxes are loaded of .*000001\.bmp'):
        load_labelled(dataset, 0)


def test_predictions_of_a_segmentor_are_drawn(run, semantic_digits, tmp_path):
    config = tmp_path / 'config.py'
    config.write_text(f"_base_ = '{CONFIGS}/dla34_ida_digits.py'\n"
                      "model = dict(backbone=dict(arch='46x_c'), neck=dict(in_channels=[32, 64, 64, 128, 256]))\n")
    assert run('train', config, '--data-root', semantic_digits, '--work-dir', tmp_path / 'run', '--cfg-options',
               'train_cfg.max_iters=1', 'default_hooks.checkpoint.interval=1', 'train_dataloader.batch_size=2') == 0
    assert run('visualize', 'predictions', config, tmp_path / 'run/iter_1.pth', '--data-root', semantic_digits,
               '--out', tmp_path) == 0
    assert imread(tmp_path / 'predictions.png').std() > .1


@pytest.mark.parametrize('network', [
    dict(type='MRLAResNet', depth=50, base_channels=8), dict(type='RLAResNet', depth=50, base_channels=8),
    dict(type='DLANet', arch='46_c'), dict(type='IDAUp', in_channels=[8, 16], out_channels=8, num_outs=2)])
def test_initialisation_in_plain_pytorch_is_silent(network, capsys):
    MODELS.build(network).init_weights()
    said = capsys.readouterr()
    assert len((said.out + said.err).splitlines()) < 5
