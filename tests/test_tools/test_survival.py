"""Kills at random moments, and several processes that train what one does."""
import runpy
import subprocess
import sys

import pytest
import torch
from conftest import CONFIGS, REPOSITORY
from toy import run_processes

from layeragg_mm.checkpoints import read_checkpoint
from layeragg_mm.engine.killing import PHASES, kill_runs

pytestmark = pytest.mark.xdist_group('processes')

CONFIG = CONFIGS / 'fcos_mrla_tiny_digits.py'


def test_killed_runs_end_with_the_weights_of_one_never_killed(digits, tmp_path):
    kills = list(kill_runs(str(CONFIG), str(digits), tmp_path, len(PHASES), seed=1))
    assert [kill.phase for kill in kills] == list(PHASES)
    assert [kill.differing for kill in kills] == [[], [], []]


def train_tool(*arguments: str) -> None:
    sys.argv = ['train.py', *arguments]
    runpy.run_path(str(REPOSITORY / 'tools/train.py'), run_name='__main__')


def test_two_processes_train_the_weights_of_one_with_the_double_batch(digits, tmp_path):
    config = tmp_path / 'deterministic.py'
    config.write_text(
        f"_base_ = '{CONFIG}'\n"
        "model = dict(backbone=dict(drop_path_rate=0.))\n"
        "train_dataloader = dict(dataset=dict(pipeline=[dict(type='LoadImageFromFile'),\n"
        "    dict(type='LoadAnnotations', with_bbox=True), dict(type='PackDetInputs')]))\n"
        "optim_wrapper = dict(optimizer=dict(_delete_=True, type='SGD', lr=0.01, momentum=0.9))\n"
        "train_cfg = dict(max_iters=4)")
    arguments = str(config), '--data-root', str(digits), '--work-dir'
    assert run_processes(1, train_tool, *arguments, str(tmp_path / 'one')) == [0]
    assert run_processes(2, train_tool, *arguments, str(tmp_path / 'two'), '--launcher', 'pytorch', '--cfg-options',
                         'train_dataloader.batch_size=1') == [0, 0]
    first, one, two = (read_checkpoint(tmp_path / name)['ema_state_dict']
                       for name in ('one/iter_2.pth', 'one/iter_4.pth', 'two/iter_4.pth'))
    assert one.keys() == two.keys()
    change = max((one[key] - first[key]).abs().max() for key in one)
    for key in one:
        torch.testing.assert_close(two[key], one[key], rtol=0, atol=float(change) * 1e-3)


@pytest.mark.parametrize('command, said', [
    (['dist_train.sh', 'my.py', '8', '--amp'], '--nproc_per_node=8 --master_addr=127.0.0.1 --master_port=29500 '
                                               '{tools}/train.py my.py --launcher pytorch --amp'),
    (['dist_test.sh', 'my.py', 'my.pth', '8', '--tta'], '{tools}/test.py my.py my.pth --launcher pytorch --tta'),
])
def test_launchers_call_the_tools(command, said):
    tools = REPOSITORY / 'tools'
    output = subprocess.run([tools / command[0], *command[1:]], env=dict(PYTHON='echo', PATH='/usr/bin:/bin'),
                            check=True, capture_output=True, text=True).stdout
    assert said.format(tools=tools) in output


@pytest.mark.parametrize('launcher', ['dist_train.sh', 'dist_test.sh', 'slurm_train.sh'])
def test_launchers_tell_their_usage(launcher):
    result = subprocess.run([REPOSITORY / 'tools' / launcher, 'my.py'], capture_output=True, text=True)
    assert result.returncode == 2 and 'usage: ' in result.stderr
