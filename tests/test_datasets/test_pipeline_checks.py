"""Training is refused only where nothing comes through the pipeline; a file that a transform cannot take is named."""
import shutil

import numpy as np
import pytest
from conftest import CONFIGS, refused
from damage import TRAIN, VAL, edited
from mmcv.transforms import BaseTransform
from mmengine.registry import TRANSFORMS
from PIL import Image

from layeragg_mm.datasets.checks import check_data
from layeragg_mm.datasets.pipeline_checks import check_objects
from layeragg_mm.engine.config import read_config
from layeragg_mm.errors import InputError

pytestmark = pytest.mark.slow

FCOS = CONFIGS / 'fcos_mrla_tiny_digits.py'


@pytest.fixture
def data(digits, tmp_path):
    return shutil.copytree(digits, tmp_path / 'data')


def enlarged(data, side: int) -> None:
    """Put the training images in a corner of larger ones."""

    def change(content: dict) -> None:
        for image in content['images']:
            path = data / 'train' / image['file_name']
            canvas = np.zeros((side, side, 3), np.uint8)
            canvas[:64, :64] = np.asarray(Image.open(path))
            Image.fromarray(canvas).save(path)
            image.update(width=side, height=side)

    edited(change)(data)


def config_of(data, *transforms: dict):
    """Return the config with these transforms between loading and packing in place of its own."""
    cfg = read_config(str(FCOS), str(data))
    if transforms:
        for mode in ('train', 'val'):
            pipeline = cfg[f'{mode}_dataloader'].dataset.pipeline
            loading = [each for each in pipeline if each.type.startswith('Load')]
            cfg[f'{mode}_dataloader'].dataset.pipeline = [*loading, *transforms, pipeline[-1]]
    return cfg


def check(cfg) -> None:
    check_objects(check_data(cfg, 'train'), cfg.train_dataloader.dataset)


@pytest.mark.parametrize('seed', range(3))
def test_few_objects_on_large_images_can_be_learnt(data, seed):
    enlarged(data, 640)  # one crop of 56 x 56 in a hundred has an object
    np.random.seed(seed)
    check(config_of(data))


def test_objects_that_no_draw_leaves(data):
    with pytest.raises(InputError, match='in 8 images looked at, 256 times each, no object comes through'):
        check(config_of(data, dict(type='FilterAnnotations', min_gt_bbox_wh=(100, 100), keep_empty=False)))


def test_a_pipeline_that_packs_nothing(data):
    cfg = config_of(data)
    cfg.train_dataloader.dataset.pipeline.pop()
    with pytest.raises(InputError, match='but no data_samples, which models need\nEnd it with PackDetInputs'):
        check(cfg)


def with_flat_image(data, file: str, split: str, last: int = 35) -> None:
    """List the images again and again, and among them one of 4000 x 3 that no sample of them meets."""
    Image.fromarray(np.zeros((3, 4000, 3), np.uint8)).save(data / split / 'flat.png')

    def change(content: dict) -> None:
        images = content['images']
        content['images'] = [dict(images[i % len(images)], id=i + 1) for i in range(40)]
        content['images'][last].update(file_name='flat.png', width=4000, height=3)
        entry = content['annotations'][0]
        content['annotations'] = [dict(entry, id=i + 1, image_id=i + 1, area=90, bbox=[5, 0, 30, 3]) for i in range(40)]

    edited(change, file)(data)


@pytest.mark.parametrize('file, split', [(TRAIN, 'train'), (VAL, 'val')])
def test_an_image_of_which_resizing_leaves_no_row(run, capsys, data, tmp_path, file, split):
    with_flat_image(data, file, split)
    config_of(data, dict(type='Resize', scale=(64, 64), keep_ratio=True)).dump(tmp_path / 'config.py')
    told = refused(run, capsys, 'train', tmp_path / 'config.py', '--work-dir', tmp_path / 'run')
    assert f'{split}/flat.png: Resize cannot take it' in told


def test_an_image_of_one_pixel(data):
    """MMDetection cannot pack it once it is flipped."""
    Image.fromarray(np.zeros((1, 1, 3), np.uint8)).save(data / 'train/000001.bmp')
    edited(lambda content: content['images'][0].update(width=1, height=1))(data)
    with pytest.raises(InputError, match='PackDetInputs cannot take it'):
        check(config_of(data))
    check(config_of(data, dict(type='Resize', scale=(64, 64), keep_ratio=True)))


@TRANSFORMS.register_module()
class CountObjects(BaseTransform):
    """Notes the objects of each draw."""
    counts = []

    def transform(self, results: dict) -> dict:
        self.counts.append(len(results['gt_bboxes']))
        return results


def test_an_extreme_image_is_drawn_several_times_with_all_objects_once(data, monkeypatch):
    def change(content: dict) -> None:
        content['images'] = [dict(content['images'][0], id=1)]
        entry = dict(content['annotations'][0], image_id=1)
        content['annotations'] = [dict(entry, id=i + 1) for i in range(100)]

    edited(change)(data)
    monkeypatch.setattr(CountObjects, 'counts', [])
    cfg = config_of(data, dict(type='CountObjects'))
    check_data(cfg, 'train')
    assert CountObjects.counts == [100] + 7 * [16]


@TRANSFORMS.register_module()
class FailLater(BaseTransform):
    """Takes every image at first, and then no longer the one that is called 000003."""

    def transform(self, results: dict) -> dict:
        if '000003' in results['img_path'] and results.get('flip') is not None:
            raise ValueError('no 3,\nplease')
        return results


@pytest.mark.parametrize('workers', [0, 1])
def test_an_image_that_fails_in_training_is_named(run, capsys, data, tmp_path, workers, monkeypatch):
    monkeypatch.setattr('layeragg_mm.datasets.pipeline_checks.SAMPLED_IMAGES', 1)
    monkeypatch.setattr('layeragg_mm.datasets.checks.extremes', lambda sizes: [])
    cfg = read_config(str(FCOS), str(data))
    cfg.train_dataloader.dataset.pipeline.insert(3, dict(type='FailLater'))
    cfg.dump(tmp_path / 'config.py')
    told = refused(run, capsys, 'train', tmp_path / 'config.py', '--work-dir', tmp_path / 'run', '--cfg-options',
                   f'train_dataloader.num_workers={workers}', 'train_cfg.max_iters=9', 'train_cfg.val_interval=99')
    assert f"{data}/train/000003.bmp: FailLater cannot take it: no 3, please" in told
