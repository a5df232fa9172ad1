"""What the training tool makes of a config."""
import copy

import pytest
import torch
from mmengine.config import Config
from mmengine.model import convert_sync_batchnorm
from mmengine.registry import MODELS
from torch import Tensor
from torch.distributed.nn.functional import all_reduce
from toy import run_processes

from layeragg_mm.engine import protect_training


@pytest.mark.parametrize('train_cfg, loop', [
    (dict(type='EpochBasedTrainLoop', max_epochs=1), 'ResumableEpochLoop'),
    (dict(type='mmengine.IterBasedTrainLoop', max_iters=1), 'ResumableIterLoop'),
    (dict(by_epoch=True, max_epochs=1), 'ResumableEpochLoop'),
    (dict(by_epoch=False, max_iters=1), 'ResumableIterLoop'),
    (dict(type='MyLoop', max_iters=1), 'MyLoop'),
])
def test_mmengine_s_loops_become_resumable_and_others_stay(train_cfg, loop):
    cfg = Config(dict(train_cfg=train_cfg))
    protect_training(cfg)
    assert cfg.train_cfg.type == loop and 'by_epoch' not in cfg.train_cfg
    assert cfg.default_hooks.checkpoint == dict(type='ResumableCheckpointHook', interval=1)


def test_a_hook_of_the_config_stays():
    cfg = Config(dict(train_cfg=dict(by_epoch=True), default_hooks=dict(checkpoint=dict(type='MyHook')),
                      custom_hooks=[dict(type='EMAHook')]))
    protect_training(cfg)
    assert cfg.default_hooks.checkpoint.type == 'MyHook'
    assert [hook['type'] for hook in cfg.custom_hooks] == ['EMAHook', 'StopOnInvalidLossHook']


BACKBONES = [
    dict(type='MRLAResNet', depth=50, base_channels=8, zero_init_mrla=False),
    dict(type='RLAResNet', depth=50, base_channels=8, zero_init_rla=False),
    dict(type='DLANet', arch='46_c')
]


@pytest.mark.parametrize('backbone', BACKBONES)
def test_sync_bn_replaces_every_norm_and_computes_the_same(backbone):
    torch.manual_seed(0)
    network = MODELS.build(backbone).eval()
    image = torch.randn(1, 3, 64, 64)
    before = network(image)
    network = convert_sync_batchnorm(network, 'torch').eval()
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in network.modules())
    for one, expected in zip(network(image), before, strict=True):
        torch.testing.assert_close(one, expected)


def sync_batch_norm_on_cpu(norm: torch.nn.SyncBatchNorm, x: Tensor) -> Tensor:
    """Compute what torch has kernels for on GPUs only: batch norm over the images of all processes."""
    processes = torch.distributed.get_world_size()
    count = processes * x.numel() // x.shape[1]
    mean, square = all_reduce(torch.stack([x.mean((0, 2, 3)), x.square().mean((0, 2, 3))])) / processes
    var = square - mean.square()
    with torch.no_grad():
        norm.num_batches_tracked += 1
        norm.running_mean.lerp_(mean, norm.momentum)
        norm.running_var.lerp_(var * count / (count - 1), norm.momentum)
    scale = norm.weight * (var + norm.eps).rsqrt()
    return x * scale.view(-1, 1, 1) + (norm.bias - mean * scale).view(-1, 1, 1)


def compare_sync_bn_with_the_whole_batch() -> None:
    torch.nn.SyncBatchNorm.forward = sync_batch_norm_on_cpu
    torch.distributed.init_process_group('gloo')
    for backbone in BACKBONES:
        torch.manual_seed(0)
        alone = MODELS.build(dict(backbone, norm_eval=False)).double()
        batch = torch.randn(2, 3, 64, 64, dtype=torch.float64)
        shared = convert_sync_batchnorm(copy.deepcopy(alone), 'torch')
        for network, images in ((alone, batch), (shared, batch[torch.distributed.get_rank(), None])):
            sum(out.square().mean() for out in network(images)).backward()
        for one, expected in zip(shared.parameters(), alone.parameters(), strict=True):
            assert expected.grad.any()
            torch.distributed.all_reduce(one.grad)  # DistributedDataParallel refuses the norm without a GPU, too
            torch.testing.assert_close(one.grad / 2, expected.grad)
        torch.testing.assert_close(dict(shared.named_buffers()), dict(alone.named_buffers()))


@pytest.mark.xdist_group('processes')
@pytest.mark.slow
def test_two_processes_with_sync_bn_take_the_step_of_one_with_both_images():
    assert run_processes(2, compare_sync_bn_with_the_whole_batch) == [0, 0]
