"""From own data to a detector by one command, and what that leaves opened by MMDetection itself."""
import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import mmdet
import numpy as np
import pytest
import torch
from cells import CLASSES, lay_out
from conftest import CONFIGS, REPOSITORY, forget_earlier_runs, refused
from mmdet.apis import DetInferencer, inference_detector, init_detector
from mmengine.config import Config

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group('own data')]  # share what one of them trains

FCOS = CONFIGS / 'fcos_mrla_tiny_digits.py'
SHORT = ['train_cfg.max_iters=2', 'train_cfg.val_interval=2', 'default_hooks.checkpoint.interval=2',
         'model.test_cfg.score_thr=0']


@pytest.fixture(scope='module')
def cells(tmp_path_factory):
    root = tmp_path_factory.mktemp('own') / 'cells'
    lay_out(root, 'roboflow')
    return root


def flags(cells, *splits):
    return [each for split in splits for each in (
        f'--{split.replace("valid", "val")}', cells / split / '_annotations.coco.json', cells / split)]


@pytest.fixture(scope='module')
def trained(cells, tmp_path_factory):
    """A work dir in which two iterations were trained on own data."""
    work_dir = tmp_path_factory.mktemp('trained') / 'run'
    subprocess.run(
        [sys.executable, REPOSITORY / 'tools/train.py', FCOS, *flags(cells, 'train', 'valid'), '--work-dir', work_dir,
         '--cfg-options', *SHORT], cwd=work_dir.parent, check=True, capture_output=True)
    return work_dir


def test_what_training_leaves_is_opened_by_mmdetection(trained, cells, run, tmp_path, monkeypatch):
    image, checkpoint = cells / 'test/20.png', trained / 'iter_2.pth'
    found, = DetInferencer(weights=str(checkpoint), device='cpu')(str(image), return_datasamples=True)['predictions']
    assert len(found.pred_instances) == 10 and found.pred_instances.labels.max() < 3

    dumped = trained / FCOS.name
    forget_earlier_runs()
    model = init_detector(str(dumped), str(checkpoint), device='cpu')
    assert model.dataset_meta['classes'] == tuple(CLASSES)
    assert len(inference_detector(model, np.zeros((64, 96, 3), np.uint8)).pred_instances) == 10

    forget_earlier_runs()
    spec = importlib.util.spec_from_file_location('their_test', Path(mmdet.__file__).parent / '.mim/tools/test.py')
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    monkeypatch.setattr(sys, 'argv', ['test', str(dumped), str(checkpoint), '--work-dir', str(tmp_path / 'theirs')])
    tool.main()
    assert list(tmp_path.glob('theirs/*/*.json'))


def test_what_is_written_down_is_what_the_user_wrote(trained, cells):
    written, user = Config.fromfile(trained / FCOS.name), Config.fromfile(FCOS)
    for split in ('train', 'val', 'test'):
        dataset = written[f'{split}_dataloader'].dataset
        assert dataset.pipeline == user[f'{split}_dataloader'].dataset.pipeline and dataset.data_root == str(cells)
    assert written.default_hooks.checkpoint.to_dict() == dict(user.default_hooks.checkpoint.to_dict(), interval=2)
    assert written.train_cfg.to_dict() == dict(type='IterBasedTrainLoop', max_iters=2, val_interval=2)
    assert written.custom_hooks == user.custom_hooks and written.val_evaluator.ann_file.startswith(str(cells))
    assert not any(written.get(key) for key in ('work_dir', 'launcher', 'resume', 'load_from'))
    text = (trained / FCOS.name).read_text()
    assert [file.read_text() for file in trained.glob('*/vis_data/config.py')] == [text]
    assert torch.load(trained / 'iter_2.pth', weights_only=False)['meta']['cfg'] == text


def test_the_dumped_config_trains_elsewhere(trained, cells, run, tmp_path):
    shutil.copytree(cells, tmp_path / 'data')
    shutil.copy(trained / FCOS.name, tmp_path / 'mine.py')
    assert run('train', tmp_path / 'mine.py', '--data-root', tmp_path / 'data', '--work-dir', tmp_path / 'run') == 0
    dataset = Config.fromfile(tmp_path / 'run/mine.py').train_dataloader.dataset
    assert (tmp_path / 'run/iter_2.pth').is_file() and Path(dataset.data_root) == tmp_path / 'data'


def test_a_checkpoint_is_tested_on_other_own_data(trained, cells, run, capsys, tmp_path):
    assert run('test', FCOS, trained / 'iter_2.pth', *flags(cells, 'test'), '--work-dir', tmp_path) == 0
    assert 'classes as in the checkpoint, 3: RBC, WBC, platelets' in capsys.readouterr().out


def test_classes_of_another_order_than_the_checkpoint_s_are_refused(trained, cells, run, capsys, tmp_path):
    file = tmp_path / 'test.json'
    text = (cells / 'test/_annotations.coco.json').read_text()
    file.write_text(text.replace('RBC', 'other').replace('WBC', 'RBC').replace('other', 'WBC'))
    said = refused(run, capsys, 'test', FCOS, trained / 'iter_2.pth', '--test', file, cells / 'test')
    assert 'lists the classes in another order' in said


def test_dry_run(cells, run, tmp_path, capsys):
    work_dir = tmp_path / 'run'
    work_dir.mkdir()
    (work_dir / 'skipped_images.txt').write_text('of the run before')
    assert run('train', FCOS, *flags(cells, 'train', 'valid'), '--work-dir', work_dir, '--dry-run', '--cfg-options',
               SHORT[-1]) == 0
    told = capsys.readouterr().out
    assert 'dry run: one batch went through model and loss: ' in told and 'loss_cls' in told
    assert 'dry run: 2 images were evaluated: coco/bbox_mAP' in told
    assert [file.name for file in work_dir.iterdir()] == ['skipped_images.txt']


def test_a_segmentor_tries_own_label_maps(semantic_digits, run, tmp_path, capsys):
    folders = [each for split in ('train', 'val') for each in (
        f'--{split}', semantic_digits / split, semantic_digits / 'semantic' / split)]
    assert run('train', CONFIGS / 'dla34_ida_digits.py', *folders, '--classes', 'none', *'0123456789',
               '--pretrained', 'none', '--work-dir', tmp_path / 'run', '--dry-run') == 0
    told = capsys.readouterr().out
    assert 'decode.loss_ce' in told and 'dry run: 2 images were evaluated: aAcc' in told
    assert not (tmp_path / 'run').exists()


def test_a_dry_run_checks_what_a_run_checks(cells, run, tmp_path, capsys):
    shutil.copytree(cells, tmp_path / 'cells')
    (tmp_path / 'cells/valid/10.png').write_bytes(b'no image')
    said = refused(run, capsys, 'train', FCOS, '--data-root', tmp_path / 'cells', '--dry-run', '--work-dir',
                   tmp_path / 'run')
    assert 'unreadable image' in said and not (tmp_path / 'run').exists()


def test_a_start_that_cannot_be_fetched_names_the_flag(cells, run, capsys, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'torchvision', None)  # as if it were not installed
    arguments = ['train', CONFIGS / 'faster_rcnn_rla_r50.py', *flags(cells, 'train', 'valid'), '--work-dir', tmp_path]
    said = refused(run, capsys, *arguments)
    assert 'torchvision://resnet50' in said and '--pretrained FILE, or --pretrained none' in said
    said = refused(run, capsys, *arguments, '--pretrained', cells / 'nowhere.pth')
    assert '--pretrained: checkpoint file not found' in said
