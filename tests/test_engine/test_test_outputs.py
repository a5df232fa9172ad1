"""What a test writes of images: nothing takes another's place, whatever the images are called and wherever they lie."""
import json
import shutil

import numpy as np
import pytest
import torch
from conftest import CONFIGS, refused
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from PIL import Image

from layeragg_mm.datasets.image_names import names_of_images, names_without_suffix
from layeragg_mm.engine.test_outputs import MapsHook

FCOS = CONFIGS / 'fcos_mrla_tiny_digits.py'
ONE = ['train_cfg.max_iters=1', 'train_cfg.val_interval=1', 'default_hooks.checkpoint.interval=1']


@pytest.mark.parametrize('paths, names, stems', [
    (['/data/val/a.jpg', '/data/val/b.jpg'], ['a.jpg', 'b.jpg'], ['a', 'b']),
    (['/data/a/1.jpg', '/data/b/1.jpg'], ['a/1.jpg', 'b/1.jpg'], ['a/1', 'b/1']),
    (['/data/1.jpg', '/data/1.png', '/data/2.png'], ['1.jpg', '1.png', '2.png'], ['1.jpg', '1.png', '2']),
    (['/data/v1.2.jpg', '/data/v1.3.jpg'], ['v1.2.jpg', 'v1.3.jpg'], ['v1.2', 'v1.3']),
    (['s3://bucket/a/1.jpg', 's3://bucket/b/1.jpg'], ['a/1.jpg', 'b/1.jpg'], ['a/1', 'b/1']),
    (['/data/a/1.jpg', '/data/a/../b/1.jpg'], ['a/1.jpg', 'b/1.jpg'], ['a/1', 'b/1']),
    ([], [], []),
])
def test_names_are_the_images_with_their_folders(paths, names, stems):
    found = names_of_images(paths)
    assert [str(found[path]) for path in paths] == names
    assert [str(name) for name in names_without_suffix(found).values()] == stems


def in_folders(data, *files: str) -> None:
    """Move the images of a folder to a folder each, all under one name."""
    for folder in files:
        for index, file in enumerate(sorted((data / folder).iterdir())):
            new = file.parent / f'seq{index}' / f'0001{file.suffix}'
            new.parent.mkdir()
            file.rename(new)


@pytest.mark.slow
def test_pictures_of_a_detector_lie_in_the_images_folders(digits, run, tmp_path, monkeypatch):
    assert run('train', FCOS, '--data-root', digits, '--work-dir', tmp_path / 'run', '--cfg-options', *ONE) == 0
    shutil.copytree(digits, tmp_path / 'data')
    file = tmp_path / 'data/annotations/instances_val.json'
    content = json.loads(file.read_text())
    for index, image in enumerate(sorted(content['images'], key=lambda image: image['file_name'])):
        image['file_name'] = f'seq{index}/0001.bmp'
    file.write_text(json.dumps(content))
    in_folders(tmp_path / 'data', 'val')
    monkeypatch.chdir(tmp_path)  # MMDetection's hook, in a relative work dir, goes one folder deeper with each batch
    assert run('test', FCOS, tmp_path / 'run/iter_1.pth', '--data-root', tmp_path / 'data', '--work-dir', 'test',
               '--show-dir', 'pictures') == 0
    assert sorted(str(path.relative_to(tmp_path)).split('/', 2)[2] for path in tmp_path.glob('test/**/*.bmp')) == [
        f'pictures/seq{index}/0001.bmp' for index in range(4)]


@pytest.mark.slow
def test_maps_and_pictures_of_a_segmentor_lie_in_the_images_folders(semantic_digits, run, tmp_path):
    shutil.copytree(semantic_digits, tmp_path / 'data')
    config = tmp_path / 'config.py'
    config.write_text(f"_base_ = '{CONFIGS}/dla34_ida_digits.py'\n"
                      "model = dict(backbone=dict(arch='46x_c'), neck=dict(in_channels=[32, 64, 64, 128, 256]))\n")
    assert run('train', config, '--data-root', tmp_path / 'data', '--work-dir', tmp_path / 'run', '--cfg-options',
               *ONE, 'train_dataloader.batch_size=2') == 0
    in_folders(tmp_path / 'data', 'val', 'semantic/val')
    assert run('test', config, tmp_path / 'run/iter_1.pth', '--data-root', tmp_path / 'data', '--work-dir',
               tmp_path / 'test', '--out', tmp_path / 'maps', '--show-dir', 'pictures') == 0
    for folder in (tmp_path / 'maps', tmp_path / 'test/pictures'):
        assert sorted(str(path.relative_to(folder)) for path in folder.rglob('*.png')) == [
            'seq0/0001.png', 'seq1/0001.png']
    assert np.asarray(Image.open(tmp_path / 'maps/seq1/0001.png')).max() <= 10


@pytest.mark.parametrize('classes, dtype', [(11, np.uint8), (300, np.uint16)])
def test_maps_hold_what_is_predicted(tmp_path, classes, dtype):
    labels = torch.arange(classes).repeat(2, 1)
    sample = SegDataSample(pred_sem_seg=PixelData(data=labels[None]), metainfo=dict(img_path='a.jpg'))
    assert MapsHook(str(tmp_path)).map_of(sample).tolist() == labels.tolist()
    assert MapsHook(str(tmp_path)).map_of(sample).dtype == dtype
    sample.set_metainfo(dict(reduce_zero_label=True))
    assert MapsHook(str(tmp_path)).map_of(sample).tolist() == (labels + 1).tolist()
    logits = torch.tensor([[[0., 10.]], [[0., -10.]]])
    boundaries = SegDataSample(seg_logits=PixelData(data=logits), metainfo=dict(img_path='a.jpg'))
    assert MapsHook(str(tmp_path), probabilities=True).map_of(boundaries).tolist() == [[128, 0]]


def test_a_folder_is_asked_for(run, capsys, semantic_digits, tmp_path):
    arguments = 'test', CONFIGS / 'dla34_ida_digits.py', 'x.pth', '--data-root', semantic_digits, '--out', 'maps.pkl'
    assert '--out maps.pkl is no folder' in refused(run, capsys, *arguments)
