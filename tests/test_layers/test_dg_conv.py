"""DGC and its ResNet equal the authors', schedule and lasso term included."""
from types import SimpleNamespace

import golden
import pytest
import torch
from conv_layers import check_network
from mmengine.optim import OptimWrapper
from mmengine.registry import MODELS
from torch import nn

from layeragg_mm import fuse
from layeragg_mm.engine import DynamicGroupHook
from layeragg_mm.layers import DGConv2d


def published(name: str, stride: int) -> tuple[DGConv2d, torch.Tensor, dict]:
    description = golden.load(name)
    layer = DGConv2d(32, 16, 3, stride, 1, bias=False).double().eval()
    layer.load_state_dict(golden.state_dict(description))
    return layer, golden.image(description['input']).requires_grad_(), description


@pytest.mark.parametrize('name, stride', [('dgc_layer', 2), ('dgc_layer_all', 1)])
def test_layer_and_lasso(name, stride):
    """The recorded gradients are those of both outputs; ours gets the second's by its weight, 1."""
    layer, x, description = published(name, stride)
    golden.check(layer.lasso(x), description['outputs']['lasso'], 1e-8)
    layer.training, layer.lasso_weight = True, 1.  # the norm stays in evaluation mode
    out = layer(x)
    golden.check(out, description['outputs']['out'], 1e-8)
    golden.objective([out]).backward()
    golden.check(x.grad, description['grad_input'], 1e-8)
    for key, expected in description['grad_parameters'].items():
        golden.check(layer.get_parameter(key).grad, expected, 1e-8)


def test_schedule():
    layer, _, description = published('dgc_layer', 2)
    layer._inactive_channels.zero_()
    for progress, inactive in description['schedule']:
        layer.set_progress(progress)
        assert layer._inactive_channels.item() == inactive, progress


def test_resnet18_and_its_lasso_terms():
    network, lassos = MODELS.build(dict(type='DGCResNet', norm_eval=False)), []
    for module in network.modules():
        if isinstance(module, DGConv2d):
            module.register_forward_pre_hook(lambda module, inputs: lassos.append(module.lasso(*inputs).detach()))
    check_network('dgc_resnet18', network)
    description = golden.load('dgc_resnet18')
    golden.check(torch.stack(lassos), description['outputs']['lasso'], 1e-8)
    count = sum(parameter.numel() for parameter in network.parameters())
    assert count + 512 * 1000 + 1000 == description['parameters']


def test_as_many_channels_as_said_are_switched_off_whatever_the_weights_type():
    torch.manual_seed(0)
    layer = DGConv2d(512, 8, 1, bias=False, gate_factor=.25).bfloat16().eval()
    layer.set_progress(.74)
    assert layer._inactive_channels.item() == 378
    saliency = torch.rand(3, 512)
    assert layer._kept(saliency).eq(0).sum(1).tolist() == [378] * 3
    layer._inactive_channels.zero_()
    assert torch.equal(layer._kept(saliency), saliency)
    layer._inactive_channels.fill_(512)
    assert not layer._kept(saliency).any()


class ScalingOptimWrapper(OptimWrapper):
    """What mmengine's AmpOptimWrapper does to a loss, on the CPU."""

    loss_scaler = torch.amp.GradScaler('cpu', init_scale=64.)

    def backward(self, loss):
        self.loss_scaler.scale(loss).backward()


@pytest.mark.parametrize('amp', [False, True])
def test_hook(amp):
    """Progress is the model's own, and the lasso term has the loss's factors: its gradient is that of the sum."""
    torch.manual_seed(0)
    model = nn.Sequential(DGConv2d(8, 8, 3, padding=1, bias=False, gate_factor=.5))
    other = DGConv2d(8, 8, 3, padding=1, bias=False)
    optimizer = torch.optim.SGD(model.parameters(), lr=.1)
    wrapper = (ScalingOptimWrapper if amp else OptimWrapper)(accumulative_counts=2, optimizer=optimizer)
    runner = SimpleNamespace(model=model, optim_wrapper=wrapper, iter=9, max_iters=12)
    DynamicGroupHook(lasso_weight=.5).before_train_iter(runner, 0)
    assert model[0]._inactive_channels.item() == 4 and other._inactive_channels.item() == 0

    x = torch.randn(2, 8, 5, 5)
    wrapper.backward(wrapper.scale_loss(model(x).square().sum()))
    ours = [parameter.grad.clone() for parameter in model.parameters()]
    model.zero_grad()
    model[0].lasso_weight = 0.
    wrapper.backward(wrapper.scale_loss(model(x).square().sum() + .5 * model[0].lasso(x)))
    for one, parameter in zip(ours, model.parameters()):
        torch.testing.assert_close(one, parameter.grad)


def test_fused():
    torch.manual_seed(0)
    model = MODELS.build(dict(type='DGCResNet', base_channels=8, stem_channels=8)).double()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.bias, -.5, .5), nn.init.uniform_(module.weight, .3, .6)
        if isinstance(module, DGConv2d):
            module.set_progress(.5)
    fused, x = fuse(model.eval()), torch.randn(1, 3, 33, 47).double()
    assert not any(isinstance(module, nn.BatchNorm2d) for module in fused.modules())
    for one, same in zip(fused(x), model(x), strict=True):
        torch.testing.assert_close(one, same)


def test_few_channels_have_a_gate_that_sees_the_image():
    conv = DGConv2d(4, 4, 3, padding=1, bias=False, heads=2)
    saliency = conv.headconv_0.saliency
    assert conv.headconv_0.fc1.weight.shape == (1, 4)
    nn.init.constant_(conv.headconv_0.fc1.weight, 1.)
    assert not torch.equal(saliency(torch.zeros(1, 4)), saliency(torch.ones(1, 4)))


def test_no_images_have_no_lasso():
    layer = DGConv2d(8, 8, 3, padding=1, bias=False)
    layer.norm.eval()
    layer.lasso_weight = .1
    layer(torch.ones(0, 8, 5, 7)).sum().backward()
    assert not any(parameter.grad.any() for parameter in layer.parameters())


@pytest.mark.parametrize('kwargs', [dict(groups=2), dict(bias=True), dict(heads=3), dict(heads=0), dict(gate_factor=0),
                                    dict(padding_mode='reflect')])
def test_bad_arguments(kwargs):
    with pytest.raises(ValueError, match='is not available'):
        DGConv2d(**{**dict(in_channels=8, out_channels=8, kernel_size=3, bias=False), **kwargs})
