"""From own data to a detector by one command, and what that leaves opened by MMDetection itself."""
import importlib.util
import shutil
import sys
from pathlib import Path

import mmdet
import numpy as np
import pytest
from cells import CLASSES, lay_out
from conftest import CONFIGS, forget_earlier_runs, refused
from mmdet.apis import DetInferencer, inference_detector, init_detector
from mmengine.config import Config

pytestmark = pytest.mark.xdist_group('own data')  # share what one of them trains

FCOS = CONFIGS / 'fcos_mrla_tiny_digits.py'
SHORT = ['--cfg-options', 'train_cfg.max_iters=2', 'train_cfg.val_interval=2', 'default_hooks.checkpoint.interval=2',
         'train_dataloader.batch_size=2', 'model.test_cfg.score_thr=0']


@pytest.fixture(scope='module')
def cells(tmp_path_factory):
    root = tmp_path_factory.mktemp('own') / 'cells'
    lay_out(root, 'roboflow')
    return root


def flags(cells, *splits):
    return [each for split in splits for each in (
        f'--{split.replace("valid", "val")}', cells / split / '_annotations.coco.json', cells / split)]


@pytest.fixture
def trained(cells, run, tmp_path):
    """A work dir in which two iterations were trained on own data."""
    assert run('train', FCOS, *flags(cells, 'train', 'valid'), '--work-dir', tmp_path / 'run', *SHORT) == 0
    return tmp_path / 'run'


def test_what_training_leaves_is_opened_by_mmdetection(trained, cells, run, tmp_path, monkeypatch):
    forget_earlier_runs()
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

    forget_earlier_runs()
    assert run('test', dumped, checkpoint, *flags(cells, 'test'), '--work-dir', tmp_path / 'ours') == 0


def test_what_is_written_down_is_what_the_user_wrote(trained, cells):
    written = Config.fromfile(trained / FCOS.name)
    user = Config.fromfile(FCOS)
    assert written.train_dataloader.dataset.pipeline == user.train_dataloader.dataset.pipeline
    assert written.default_hooks.checkpoint.to_dict() == dict(user.default_hooks.checkpoint.to_dict(), interval=2)
    assert written.train_cfg.type == 'IterBasedTrainLoop'
    assert not {'work_dir', 'launcher', 'resume', 'load_from'} & {key for key in written if written[key]}
    assert [Path(file).read_text() for file in trained.glob('*/vis_data/config.py')] == [written_text(trained)]


def written_text(work_dir):
    return (work_dir / FCOS.name).read_text()


def test_training_goes_on_from_it_elsewhere(trained, cells, run, tmp_path):
    moved = tmp_path / 'elsewhere'
    shutil.copytree(cells, moved / 'data')
    shutil.copy(trained / FCOS.name, moved / 'mine.py')
    assert run('train', moved / 'mine.py', '--data-root', moved / 'data', '--work-dir', moved / 'run', '--resume') == 0
    assert (moved / 'run/iter_2.pth').is_file()
    again = run('train', moved / 'mine.py', '--data-root', moved / 'data', '--work-dir', moved / 'run', '--resume',
                '--cfg-options', 'train_cfg.max_iters=3')
    assert again == 0
    assert 'resume' not in Config.fromfile(moved / 'run/mine.py')


def test_dry_run(cells, run, tmp_path, capsys):
    work_dir = tmp_path / 'run'
    work_dir.mkdir()
    (work_dir / 'skipped_images.txt').write_text('of the run before')
    assert run('train', FCOS, *flags(cells, 'train', 'valid'), '--work-dir', work_dir, '--dry-run') == 0
    told = capsys.readouterr().out
    assert 'dry run: one batch went through model and loss: ' in told and 'loss_cls' in told
    assert 'dry run: 2 images were evaluated: coco/bbox_mAP' in told
    assert [file.name for file in work_dir.iterdir()] == ['skipped_images.txt']


def test_a_start_that_cannot_be_fetched_names_the_flag(cells, run, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, 'torchvision', None)  # as if it were not installed
    arguments = ['train', CONFIGS / 'faster_rcnn_rla_r50.py', *flags(cells, 'train', 'valid')]
    assert '--pretrained none' in refused(run, capsys, *arguments)
    said = refused(run, capsys, *arguments, '--pretrained', cells / 'nowhere.pth')
    assert 'checkpoint file not found' in said
