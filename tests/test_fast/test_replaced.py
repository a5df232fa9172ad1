"""What users put in the place of a layer, a method or a block is what computes, with the fast forms as without."""
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from mmcv.ops import ModulatedDeformConv2dPack
from torch import nn

from layeragg_mm import fast_forms
from layeragg_mm.backbones import DLANet, MRLAResNet, RLAResNet
from layeragg_mm.layers import BaseLayerAttention, LightLayerAttention

NETWORKS = {
    'RLA': lambda: RLAResNet(18, base_channels=16, stem_channels=16, rla_channels=8),
    'MRLA-light': lambda: MRLAResNet(18, base_channels=16, stem_channels=16, channels_per_head=8),
    'MRLA-base': lambda: MRLAResNet(18, base_channels=16, stem_channels=16, variant='base', channels_per_head=8),
    'DLA': lambda: DLANet('46_c'),
}
every_network = pytest.mark.parametrize('kind', NETWORKS)


class Doubled(nn.Conv2d):
    """A convolution with a forward of its own, as adapters of low rank are."""

    def forward(self, x):
        return 2 * super().forward(x)


class Clamped(nn.BatchNorm2d):

    def forward(self, x):
        return super().forward(x).clamp(-.5, .5)


class OwnDeformable(ModulatedDeformConv2dPack):
    """Of another module than mmcv's."""


def drawn(model: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    for parameter in model.parameters():
        if parameter.ndim == 1:
            nn.init.uniform_(parameter, .5, 1)
    return model.eval()


def images() -> torch.Tensor:
    return torch.randn(2, 3, 64, 48, generator=torch.Generator().manual_seed(1))


def assert_as_equation(model: nn.Module, *inputs: torch.Tensor) -> None:
    """The forms compute what the equations do; both of them now, since a layer was replaced after a forward."""
    with torch.no_grad():
        ours = model(*inputs)
        with fast_forms(False):
            expected = model(*inputs)
    for one, other in zip(ours, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-5 * max(1, other.abs().max().item()))


def block_of(model: nn.Module) -> nn.Module:
    return model.level2.tree2 if isinstance(model, DLANet) else model.layer1[1]


@every_network
@pytest.mark.parametrize('replace', ['conv', 'norm', 'forward of conv', 'forward of norm', 'deformable'])
def test_a_layer_of_a_block(kind, replace):
    model = drawn(NETWORKS[kind]())
    model(images())
    block = block_of(model)
    conv, norm = block.conv2, block.bn2
    if replace == 'conv':
        block.conv2 = Doubled(conv.in_channels, conv.out_channels, 3, padding=1, bias=False)
    elif replace == 'norm':
        block.bn2 = drawn(Clamped(norm.num_features))
    elif replace == 'forward of conv':
        conv.forward = lambda x: 2 * nn.Conv2d.forward(conv, x)
    elif replace == 'forward of norm':
        norm.forward = lambda x: nn.BatchNorm2d.forward(norm, x).clamp(-.5, .5)
    else:
        block.conv2 = drawn(OwnDeformable(conv.in_channels, conv.out_channels, 3, padding=1))
    before = [out.clone() for out in drawn(NETWORKS[kind]())(images())]
    assert_as_equation(model, images())
    assert not torch.allclose(model(images())[-1], before[-1], atol=1e-3)  # it acts


VALUES = {
    'own forward': lambda: Doubled(16, 16, 3, padding=1, groups=16, bias=False),
    'bias': lambda: nn.Conv2d(16, 16, 3, padding=1, groups=16),
    'dilated': lambda: nn.Conv2d(16, 16, 3, padding=2, dilation=2, groups=16, bias=False),
    'dense': lambda: nn.Conv2d(16, 16, 3, padding=1, bias=False),
    'larger': lambda: nn.Conv2d(16, 16, 5, padding=2, groups=16, bias=False),
    'none': nn.Identity,
}


@pytest.mark.parametrize('value', VALUES)
@pytest.mark.parametrize('layer', [LightLayerAttention, BaseLayerAttention])
def test_the_value_of_layer_attention(layer, value):
    module = drawn(layer(16, channels_per_head=8))
    module.value = VALUES[value]()
    x = torch.randn(2, 16, 9, 7, generator=torch.Generator().manual_seed(0))
    forward = (lambda x: (module(x, x),)) if layer is LightLayerAttention else lambda x: module(x)[:1]
    with torch.no_grad():
        ours = forward(x)
        with fast_forms(False):
            expected = forward(x)
    torch.testing.assert_close(ours, expected, rtol=0, atol=1e-5)


def test_query_and_attention_of_mrla_light():
    x = torch.randn(2, 16, 9, 7, generator=torch.Generator().manual_seed(0))
    for change in (lambda module: setattr(module, 'query', nn.Conv1d(1, 1, 3, padding=1)),
                   lambda module: setattr(module, 'attention', lambda x: torch.full((len(x), 2), .25)),
                   lambda module: setattr(module.key, 'forward', lambda x: 3 * x)):
        module = drawn(LightLayerAttention(16, channels_per_head=8))
        change(module)
        with torch.no_grad():
            ours = module(x, x)
            with fast_forms(False):
                torch.testing.assert_close(ours, module(x, x), rtol=0, atol=1e-5)


def test_what_a_hook_on_rla_s_norms_keeps_is_the_norm_s_output():
    model, kept = drawn(NETWORKS['RLA']()), []
    handle = model.rla[0].norms[1].register_forward_hook(lambda module, inputs, output: kept.append(output))
    with torch.no_grad():
        model(images())
        with fast_forms(False):
            model(images())
    handle.remove()
    torch.testing.assert_close(*kept, rtol=0, atol=1e-5)
    for norm in model.rla[1].norms:
        norm.register_full_backward_hook(lambda module, gradients, outputs: kept.append(gradients))
    model(images())[-1].sum().backward()
    assert len(kept) == 4


@pytest.mark.parametrize('kind', ['RLA', 'MRLA-light', 'MRLA-base'])
@pytest.mark.parametrize('change', ['wrapped', 'forward'])
def test_a_block_that_cannot_be_opened_is_told(kind, change):
    model = NETWORKS[kind]().eval()
    if change == 'wrapped':
        model.layer2[0] = nn.Sequential(model.layer2[0])
    else:
        model.layer2[0].forward = lambda x: x
    with pytest.raises(TypeError, match=r'opens its blocks.*(Sequential|was replaced).*layeragg_mm\.attach'):
        model(images())
    if change == 'forward':
        assert 'forward' in model.layer2[0].__dict__  # the user's is still there


def test_a_hooked_block_serves_several_threads():
    model = drawn(NETWORKS['MRLA-light']())
    expected = model(images())[-1]
    model.layer2[0].register_forward_hook(lambda *_: None)
    with torch.no_grad(), ThreadPoolExecutor(4) as pool:
        for out in pool.map(lambda _: model(images())[-1], range(24)):
            torch.testing.assert_close(out, expected, rtol=0, atol=1e-5)


def test_the_switch_may_turn_while_rla_runs():
    model = drawn(NETWORKS['RLA']())
    expected = model(images())[-1]
    model.layer2[0].register_forward_pre_hook(lambda *_: fast_forms(False) and None)
    try:
        torch.testing.assert_close(model(images())[-1], expected, rtol=0, atol=1e-5)
    finally:
        fast_forms(True)


def test_no_images_give_no_maps():
    for kind in NETWORKS:
        with torch.no_grad():
            assert [len(out) for out in drawn(NETWORKS[kind]())(images()[:0])] == [0] * 4


@every_network
def test_autocast_gives_what_it_computes_in(kind):
    with torch.no_grad(), torch.autocast('cpu', torch.bfloat16):
        assert {out.dtype for out in drawn(NETWORKS[kind]())(images())} == {torch.bfloat16}
