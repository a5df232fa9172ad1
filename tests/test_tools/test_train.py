"""tools/train.py and tools/test.py: train, resume, test, and refuse at the door."""
import json
import shutil
import signal
import subprocess
import sys
import time
from functools import partial

import pytest
import torch
from conftest import CONFIGS, REPOSITORY, refused

from layeragg_mm.tracebacks import interrupted

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group('train')]  # share what one of them trains

DIGITS_CONFIG = CONFIGS / 'mask_rcnn_mrla_r50_digits.py'
TWO_ITERATIONS = ['train_dataloader.batch_size=2', 'train_cfg.max_iters=2', 'train_cfg.val_interval=2',
                  'default_hooks.checkpoint.interval=2', 'default_hooks.logger.interval=1',
                  'model.test_cfg.rcnn.max_per_img=5']


@pytest.fixture(scope='module')
def trained(digits, tmp_path_factory):
    """A work dir in which two iterations were trained by the command line, started in another folder."""
    work_dir = tmp_path_factory.mktemp('trained')
    subprocess.run(
        [sys.executable, REPOSITORY / 'tools/train.py', DIGITS_CONFIG, '--data-root', digits, '--work-dir', work_dir,
         '--cfg-options', *TWO_ITERATIONS], cwd=work_dir, check=True, capture_output=True)
    return work_dir


def test_trains_and_writes_a_checkpoint(trained):
    checkpoint = torch.load(trained / 'iter_2.pth', weights_only=False)
    assert checkpoint['meta']['iter'] == 2
    assert all(torch.isfinite(value).all() for value in checkpoint['state_dict'].values())


def test_resumes_where_it_stopped(trained, digits, run, tmp_path, capsys):
    shutil.copytree(trained, tmp_path / 'run')
    options = [option.replace('max_iters=2', 'max_iters=3') for option in TWO_ITERATIONS]
    assert run('train', DIGITS_CONFIG, '--data-root', digits, '--work-dir', tmp_path / 'run', '--resume',
               '--cfg-options', *options) == 0
    output = capsys.readouterr()
    steps = [line for line in (output.out + output.err).splitlines() if 'Iter(train)' in line]
    assert len(steps) == 1 and '[3/3]' in steps[0]


def test_scores_a_checkpoint_and_writes_predictions(trained, digits, run, tmp_path):
    assert run('test', DIGITS_CONFIG, trained / 'iter_2.pth', '--data-root', digits, '--work-dir', tmp_path, '--out',
               tmp_path / 'predictions.pkl', '--show-dir', 'pictures', '--cfg-options', TWO_ITERATIONS[-1],
               'model.test_cfg.rcnn.score_thr=0') == 0
    assert (tmp_path / 'predictions.pkl').is_file()
    assert len(list(tmp_path.glob('*/pictures/*'))) == 4
    metrics = json.loads(next(tmp_path.glob('*/*.json')).read_text())
    assert {'coco/bbox_mAP', 'coco/segm_mAP'} <= set(metrics)


def test_mixed_precision_trains_and_resumes_bit_for_bit(digits, run, tmp_path):
    def trained_to(iterations: int, work_dir) -> dict:
        assert run('train', CONFIGS / 'fcos_mrla_tiny_digits.py', '--data-root', digits, '--work-dir', work_dir,
                   '--amp', '--resume', '--cfg-options', f'train_cfg.max_iters={iterations}') == 0
        checkpoint = torch.load(work_dir / f'iter_{iterations}.pth', weights_only=False)
        assert 'BFloat16OptimWrapper' in checkpoint['meta']['cfg']
        return checkpoint['state_dict']

    whole = trained_to(4, tmp_path / 'whole')
    before = trained_to(2, tmp_path / 'stopped')
    after = trained_to(4, tmp_path / 'stopped')
    assert any(not torch.equal(before[key], value) for key, value in after.items())
    assert all(torch.equal(whole[key], value) for key, value in after.items())


@pytest.mark.parametrize('arguments, said', [
    (['nowhere.py'], 'nowhere.py'),
    ([DIGITS_CONFIG], 'annotation file not found: data/digit_scenes/'),
    ([DIGITS_CONFIG, '--data-root', 'nowhere'], '--data-root nowhere is not a folder'),
])
def test_refuses_missing_files(run, capsys, tmp_path, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    assert said in refused(run, capsys, 'train', *arguments)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize('option, said', [
    ('train_dataloader.dataset.data_prefix.img=nowhere', 'image folder (img) not found'),
    ('val_evaluator.ann_file=nowhere.json', 'val_evaluator.ann_file: annotation file not found: nowhere.json'),
    ('load_from=nowhere.pth', 'load_from: checkpoint file not found: nowhere.pth'),
    ('train_dataloader.dataset.metainfo.classes=(cat,dog)', "it has no category 'cat', 'dog'"),
    ('model.roi_head.bbox_head.num_classes=80', 'model.roi_head.bbox_head.num_classes=80, but'),
    ('train_dataloader.dataset.filter_cfg.min_size=1000', 'no image is left'),
    ('train_dataloader.dataset.pipeline.1.poly2mask=False', 'Remove poly2mask=False'),
    ('train_dataloader.dataset.pipeline.9.type=Resize', "pipeline is a list of 4, and has no '9'"),
])
def test_refuses_unfit_configs(run, capsys, digits, tmp_path, option, said):
    message = refused(run, capsys, 'train', DIGITS_CONFIG, '--data-root', digits, '--work-dir', tmp_path / 'run',
                      '--cfg-options', *option.split())
    assert said in message
    assert not (tmp_path / 'run').exists()


@pytest.mark.parametrize('damage, said', [
    (lambda text: text[:1000], 'not whole JSON'),
    (lambda text: text.replace('"categories"', '"kategorien"'), 'lacks'),
    (lambda text: text.replace('000001.bmp', 'gone.bmp'), 'lists an image that is not there'),
    (lambda text: text.replace('"segmentation"', '"outline"'), "has no segmentation, and the pipeline loads masks"),
])
def test_refuses_damaged_annotations(run, capsys, digits, tmp_path, damage, said):
    data = tmp_path / 'data'
    shutil.copytree(digits, data)
    file = data / 'annotations/instances_train.json'
    file.write_text(damage(file.read_text()))
    assert said in refused(run, capsys, 'train', DIGITS_CONFIG, '--data-root', data, '--work-dir', tmp_path / 'run')


@pytest.mark.parametrize('checkpoint, said', [
    ('nowhere.pth', 'checkpoint file not found: nowhere.pth'),
    ('torchvision://resnet50', 'the package torchvision'),
])
def test_refuses_a_missing_start(run, capsys, digits, tmp_path, monkeypatch, checkpoint, said):
    monkeypatch.setitem(sys.modules, 'torchvision', None)  # as if it were not installed
    config = tmp_path / 'mine.py'
    config.write_text(
        f"_base_ = 'layeragg_mm::{DIGITS_CONFIG.name}'\n"
        f"model = dict(backbone=dict(init_cfg=dict(_delete_=True, type='Pretrained', checkpoint='{checkpoint}')))")
    message = refused(run, capsys, 'train', config, '--data-root', digits, '--work-dir', tmp_path / 'run')
    assert 'model.backbone.init_cfg.checkpoint' in message and said in message


def test_refuses_a_missing_checkpoint_and_odd_flags(run, capsys, digits):
    message = refused(run, capsys, 'test', DIGITS_CONFIG, 'nowhere.pth', '--data-root', digits)
    assert 'CHECKPOINT: checkpoint file not found: nowhere.pth' in message
    message = refused(run, capsys, 'test', DIGITS_CONFIG, 'nowhere.pth', '--out', 'predictions.json')
    assert '--out predictions.json' in message
    message = refused(run, capsys, 'train', DIGITS_CONFIG, '--data-root', digits, '--auto-scale-lr',
                      '--cfg-options', 'auto_scale_lr=None')
    assert 'base_batch_size' in message


def test_a_loss_that_is_not_finite_stops_training(run, digits, tmp_path):
    message = run('train', DIGITS_CONFIG, '--data-root', digits, '--work-dir', tmp_path, '--cfg-options',
                  *TWO_ITERATIONS, 'optim_wrapper.optimizer.lr=1e38', 'param_scheduler=None',
                  'optim_wrapper.clip_grad=None')
    assert 'the loss is not finite at iteration 2' in message
    assert '.bmp' in message and 'none was written yet' in message
    assert not list(tmp_path.glob('*.pth'))


def test_interruption_keeps_the_last_checkpoint(digits, tmp_path):
    process = subprocess.Popen(
        [sys.executable, REPOSITORY / 'tools/train.py', CONFIGS / 'fcos_mrla_tiny_digits.py', '--data-root', digits,
         '--work-dir', tmp_path, '--cfg-options', 'train_cfg.max_iters=1000', 'train_cfg.val_interval=1000',
         'default_hooks.checkpoint.interval=1'], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        # A shell lets what it runs in the background ignore Ctrl-C, and children inherit that.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL))
    try:
        while not (tmp_path / 'last_checkpoint').exists():
            assert process.poll() is None
            time.sleep(.1)
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 130, error
    last = (tmp_path / 'last_checkpoint').read_text()
    assert f'last checkpoint: {last}' in error
    assert torch.load(last, weights_only=False)['state_dict']


def test_ctrl_c_while_a_config_is_formatted_is_one():
    """There mmengine has an ``except`` for everything."""
    with pytest.raises(SyntaxError) as came:
        try:
            raise KeyboardInterrupt
        except:  # noqa: E722
            raise SyntaxError('Failed to format the config file')  # noqa: B904
    assert interrupted(came.value) and interrupted(KeyboardInterrupt()) and not interrupted(SyntaxError())
