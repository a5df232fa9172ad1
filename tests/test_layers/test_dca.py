"""Connected attention equals the published modules: golden outputs and gradients, and the equations written out."""
import dcanet
import golden
import pytest
import torch
import torch.nn.functional as F

from layeragg_mm.checkpoints.dca import translate_dca_module
from layeragg_mm.layers import dca
from layeragg_mm.layers.dca import ConnectedCBAM, ConnectedSE


def loaded(module: torch.nn.Module, description: dict) -> torch.nn.Module:
    module = module.double().eval()
    module.load_state_dict(translate_dca_module(golden.state_dict(description)))
    return module


def check(description: dict, outs: list[torch.Tensor], x: torch.Tensor) -> None:
    for out, summary in zip(outs, description['outputs'].values(), strict=True):
        golden.check(out, summary)
    gradient, = torch.autograd.grad(golden.objective(outs), x)
    golden.check(gradient, description['grad_input'])


def test_se_equals_the_published_module():
    description = golden.load('dca_se_module')
    module = loaded(ConnectedSE(64, 32), description)
    packed = golden.image(description['input']).requires_grad_()
    x, previous = packed[:, :64], packed[:, 64:].mean((2, 3))
    check(description, [*module(x, previous), *module(x)], packed)


def test_cbam_equals_the_published_module():
    description = golden.load('dca_cbam_module')
    module = loaded(ConnectedCBAM(64, 32), description)
    packed = golden.image(description['input']).requires_grad_()
    x, state = F.avg_pool2d(packed[:, :64], 2), (packed[:, 64:96], packed[:, 96:])
    out, (by_channel, by_place) = module(x, state)
    check(description, [out, by_channel, by_place, module(x)[0]], packed)


def written_out(module: torch.nn.Module, ours: torch.nn.Module, now: int, state) -> None:
    """Compare with a module of ``dcanet``, drawn, its state translated; and that each of our parameters learns."""
    for name, parameter in module.named_parameters():
        parameter.data = golden.weight(name, parameter.shape)
    released = module.double().state_dict()
    ours.double().load_state_dict(translate_dca_module(released))
    x = golden.image((2, now, 6, 8)).requires_grad_()
    out, passed = ours(x, state)
    expected, expected_passed = module(x, state)
    torch.testing.assert_close(out, expected, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(passed, expected_passed.flatten(1), rtol=1e-10, atol=1e-10)
    golden.objective([out, passed]).backward()
    assert all(parameter.grad is not None for parameter in ours.parameters())


@pytest.mark.parametrize('before', [32, 64])
@pytest.mark.parametrize('resize', ['wide', 'narrow'])
@pytest.mark.parametrize('kind', ['SE', 'GE'])
def test_se_and_ge_with_both_resizes_equal_their_equations(kind, resize, before):
    module = getattr(dcanet, kind)(before, 64, 16, resize=getattr(dcanet, resize))
    ours = getattr(dca, f'Connected{kind}')(64, before, resize=resize)
    written_out(module, ours, 64, golden.image((2, before)))


@pytest.mark.parametrize('before', [32, 64])
def test_gc_equals_its_equation(before):
    state = golden.image((2, before, 1, 1))
    module = dcanet.GC(before, 64, 16)
    ours = dca.ConnectedGC(64, before)
    forward = ours.forward
    ours.forward = lambda x, state: forward(x, state.flatten(1))
    written_out(module, ours, 64, state)


def test_gc_starts_as_the_identity():
    x = golden.image((2, 64, 6, 8)).float()
    out, state = dca.ConnectedGC(64, 32)(x, torch.randn(2, 32))
    assert torch.equal(out, x) and not state.any()


@pytest.mark.parametrize('sizes', [((33, 47), (17, 24)), ((33, 47), (33, 47)), ((5, 9), (3, 5))])
def test_cbam_takes_every_size(sizes):
    before, now = sizes
    module = ConnectedCBAM(32, 16)
    previous = torch.randn(1, 16, *before)
    out, (by_channel, by_place) = module(torch.randn(1, 32, *now), (previous, previous))
    assert out.shape == by_channel.shape == by_place.shape == (1, 32, *now)


@pytest.mark.parametrize('kind', ['SE', 'GE', 'GC', 'CBAM'])
def test_the_first_module_has_nothing_that_would_read_a_state(kind):
    description = dict(state_dict=[(key, list(value.shape)) for key, value
                                   in getattr(dcanet, kind)(32, 64, 16).state_dict().items()])
    module = getattr(dca, f'Connected{kind}')(64)
    module.load_state_dict(translate_dca_module(golden.state_dict(description), first=True))
    out, _ = module(torch.randn(2, 64, 6, 8, requires_grad=True))
    out.sum().backward()
    assert all(parameter.grad is not None for parameter in module.parameters())


def test_a_resize_that_is_not_available_is_refused():
    with pytest.raises(ValueError, match=r"resize='flat' is not available; allowed: 'wide', 'narrow'"):
        ConnectedSE(64, 32, resize='flat')
