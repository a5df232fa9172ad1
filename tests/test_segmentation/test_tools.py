"""The tools serve segmentation configs: training, testing with all flags, the demo, checks at the door."""
import json
import shutil

import numpy as np
import pytest
from conftest import CONFIGS, refused
from PIL import Image

pytestmark = pytest.mark.slow

CAMVID = CONFIGS / 'dla34_ida_camvid.py'
OPTIONS = ['model.backbone.init_cfg=None', 'train_dataloader.batch_size=2', 'val_dataloader.dataset.indices=1',
           'test_dataloader.dataset.indices=1', 'train_cfg.max_epochs=1', 'train_cfg.val_interval=1',
           'default_hooks.checkpoint.interval=1', 'model.data_preprocessor.size=(48,64)',
           'train_dataloader.dataset.pipeline.4.crop_size=(48,64)',
           *(f'{mode}_dataloader.{key}' for mode in ('train', 'val', 'test')
             for key in ('num_workers=0', 'persistent_workers=False'))]


def test_trains_and_tests_with_pictures_maps_and_augmentation(camvid, run, capsys, tmp_path):
    assert run('train', CAMVID, '--data-root', camvid, '--work-dir', tmp_path / 'run', '--cfg-options', *OPTIONS) == 0
    arguments = ['test', CAMVID, tmp_path / 'run/epoch_1.pth', '--data-root', camvid]
    options = ['--cfg-options', *OPTIONS]
    assert run(*arguments, '--work-dir', tmp_path / 'test', '--out', tmp_path / 'maps', '--show-dir', 'pictures',
               *options) == 0
    assert len(list((tmp_path / 'test/pictures').rglob('*.png'))) == 1
    maps = [np.asarray(Image.open(file)) for file in (tmp_path / 'maps').iterdir()]
    assert len(maps) == 1 and maps[0].shape == (45, 60) and maps[0].max() <= 10
    assert run(*arguments, '--work-dir', tmp_path / 'tta', '--tta', *options) == 0
    for work_dir in ('test', 'tta'):
        scores = json.loads(next((tmp_path / work_dir).glob('*/*.json')).read_text())
        assert 0 <= scores['mIoU'] <= 100

    assert '--out maps.pkl is no folder' in refused(run, capsys, *arguments, '--out', 'maps.pkl')
    assert 'no tta_model' in refused(run, capsys, *arguments, '--tta', '--cfg-options', *OPTIONS, 'tta_model=None')


def test_a_short_demo_writes_what_it_says(run, semantic_digits, tmp_path, capsys):
    shutil.copytree(semantic_digits, tmp_path / 'data')
    assert run('demo_seg', '--work-dir', tmp_path, '--iters', 1) == 0
    printed = capsys.readouterr().out
    for name in ('predictions.png', 'curves.png', 'summary.json', 'iter_1.pth'):
        assert (tmp_path / name).stat().st_size and name in printed
    summary = json.loads((tmp_path / 'summary.json').read_text())
    assert summary['iterations'] == 1 and 0 <= summary['metrics']['mIoU'] <= 100


def paint(file, labels):
    Image.fromarray(np.asarray(labels, dtype=np.uint8)).save(file)


@pytest.mark.parametrize('damage, said', [
    (lambda file: file.unlink(), 'a.jpg has no label map'),
    (lambda file: paint(file, np.zeros((45, 59))), 'a.png is 59 x 45 pixels, but its image is 60 x 45'),
    (lambda file: paint(file, np.full((45, 60), 12)), 'a.png has labels 12, outside of the 11 classes (0 to 10)'),
    (lambda file: file.write_bytes(file.read_bytes()[:60]), 'unreadable label map'),
    (lambda file: [paint(each, np.full((45, 60), 11)) for each in file.parent.iterdir()], 'nothing to learn from'),
])
def test_refuses_label_maps_that_do_not_fit(run, capsys, camvid, tmp_path, damage, said):
    shutil.copytree(camvid, tmp_path / 'data')
    damage(tmp_path / 'data/ann/train/a.png')
    assert said in refused(run, capsys, 'train', CAMVID, '--data-root', tmp_path / 'data', '--work-dir',
                           tmp_path / 'run', '--cfg-options', *OPTIONS)
    assert not (tmp_path / 'run').exists()


@pytest.mark.parametrize('option, said', [
    ('train_dataloader.dataset.split=test', "CamVid, split 'test'"),
    ('model.decode_head.num_classes=19', 'model.decode_head.num_classes=19, but'),
])
def test_refuses_unfit_configs(run, capsys, camvid, tmp_path, option, said):
    assert said in refused(run, capsys, 'train', CAMVID, '--data-root', camvid, '--work-dir', tmp_path / 'run',
                           '--cfg-options', *OPTIONS, option)
