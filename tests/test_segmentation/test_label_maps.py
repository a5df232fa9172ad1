"""Label maps from which nothing can be told apart, or that are read as something else, are told; a bad one by name."""
import numpy as np
import pytest
from conftest import CONFIGS, refused
from mmengine.registry import init_default_scope
from PIL import Image

from layeragg_mm.datasets.checks import check_data
from layeragg_mm.engine.config import read_config
from layeragg_mm.engine.section_checks import check_loader
from layeragg_mm.errors import InputError

CLASSES, PALETTE = ('background', 'a', 'b'), [[0, 0, 0], [255, 0, 0], [0, 255, 0]]


def squares(number: int, size: tuple[int, int] = (64, 64)) -> np.ndarray:
    """Return a map (H, W) with a square of class 1 and one of class 2."""
    labels = np.zeros(size[::-1], np.uint8)
    labels[5 + number % 7:25, 5:25] = 1
    labels[30:50, 30:50 - number % 7] = 2
    return labels


def write(folder, split: str, name: str, labels: np.ndarray) -> None:
    for file, content in ((folder / split / name, np.stack([labels % 251] * 3, -1).astype(np.uint8)),
                          (folder / 'semantic' / split / name, labels)):
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(content).save(file)


@pytest.fixture
def data(tmp_path):
    for split, count in (('train', 8), ('val', 4)):
        for number in range(count):
            write(tmp_path / 'data', split, f'{number:06d}.png', squares(number))
    return tmp_path / 'data'


def config_of(data, classes=CLASSES, palette=PALETTE, **options):
    cfg = read_config(str(CONFIGS / 'dla34_ida_digits.py'), str(data))
    cfg.model.backbone.arch, cfg.model.neck.in_channels = '46x_c', [32, 64, 64, 128, 256]
    cfg.model.decode_head.num_classes = len(classes)
    for mode in ('train', 'val', 'test'):
        cfg[f'{mode}_dataloader'].batch_size = 2
        cfg[f'{mode}_dataloader'].dataset.update(img_suffix='.png', seg_map_suffix='.png',
                                                 metainfo=dict(classes=classes, palette=palette))
    cfg.merge_from_dict(options)
    return cfg


def maps_of(data, split: str = 'train'):
    return sorted((data / 'semantic' / split).iterdir())


def repaint(files, change) -> None:
    for file in files:
        Image.fromarray(change(np.asarray(Image.open(file)))).save(file)


def said(cfg, mode: str = 'train') -> str:
    with pytest.raises(InputError) as told:
        check_data(cfg, mode)
    return str(told.value)


def test_maps_that_fit(data):
    for mode in ('train', 'val', 'test'):
        check_data(config_of(data), mode)


def test_two_classes_of_which_one_is_written_as_255(data):
    repaint(maps_of(data), lambda labels: np.where(labels > 0, 255, 0).astype(np.uint8))
    told = said(config_of(data, ('background', 'vessel'), PALETTE[:2]))
    assert 'in all 8 label maps there is only 0 (background) beside 255, which is ignored; none has vessel' in told
    assert '0 to 1; 255 is ignored' in told


def test_a_class_that_only_one_map_has_is_enough(data):
    for number in range(8, 70):
        write(data, 'train', f'{number:06d}.png', np.zeros((64, 64), np.uint8))
    repaint(maps_of(data)[:69], lambda labels: np.zeros_like(labels))  # all but the last, which no sample of 32 meets
    write(data, 'train', '000069.png', squares(1))
    check_data(config_of(data), 'train')


@pytest.mark.parametrize('as_16_bits, becomes', [
    (lambda labels: labels.astype(np.uint16) * 256, ('256, 512', '0, 0')),
    (lambda labels: (labels + 300 * (labels > 0)).astype(np.uint16), ('301, 302', '45, 46')),
])
def test_values_of_16_bits_that_would_wrap(data, as_16_bits, becomes):
    repaint(maps_of(data), as_16_bits)
    told = said(config_of(data))
    assert f'has the labels {becomes[0]}: MMSegmentation reads label maps of 16 bits as of 8' in told
    assert f'they become {becomes[1]}\n' in told


def test_16_bits_whose_values_fit_are_taken(data):
    repaint(maps_of(data), lambda labels: labels.astype(np.uint16))
    check_data(config_of(data), 'train')


@pytest.mark.parametrize('palette, what', [
    ([[0, 0, 0]], 'train_dataloader.dataset.metainfo.palette has 1 colours, and there are 3 classes'),
    ([[0, 0, 0], [255, 0], [0, 255, 0]], 'metainfo.palette.1 is [255, 0]'),
    ([[0, 0, 0], [256, 0, 0], [0, 255, 0]], 'metainfo.palette.1 is [256, 0, 0]'),
    ([[0, 0, 0]] * 5, 'palette'),
])
def test_a_palette_that_does_not_load(data, palette, what):
    init_default_scope('mmseg')
    with pytest.raises(InputError) as told:
        check_loader(config_of(data, palette=palette).train_dataloader, 'train_dataloader')
    assert what in str(told.value) and 'train_dataloader.dataset' in str(told.value)


def test_a_size_that_validation_cannot_stack(data):
    write(data, 'val', '000002.png', squares(2, (64, 48)))
    told = said(config_of(data), 'val')
    assert 'val_dataloader: batch_size=2 stacks images of one size only' in told
    assert f'{data}/val/000002.png comes as 64 x 48' in told and f'{data}/val/000003.png comes as 64 x 64' in told
    check_data(config_of(data, **{'val_dataloader.batch_size': 1}), 'val')
    resized = [dict(type='LoadImageFromFile'), dict(type='Resize', scale=(32, 32)), dict(type='LoadAnnotations'),
               dict(type='PackSegInputs')]
    check_data(config_of(data, **{'val_dataloader.dataset.pipeline': resized}), 'val')
    write(data, 'val', '000003.png', squares(3, (64, 48)))  # of one size within each batch
    check_data(config_of(data), 'val')


def test_sizes_that_training_cannot_stack(data):
    write(data, 'train', '000002.png', squares(2, (64, 48)))
    assert 'train_dataloader: batch_size=2' in said(config_of(
        data, **{'model.data_preprocessor.size_divisor': None, 'model.data_preprocessor.size': None}))
    check_data(config_of(data), 'train')  # padded to a multiple of 2


@pytest.fixture
def one_bad_map(data, tmp_path):
    """79 maps of which one, that the door's sample of 32 does not meet, has a label beyond the classes."""
    for number in range(8, 79):
        write(data, 'train', f'{number:06d}.png', squares(number))
    repaint([data / 'semantic/train/000001.png'], lambda labels: np.full_like(labels, 9))
    config = tmp_path / 'config.py'
    config_of(data).dump(config)
    return config


def test_num_images_is_obeyed(run, capsys, one_bad_map, tmp_path):
    told = refused(run, capsys, 'check_dataset', one_bad_map, '--num-images', 79)
    assert '000001.png has labels 9, outside of the 3 classes' in told
    assert run('check_dataset', one_bad_map, '--num-images', 9) == 0
    assert '9 of 79 label maps were read' in capsys.readouterr().out


@pytest.mark.parametrize('workers', [0, 1])
def test_a_bad_map_is_named_in_training(run, capsys, one_bad_map, tmp_path, workers):
    told = refused(run, capsys, 'train', one_bad_map, '--work-dir', tmp_path / 'run', '--cfg-options',
                   'train_cfg.max_iters=40', 'train_cfg.val_interval=60', f'train_dataloader.num_workers={workers}')
    assert '000001.png has labels 9, outside of the 3 classes (0 to 2); 255 is ignored' in told


def test_check_dataset_tells_the_classes_of_maps(run, capsys, data, tmp_path):
    repaint(maps_of(data), lambda labels: np.where(labels == 2, 255, labels).astype(np.uint8))
    config_of(data).dump(tmp_path / 'config.py')
    assert run('check_dataset', tmp_path / 'config.py') == 0
    printed = capsys.readouterr().out
    assert '8 of 8 label maps were read' in printed and '% of their pixels are ignored (255)' in printed
    row = next(line for line in printed.splitlines() if line.split()[:1] == ['b'])
    assert 'in no map: never learnt' in row


def test_a_map_one_pixel_high(data):
    write(data, 'train', '000000.png', np.tile(np.array([0, 1, 2], np.uint8), (1, 20)))
    assert 'cannot read label maps that are one pixel high or wide' in said(config_of(data))
