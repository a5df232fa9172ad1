"""Kills at random moments, and several processes that train what one does."""
import runpy
import subprocess
import sys

import pytest
import torch
from conftest import CONFIGS, REPOSITORY
from toy import run_processes

from layeragg_mm.checkpoints import read_checkpoint
from layeragg_mm.engine.kill_test import PHASES, kill_runs

pytestmark = pytest.mark.xdist_group('processes')

CONFIG = CONFIGS / 'fcos_mrla_tiny_digits.py'


@pytest.mark.slow
def test_killed_runs_end_with_the_weights_of_one_never_killed(digits, tmp_path):
    kills = list(kill_runs(str(CONFIG), str(digits), tmp_path, len(PHASES), seed=1))
    assert [kill.phase for kill in kills] == list(PHASES)
    assert [kill.differing for kill in kills] == [[], [], []]


def train_tool(*arguments: str) -> None:
    sys.argv = ['train.py', *arguments]
    runpy.run_path(str(REPOSITORY / 'tools/train.py'), run_name='__main__')


@pytest.mark.slow
@pytest.mark.parametrize('options, tolerance', [([], 1e-3), (['--amp'], .05)])
def test_two_processes_train_the_weights_of_one_with_the_double_batch(options, tolerance, digits, tmp_path):
    config = tmp_path / 'deterministic.py'
    config.write_text(
        f"_base_ = '{CONFIG}'\n"
        "model = dict(backbone=dict(drop_path_rate=0.))\n"
        "train_dataloader = dict(dataset=dict(pipeline=[dict(type='LoadImageFromFile'),\n"
        "    dict(type='LoadAnnotations', with_bbox=True), dict(type='PackDetInputs')]))\n"
        "optim_wrapper = dict(optimizer=dict(_delete_=True, type='SGD', lr=0.01, momentum=0.9))\n"
        "train_cfg = dict(max_iters=4)")
    arguments = str(config), *options, '--data-root', str(digits), '--work-dir'
    assert run_processes(1, train_tool, *arguments, str(tmp_path / 'one')) == [0]
    assert run_processes(2, train_tool, *arguments, str(tmp_path / 'two'), '--launcher', 'pytorch', '--cfg-options',
                         'train_dataloader.batch_size=1') == [0, 0]
    first, one, two = (read_checkpoint(tmp_path / name)['ema_state_dict']
                       for name in ('one/iter_2.pth', 'one/iter_4.pth', 'two/iter_4.pth'))
    assert one.keys() == two.keys()
    change = max((one[key] - first[key]).abs().max() for key in one)
    for key in one:
        torch.testing.assert_close(two[key], one[key], rtol=0, atol=float(change) * tolerance)


@pytest.mark.slow
def test_shared_out_weights_train_as_whole_ones_and_resume(digits, tmp_path):
    config = tmp_path / 'retinanet.py'
    config.write_text(
        f"_base_ = '{CONFIG}'\n"
        "model = dict(type='RetinaNet', bbox_head=dict(\n"
        "    _delete_=True, type='RetinaHead', num_classes=10, in_channels=16, feat_channels=16, stacked_convs=1,\n"
        "    anchor_generator=dict(type='AnchorGenerator', octave_base_scale=2, scales_per_octave=1, ratios=[1.],\n"
        "                          strides=[8, 16, 32])),\n"
        "    train_cfg=dict(assigner=dict(type='MaxIoUAssigner', pos_iou_thr=.5, neg_iou_thr=.4), pos_weight=-1,\n"
        "                   sampler=dict(type='PseudoSampler'), allowed_border=-1))\n"
        "optim_wrapper = dict(optimizer=dict(_delete_=True, type='SGD', lr=0.01, momentum=0.9),\n"
        "                     clip_grad=dict(max_norm=.1))\n"
        "custom_hooks = []\n")
    sharded = ['runner_type=FlexibleRunner', 'strategy.type=ResumableFSDPStrategy']

    def run(name: str, iterations: int, *options: str) -> dict:
        assert run_processes(2, train_tool, str(config), '--data-root', str(digits), '--work-dir', str(tmp_path / name),
                             '--launcher', 'pytorch', '--resume', '--cfg-options', *options,
                             f'train_cfg.max_iters={iterations}') == [0, 0]
        return read_checkpoint(tmp_path / name / f'iter_{iterations}.pth')

    start = run('start', 1)['state_dict']
    sharded.append(same_start := f'load_from={tmp_path}/start/iter_1.pth')
    whole = run('whole', 4, same_start)['state_dict']
    run('sharded', 2, *sharded)
    resumed = run('sharded', 4, *sharded)['state_dict']
    assert resumed.keys() == whole.keys()
    change = max((whole[key] - start[key]).abs().max() for key in whole)
    for key in whole:
        torch.testing.assert_close(resumed[key], whole[key], rtol=0, atol=float(change) * 1e-3)


@pytest.mark.parametrize('command, said', [
    (['dist_train.sh', 'my.py', '8', '--amp'], '--nproc_per_node=8 --master_addr=127.0.0.1 --master_port=29500 '
                                               '{tools}/train.py my.py --launcher pytorch --amp'),
    (['dist_test.sh', 'my.py', 'my.pth', '8', '--tta'], '{tools}/test.py my.py my.pth --launcher pytorch --tta'),
    (['slurm_train.sh', 'part', 'job', 'my.py', 'runs/my', '--amp'],
     '--partition=part --job-name=job --gres=gpu:8 --ntasks=16 --ntasks-per-node=8 --cpus-per-task=5 '
     '--kill-on-bad-exit=1 --signal=TERM@120 echo -u {tools}/train.py my.py --work-dir=runs/my --launcher slurm --amp'),
])
def test_launchers_call_the_tools(tmp_path, command, said):
    tools = REPOSITORY / 'tools'
    (tmp_path / 'srun').symlink_to('/bin/echo')
    environment = dict(PYTHON='echo', PATH=f'{tmp_path}:/usr/bin:/bin', GPUS='16', SRUN_ARGS='--signal=TERM@120')
    output = subprocess.run([tools / command[0], *command[1:]], env=environment, check=True, capture_output=True,
                            text=True).stdout
    assert said.format(tools=tools) in output


@pytest.mark.parametrize('launcher', ['dist_train.sh', 'dist_test.sh', 'slurm_train.sh'])
def test_launchers_tell_their_usage(launcher):
    result = subprocess.run([REPOSITORY / 'tools' / launcher, 'my.py'], capture_output=True, text=True)
    assert result.returncode == 2 and 'usage: ' in result.stderr
