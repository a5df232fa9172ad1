"""Images that cannot be read are named, or skipped where the user asks for it; so is what a data worker died of."""
import os
import pickle
import shutil
import signal

import cv2
import numpy as np
import pytest
from conftest import CONFIGS
from mmengine.registry import TRANSFORMS
from torch.utils.data import DataLoader, get_worker_info

from layeragg_mm.engine import LoadReadableImage, UnreadableImageError

pytestmark = pytest.mark.xdist_group('processes')

CONFIG = CONFIGS / 'fcos_mrla_tiny_digits.py'
SHORT = ['train_cfg.max_iters=4', 'train_cfg.val_interval=4', 'default_hooks.checkpoint.interval=4']


@pytest.fixture(params=['.png', '.jpg', '.bmp'])
def cut_short(request, tmp_path):
    path = tmp_path / f'cut{request.param}'
    content = cv2.imencode(request.param, np.random.default_rng(0).integers(256, size=(32, 32, 3)))[1].tobytes()
    path.write_bytes(content[:len(content) // 2])
    return path


def test_an_image_cut_short_is_named(cut_short):
    with pytest.raises(UnreadableImageError, match=f'unreadable image {cut_short}'):
        LoadReadableImage()(dict(img_path=str(cut_short)))


def test_an_image_that_is_skipped_is_listed(cut_short, tmp_path):
    skipped = tmp_path / 'run' / 'skipped.txt'
    assert LoadReadableImage(skipped=str(skipped))(dict(img_path=str(cut_short))) is None
    assert skipped.read_text() == f'{cut_short}\n'


class Images:
    def __init__(self, *paths) -> None:
        self.paths, self.load = paths, LoadReadableImage()

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> dict:
        return self.load(dict(img_path=str(self.paths[index])))


def test_a_data_worker_s_error_names_the_image(tmp_path):
    with pytest.raises(UnreadableImageError, match=f'unreadable image {tmp_path}/gone.png: ') as error:
        list(DataLoader(Images(tmp_path / 'gone.png'), num_workers=1, collate_fn=list))
    assert 'Traceback' not in str(error.value)
    assert str(pickle.loads(pickle.dumps(error.value))) == str(error.value)


@pytest.fixture
def with_a_bad_image(digits, tmp_path):
    data = tmp_path / 'data'
    shutil.copytree(digits, data)
    bad = data / 'train' / '000005.bmp'
    os.truncate(bad, 1000)
    return data


def test_training_names_the_image_and_stops(run, capsys, with_a_bad_image, tmp_path):
    assert run('train', CONFIG, '--data-root', with_a_bad_image, '--work-dir', tmp_path / 'run', '--cfg-options',
               *SHORT, 'train_dataloader.num_workers=1') == 2
    error = capsys.readouterr().err.strip().splitlines()
    assert f'error: unreadable image {with_a_bad_image}/train/000005.bmp: ' in error[-2]
    assert '--skip-bad-images' in error[-1]


def test_training_goes_on_without_it_where_asked(run, capsys, with_a_bad_image, tmp_path):
    assert run('train', CONFIG, '--data-root', with_a_bad_image, '--work-dir', tmp_path / 'run', '--skip-bad-images',
               '--cfg-options', *SHORT) == 0
    bad = f'{with_a_bad_image}/train/000005.bmp'
    assert f'skipped 1 images that cannot be read, listed in {tmp_path}/run/skipped_images.txt:\n  {bad}' \
        in capsys.readouterr().out


@TRANSFORMS.register_module()
class RunOutOfMemory:
    """As a data worker does when the system takes it for want of memory."""

    def __call__(self, results: dict) -> dict:
        if get_worker_info() is not None and results['img_path'].endswith('000003.bmp'):
            os.kill(os.getpid(), signal.SIGKILL)
        return results


def test_a_dead_data_worker_s_image_is_named(run, digits, tmp_path):
    config = tmp_path / 'dies.py'
    config.write_text(
        f"_base_ = '{CONFIG}'\n"
        "train_dataloader = dict(num_workers=1, dataset=dict(pipeline=[dict(type='LoadImageFromFile'),\n"
        "    dict(type='RunOutOfMemory'), dict(type='LoadAnnotations', with_bbox=True), dict(type='PackDetInputs')]))")
    message = run('train', config, '--data-root', digits, '--work-dir', tmp_path / 'run', '--cfg-options', *SHORT)
    assert f'a data worker died while it read {digits}/train/000003.bmp' in message
    assert 'go on with --resume' in message
