"""tools/predict.py: pictures with COCO JSON or label maps, and what is refused."""
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from functools import partial

import numpy as np
import pytest
import torch
from conftest import CONFIGS, REPOSITORY, refused
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope
from PIL import Image

FCOS = CONFIGS / 'fcos_mrla_tiny_digits.py'
MASK_RCNN = CONFIGS / 'mask_rcnn_mrla_r50_digits.py'
SEGMENTOR = CONFIGS / 'dla34_ida_digits.py'
ALL_SCORES = 'model.test_cfg.score_thr=0'


def save_start(path, config, meta=None, **changes):
    """Save a checkpoint with weights as training starts."""
    cfg = Config.fromfile(config)
    cfg.merge_from_dict(changes)
    init_default_scope(cfg.get('default_scope', 'mmdet'))
    torch.manual_seed(0)
    torch.save(dict(state_dict=MODELS.build(cfg.model).state_dict(), meta=meta or {}), path)
    return path


@pytest.fixture(scope='module')
def detector(tmp_path_factory):
    return save_start(tmp_path_factory.mktemp('detector') / 'start.pth', FCOS)


@pytest.fixture
def images(digits, tmp_path):
    """Two images of one name in two folders, and a file that is none."""
    files = sorted((digits / 'val').iterdir())
    for name, file in zip('ab', files):
        (tmp_path / 'images' / name).mkdir(parents=True)
        shutil.copy(file, tmp_path / 'images' / name / '1.bmp')
    (tmp_path / 'images/notes.txt').write_text('no image')
    return tmp_path / 'images'


def written(folder) -> list[str]:
    return sorted(str(file.relative_to(folder)) for file in folder.rglob('*') if file.is_file())


def test_a_detector_s_objects_keep_the_folders_of_their_images(run, detector, images, tmp_path, capsys):
    out = tmp_path / 'deep/found'
    assert run('predict', FCOS, detector, images, '--out', out, '--score-thr', 0, '--device', 'cpu', '--cfg-options',
               ALL_SCORES) == 0
    assert written(out) == ['pictures/a/1.jpg', 'pictures/b/1.jpg', 'predictions.json']
    assert [path.name for path in out.parent.iterdir()] == ['found'] and os.stat(out).st_mode & 0o005
    content = json.loads((out / 'predictions.json').read_text())
    assert [image['file_name'] for image in content['images']] == ['a/1.bmp', 'b/1.bmp']
    assert [each['name'] for each in content['categories']] == [str(digit) for digit in range(10)]
    assert {each['image_id'] for each in content['annotations']} == {1, 2} and len(content['annotations']) == 20
    assert Image.open(out / 'pictures/a/1.jpg').size == Image.open(images / 'a/1.bmp').size
    assert 'notes.txt' in capsys.readouterr().err


def test_below_the_score_nothing_is_drawn_but_the_file_has_it(run, detector, images, tmp_path):
    changed = []
    for score in (0, 1):
        out = tmp_path / f'out{score}'
        assert run('predict', FCOS, detector, images / 'a/1.bmp', '--out', out, '--score-thr', score,
                   '--cfg-options', ALL_SCORES) == 0
        assert written(out) == ['pictures/1.jpg', 'predictions.json']
        assert len(json.loads((out / 'predictions.json').read_text())['annotations']) == 10
        image, picture = (np.asarray(Image.open(file), float) for file in (images / 'a/1.bmp', out / 'pictures/1.jpg'))
        changed.append(np.abs(image - picture).mean())
    assert changed[0] > changed[1] + 2, changed  # in grey levels; JPEG changes some, too


def test_the_classes_are_the_checkpoint_s(run, images, tmp_path, capsys):
    checkpoint = save_start(tmp_path / 'own.pth', FCOS, dict(dataset_meta=dict(
        classes=('cell', 'dust'), palette=[(220, 20, 60), (0, 255, 0)])), **{'model.bbox_head.num_classes': 2})
    assert run('predict', FCOS, checkpoint, images, '--out', tmp_path / 'out', '--score-thr', 0, '--cfg-options',
               ALL_SCORES) == 0
    content = json.loads((tmp_path / 'out/predictions.json').read_text())
    assert [each['name'] for each in content['categories']] == ['cell', 'dust']
    assert 'classes as in the checkpoint, 2: cell, dust' in capsys.readouterr().out


@pytest.mark.slow
def test_masks(run, images, tmp_path):
    checkpoint = save_start(tmp_path / 'start.pth', MASK_RCNN)
    assert run('predict', MASK_RCNN, checkpoint, images, '--out', tmp_path / 'out', '--score-thr', 0, '--cfg-options',
               'model.test_cfg.rcnn.max_per_img=3', 'model.test_cfg.rcnn.score_thr=0') == 0
    content = json.loads((tmp_path / 'out/predictions.json').read_text())
    assert len(content['annotations']) == 6
    assert all(each['segmentation']['size'] == [64, 64] for each in content['annotations'])


@pytest.mark.parametrize('first', [0, 1])
def test_a_segmentor_s_label_maps(first, run, semantic_digits, tmp_path):
    """The first label is 1 where the data's 0 stands for no class."""
    checkpoint = save_start(tmp_path / 'start.pth', SEGMENTOR)
    assert run('predict', SEGMENTOR, checkpoint, semantic_digits / 'val', '--out', tmp_path / 'out', '--cfg-options',
               f'test_dataloader.dataset.reduce_zero_label={bool(first)}') == 0
    assert written(tmp_path / 'out') == ['classes.json', *(
        f'{kind}/00000{index}.{suffix}' for kind, suffix in (('maps', 'png'), ('pictures', 'jpg')) for index in (1, 2))]
    names = json.loads((tmp_path / 'out/classes.json').read_text())
    labels = np.asarray(Image.open(tmp_path / 'out/maps/000001.png'))
    assert list(names) == [str(first + index) for index in range(11)] and names[str(first)] == 'background'
    assert labels.shape == (64, 64) and set(labels.flat) <= set(map(int, names)) and first <= labels.min()


@pytest.mark.slow
def test_found_is_what_tools_test_finds(run, detector, digits, tmp_path):
    options = '--cfg-options', ALL_SCORES
    assert run('test', FCOS, detector, '--data-root', digits, '--work-dir', tmp_path / 'test', *options,
               f'test_evaluator.outfile_prefix={tmp_path}/tested') == 0
    assert run('predict', FCOS, detector, digits / 'val', '--out', tmp_path / 'out', *options) == 0
    truth = json.loads((digits / 'annotations/instances_val.json').read_text())
    files = {image['id']: image['file_name'] for image in truth['images']}
    content = json.loads((tmp_path / 'out/predictions.json').read_text())
    named = {image['id']: image['file_name'] for image in content['images']}
    categories = {category['id']: category['name'] for category in truth['categories']}
    ours, theirs = (sorted((names[each['image_id']], classes[each['category_id']], each['score'], *each['bbox'])
                           for each in found) for names, classes, found in (
        (named, {category['id']: category['name'] for category in content['categories']}, content['annotations']),
        (files, categories, json.loads((tmp_path / 'tested.bbox.json').read_text()))))
    assert len(ours) == 40 and [each[:2] for each in ours] == [each[:2] for each in theirs]
    np.testing.assert_allclose([each[2:] for each in ours], [each[2:] for each in theirs], rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_of_boundaries_the_maps_are_probabilities(run, bsds, tmp_path):
    config = CONFIGS / 'dla34_ida_bsds.py'
    checkpoint = save_start(tmp_path / 'start.pth', config, **{'model.backbone.init_cfg': None})
    image = next(bsds.rglob('*.jpg'))
    assert run('predict', config, checkpoint, image, '--out', tmp_path / 'out') == 0
    assert written(tmp_path / 'out') == [f'maps/{image.stem}.png', f'pictures/{image.stem}.jpg']
    assert len(np.unique(np.asarray(Image.open(tmp_path / f'out/maps/{image.stem}.png')))) > 10


def test_an_image_that_cannot_be_read_is_named_and_the_others_are_done(run, detector, images, tmp_path):
    (images / 'a/cut.bmp').write_bytes((images / 'a/1.bmp').read_bytes()[:20])
    told = run('predict', FCOS, detector, images, '--out', tmp_path / 'out')
    assert told.startswith('error: 1 of 3 images cannot be read: ') and 'a/cut.bmp' in told  # exit code 1
    assert written(tmp_path / 'out') == ['pictures/a/1.jpg', 'pictures/b/1.jpg', 'predictions.json']


def test_what_is_there_is_not_overwritten(run, capsys, detector, images, tmp_path):
    (tmp_path / 'out').mkdir()
    (tmp_path / 'out/mine.txt').write_text('mine')
    assert 'is there and not empty' in refused(run, capsys, 'predict', FCOS, detector, images, '--out',
                                               tmp_path / 'out')
    assert written(tmp_path / 'out') == ['mine.txt']


@pytest.mark.parametrize('options, said', [
    (['--cfg-options', 'model.backbone.deph=50'], 'depth'),
    (['--score-thr', '30'], '--score-thr 30.0 is no score'),
    (['--cfg-options', 'test_dataloader=None'], 'has no test_dataloader'),
    (['--cfg-options', 'model.backbone.depth=101'], 'does not fit'),
    (['--out', __file__], 'no folder'),
])
def test_refuses(run, capsys, detector, images, tmp_path, options, said):
    assert said in refused(run, capsys, 'predict', FCOS, detector, images, '--out', tmp_path / 'out', *options)
    assert not (tmp_path / 'out').exists()


def test_images_that_are_not_there(run, capsys, detector):
    assert 'IMAGES: nowhere not found' in refused(run, capsys, 'predict', FCOS, detector, 'nowhere')


def test_a_gpu_that_is_not_there(run, capsys, detector, images, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    assert 'torch finds no GPU' in refused(run, capsys, 'predict', FCOS, detector, images, '--device', 'cuda')


@pytest.mark.slow
def test_ctrl_c_leaves_nothing(detector, images, tmp_path):
    for index in range(2, 1000):
        shutil.copy(images / 'a/1.bmp', images / f'a/{index}.bmp')
    process = subprocess.Popen(
        [sys.executable, REPOSITORY / 'tools/predict.py', FCOS, detector, images, '--out', tmp_path / 'out/here'],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL))  # in the background it may be ignored
    while not list((tmp_path / 'out').glob('.*/here/pictures/a/*.jpg')) and process.poll() is None:
        time.sleep(.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and err.endswith('Interrupted\n') and not list((tmp_path / 'out').iterdir())
