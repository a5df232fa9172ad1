"""Training names the images that cannot be read, or skips them where asked, and says what a worker died of."""
import os
import shutil
import signal

import pytest
from conftest import CONFIGS
from mmengine.registry import TRANSFORMS
from torch.utils.data import get_worker_info

pytestmark = pytest.mark.xdist_group('processes')

CONFIG = CONFIGS / 'fcos_mrla_tiny_digits.py'
SHORT = ['train_cfg.max_iters=4', 'train_cfg.val_interval=4', 'default_hooks.checkpoint.interval=4']


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


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_dead_data_worker_s_image_is_named(run, digits, tmp_path):
    config = tmp_path / 'dies.py'
    config.write_text(
        f"_base_ = '{CONFIG}'\n"
        "train_dataloader = dict(num_workers=1, dataset=dict(pipeline=[dict(type='LoadImageFromFile'),\n"
        "    dict(type='RunOutOfMemory'), dict(type='LoadAnnotations', with_bbox=True), dict(type='PackDetInputs')]))")
    message = run('train', config, '--data-root', digits, '--work-dir', tmp_path / 'run', '--cfg-options', *SHORT)
    assert f'a data worker died while it read {digits}/train/000003.bmp' in message
    assert 'go on with --resume' in message
