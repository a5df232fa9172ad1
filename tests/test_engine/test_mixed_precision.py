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
from layeragg_mm.errors import InputError

BFLOAT16 = dict(type='BFloat16OptimWrapper')


@pytest.mark.parametrize('capability, expected', [
    (None, BFLOAT16),
    ((8, 0), BFLOAT16),
    ((7, 5), dict(type='AmpOptimWrapper', dtype='float16', loss_scale='dynamic')),
])
def test_amp_takes_bfloat16_where_the_device_has_it(monkeypatch, capability, expected):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: capability is not None)
    monkeypatch.setattr(torch.cuda, 'get_device_capability', lambda: capability)
    cfg = Config(dict(optim_wrapper=dict(type='AmpOptimWrapper', dtype='float16', loss_scale=512.)))
    use_amp(cfg)
    assert cfg.optim_wrapper == expected


def test_refuses_to_replace_a_wrapper_that_does_more():
    with pytest.raises(InputError, match='ApexOptimWrapper'):
        use_amp(Config(dict(optim_wrapper=dict(type='ApexOptimWrapper'))))


def test_refuses_a_model_without_features():
    with pytest.raises(InputError, match='Linear computes its loss without extract_feat'):
        model = torch.nn.Linear(1, 1)
        with build_optim_wrapper(model, dict(BFLOAT16, optimizer=dict(type='SGD', lr=.1))).optim_context(model):
            pass


@pytest.mark.slow
@pytest.mark.parametrize('config, options', [
    ('mask_rcnn_mrla_r50_digits', {'model.backbone.zero_init_mrla': False}),
    ('mask_rcnn_mrla_r50_digits', {
        'model.backbone.dcn': dict(type='DCNv2', deform_groups=1, fallback_on_stride=False),
        'model.backbone.stage_with_dcn': (False, False, True, True)}),
    ('fcos_mrla_tiny_digits', {'model.backbone.zero_init_mrla': False}),
    ('dla34_ida_digits', {}),
])
def test_a_step_in_bfloat16_is_close_to_one_in_float32(config, options, semantic_digits):
    cfg = Config.fromfile(CONFIGS / f'{config}.py')
    cfg.merge_from_dict(options)
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
    assert not torch.equal(gradient, expected_gradient)  # of the loss alone, roundings can cancel
    torch.testing.assert_close(loss, expected, rtol=.05, atol=0)
    assert torch.cosine_similarity(gradient, expected_gradient, dim=0) > .9
