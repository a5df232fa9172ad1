"""Training in bfloat16; that a run with --amp resumes, test_tools/test_train.py shows."""
import pytest
import torch
from conftest import CONFIGS
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DATASETS, MODELS, init_default_scope
from torch import Tensor

from layeragg_mm.engine import set_data_root, use_amp


@pytest.mark.parametrize('capability, expected', [
    (None, dict(type='BFloat16OptimWrapper')),
    ((8, 0), dict(type='BFloat16OptimWrapper')),
    ((7, 5), dict(type='AmpOptimWrapper', dtype='float16', loss_scale='dynamic')),
])
def test_amp_takes_bfloat16_where_the_device_has_it(monkeypatch, capability, expected):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: capability is not None)
    monkeypatch.setattr(torch.cuda, 'get_device_capability', lambda: capability)
    cfg = Config(dict(optim_wrapper=dict(type='AmpOptimWrapper', dtype='float16', loss_scale=512.)))
    use_amp(cfg)
    assert cfg.optim_wrapper == expected


@pytest.mark.parametrize('config', ['mask_rcnn_mrla_r50_digits', 'fcos_mrla_tiny_digits', 'dla34_ida_digits'])
def test_a_step_in_bfloat16_is_close_to_one_in_float32(config, semantic_digits):
    cfg = Config.fromfile(CONFIGS / f'{config}.py')
    set_data_root(cfg, semantic_digits)
    init_default_scope(cfg.default_scope)
    data = DATASETS.build(cfg.train_dataloader.dataset)
    batch = pseudo_collate([data[0], data[1]])

    def step() -> tuple[Tensor, Tensor, torch.dtype]:
        """Return loss, gradient and what the backbone computes in."""
        torch.manual_seed(0)
        model = MODELS.build(cfg.model).eval()  # a random network's batch statistics amplify any rounding
        computed, gradients = [], {}
        model.backbone.register_forward_hook(lambda module, inputs, outs: computed.append(outs[-1].dtype))
        for key, value in model.named_parameters():
            if value.requires_grad:
                value.register_post_accumulate_grad_hook(
                    lambda value, key=key: gradients.update({key: value.grad.flatten()}))
        loss = model.train_step(batch, build_optim_wrapper(model, cfg.optim_wrapper))['loss'].detach()
        assert 'extract_feat' not in vars(model)
        return loss, torch.cat([gradients[key] for key in sorted(gradients)]), computed[0]

    expected, expected_gradient, dtype = step()
    assert dtype == torch.float32
    use_amp(cfg)
    loss, gradient, dtype = step()
    assert dtype == torch.bfloat16 and gradient.dtype == torch.float32
    assert loss != expected
    torch.testing.assert_close(loss, expected, rtol=.05, atol=0)
    assert torch.cosine_similarity(gradient, expected_gradient, dim=0) > .9
