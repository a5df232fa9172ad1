"""What the data of a segmentor can be wrong in is told before training, with the file, folder or setting."""
import shutil

import numpy as np
import pytest
from conftest import CONFIGS, refused
from PIL import Image

from layeragg_mm.datasets.checks import check_data
from layeragg_mm.engine.config import read_config
from layeragg_mm.errors import DataError, InputError

CONFIG = str(CONFIGS / 'dla34_ida_digits.py')


@pytest.fixture
def data(semantic_digits, tmp_path):
    shutil.copytree(semantic_digits, tmp_path / 'data')
    return tmp_path / 'data'


def check(data, mode: str = 'train', **options) -> None:
    check_data(read_config(CONFIG, str(data), {key.replace('__', '.'): value for key, value in options.items()}), mode)


def test_a_folder_without_images_of_the_suffix(data):
    folder = data / 'train'
    for file in folder.iterdir():
        file.rename(file.with_suffix(file.suffix.upper()))
    with pytest.raises(InputError, match=r'there is no .*/train/\*\.bmp: .*/train has 00000\d\.BMP, ') as told:
        check(data)
    assert 'img_suffix' in told.value.remedy
    shutil.rmtree(folder)
    folder.mkdir()
    with pytest.raises(InputError, match=r'there is no .*/train/\*\.bmp: .*/train is empty'):
        check(data)


def test_a_palette_of_too_few_colours(run, capsys, data, tmp_path):
    assert 'train_dataloader.dataset.metainfo: 2 colours in palette' in refused(
        run, capsys, 'train', CONFIG, '--data-root', data, '--work-dir', tmp_path / 'run', '--cfg-options',
        'train_dataloader.dataset.metainfo.palette=[[0,0,0],[1,1,1]]')


def of_size(data, width: int, height: int) -> None:
    for folder in ('val', 'semantic/val'):
        file = min((data / folder).iterdir())
        Image.open(file).resize((width, height), Image.Resampling.NEAREST).save(file)


def test_images_of_one_row(data):
    of_size(data, 64, 1)
    with pytest.raises(InputError, match=r'semantic/val/000001\.\w+: MMSegmentation cannot read label maps that are '
                                         'one pixel high or wide\nLeave this image out'):
        check(data, 'val')


@pytest.mark.slow
@pytest.mark.parametrize('workers', [0, 1])
def test_a_map_that_the_door_did_not_see_is_named_in_training(run, capsys, data, tmp_path, monkeypatch, workers):
    file = sorted((data / 'semantic/train').iterdir())[3]
    Image.fromarray(np.full_like(np.asarray(Image.open(file)), 99)).save(file)
    monkeypatch.setattr('layeragg_mm.datasets.checks.SAMPLED_IMAGES', 1)
    told = refused(run, capsys, 'train', CONFIG, '--data-root', data, '--work-dir', tmp_path / 'run', '--cfg-options',
                   f'train_dataloader.num_workers={workers}', 'train_dataloader.batch_size=2', 'train_cfg.max_iters=9',
                   'train_cfg.val_interval=99', 'model.backbone.arch=46x_c',
                   'model.neck.in_channels=[32,64,64,128,256]')
    assert f'{file} has labels 99, outside of the' in told


def test_sizes_that_validation_cannot_stack(data):
    of_size(data, 96, 64)
    with pytest.raises(InputError, match=r'val_dataloader: batch_size=2, but .* in 96 x 64, .* in 64 x 64') as told:
        check(data, 'val', val_dataloader__batch_size=2)
    assert told.value.remedy == 'Set val_dataloader.batch_size=1.'
    check(data, 'val', val_dataloader__batch_size=1)
    of_size(data, 64, 64)
    check(data, 'val', val_dataloader__batch_size=2)


@pytest.mark.parametrize('values, said', [
    (np.array([0, 256, 512], np.uint16), 'has the labels 256, 512: MMSegmentation reads label maps of 16 bits as of 8'),
    (np.array([0, 99, 255], np.uint8), r'has labels 99, outside of the \d+ classes'),
])
def test_values_that_are_no_classes(data, values, said):
    file = min((data / 'semantic/train').iterdir())
    Image.fromarray(np.resize(values, (64, 64))).save(file, 'PNG')
    with pytest.raises(DataError, match=said):
        check(data)


def test_background_alone(data):
    for file in (data / 'semantic/train').iterdir():
        Image.fromarray(np.resize(np.array([0, 255], np.uint8), (64, 64))).save(file)
    with pytest.raises(InputError, match=r'there is only 0 \(background\) beside 255, which is ignored; none has 0'):
        check(data)


def test_check_dataset_reads_as_many_maps_as_asked(run, capsys, data):
    for number in range(9, 80):
        for folder in ('train', 'semantic/train'):
            first = min((data / folder).iterdir())
            shutil.copy(first, first.with_name(f'{number:06d}{first.suffix}'))
    bad = sorted((data / 'semantic/train').iterdir())[1]
    Image.fromarray(np.full((64, 64), 99, np.uint8)).save(bad)
    arguments = ['check_dataset', CONFIG, '--data-root', data]
    assert run(*arguments, '--num-images', 16) == 0
    assert f'{bad} has labels 99' in refused(run, capsys, *arguments, '--num-images', 1000)
