"""What the training tool makes of a config."""
import pytest
import torch
from mmengine.config import Config
from mmengine.model import convert_sync_batchnorm
from mmengine.registry import MODELS

from layeragg_mm.engine import protect_training, use_amp
from layeragg_mm.errors import InputError


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


@pytest.mark.parametrize('bf16, expected', [
    (True, dict(type='AmpOptimWrapper', dtype='bfloat16', loss_scale=dict(enabled=False))),
    (False, dict(type='AmpOptimWrapper', dtype='float16', loss_scale='dynamic')),
])
def test_amp_takes_bfloat16_where_the_gpu_has_it(monkeypatch, bf16, expected):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    monkeypatch.setattr(torch.cuda, 'is_bf16_supported', lambda: bf16)
    cfg = Config(dict(optim_wrapper=dict(type='OptimWrapper')))
    use_amp(cfg)
    assert cfg.optim_wrapper == expected


def test_amp_needs_a_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    with pytest.raises(InputError, match='on a GPU only'):
        use_amp(Config(dict(optim_wrapper=dict(type='OptimWrapper'))))


@pytest.mark.parametrize('backbone', [
    dict(type='MRLAResNet', depth=50, base_channels=8), dict(type='RLAResNet', depth=50, base_channels=8),
    dict(type='DLANet', arch='46_c')])
def test_sync_bn_replaces_every_norm_and_computes_the_same(backbone):
    torch.manual_seed(0)
    network = MODELS.build(backbone).eval()
    image = torch.randn(1, 3, 64, 64)
    before = network(image)
    network = convert_sync_batchnorm(network, 'torch').eval()
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in network.modules())
    for one, expected in zip(network(image), before, strict=True):
        torch.testing.assert_close(one, expected)
