"""The affine maps of all frozen norms from one computation: the same, and apart where gradients are."""
import weakref

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from layeragg_mm.backbones import RLAResNet
from layeragg_mm.layers.frozen_norm import affine_of_frozen, affines_at_once


def network() -> nn.Sequential:
    torch.manual_seed(0)
    norms = [nn.BatchNorm2d(channels) for channels in (3, 5, 8, 4, 2)]
    for norm in norms:
        for value in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
            value.data.uniform_(.5, 2.)
    norms[0].requires_grad_(False)
    norms[1].eps = .1
    module = nn.Sequential(*norms, nn.GroupNorm(1, 3)).eval()
    norms[4].train()
    return module


def asked(module: nn.Sequential) -> list:
    with affines_at_once(module):
        return [affine_of_frozen(norm) for norm in module]


def test_affines_are_the_same_one_by_one_and_at_once():
    module = network()
    one_by_one, at_once = asked(module), asked(module)
    assert len({value.untyped_storage().data_ptr() for value, _ in at_once[2:4]}) == 1  # parts of one computation
    for affines in (one_by_one, at_once):
        assert [affine is None for affine in affines] == 4 * [False] + 2 * [True]
    for norm, one, other in zip(module, one_by_one[:4], at_once):
        for value, expected in zip(other, one):
            assert torch.equal(value, expected) and value.requires_grad == expected.requires_grad
            if norm.weight.requires_grad:
                factor = torch.randn_like(value)
                torch.testing.assert_close(*(torch.autograd.grad((x * factor).sum(), norm.weight, retain_graph=True)
                                             for x in (value, expected)), rtol=0, atol=0)


def test_weights_that_moved_are_seen():
    module = network()
    for scale in (1., 2., 3.):
        module[2].weight.data.fill_(scale)
        torch.testing.assert_close(asked(module)[2][0], scale * torch.rsqrt(module[2].running_var + module[2].eps))


def test_norms_that_are_not_asked_for_get_no_gradient():
    module = network()
    for _ in range(2):
        with affines_at_once(module):
            affine_of_frozen(module[2])[0].sum().backward()
    assert module[2].weight.grad is not None and module[1].weight.grad is None and module[3].weight.grad is None


def test_a_norm_that_was_exchanged_is_forgotten():
    module = network()
    asked(module)
    exchanged = weakref.ref(module[2])
    module[2] = nn.Identity()
    assert exchanged() is None


def test_a_norm_without_weights_is_left_to_itself():
    assert affine_of_frozen(nn.BatchNorm2d(3, affine=False).eval()) is None


@pytest.mark.parametrize('use_reentrant', [True, False])
def test_a_whole_backbone_in_checkpointing(use_reentrant):
    """Also where a larger image asks for norms that no one asked for before."""
    torch.manual_seed(0)
    model = RLAResNet(50, base_channels=8, rla_channels=4, norm_eval=True).train()
    for side in (33, 33, 96):
        x = torch.randn(1, 3, side, side, requires_grad=True)
        expected, = torch.autograd.grad(model(x)[-1].sum(), x)
        x.grad = None
        checkpoint(lambda x: model(x)[-1], x, use_reentrant=use_reentrant).sum().backward()
        torch.testing.assert_close(x.grad, expected)


def test_a_new_backbone_is_traced():
    model = RLAResNet(50, base_channels=8, rla_channels=4).eval()
    x = torch.randn(1, 3, 64, 64)
    traced = torch.jit.trace(model, x)  # which checks that another trace is the same
    torch.testing.assert_close(traced(x), model(x))


def test_what_checkpointing_computes_once_more_is_not_joined():
    module = network()
    x = torch.randn(1, 8, 2, 2, requires_grad=True)

    def normed(x):
        scale, shift = affine_of_frozen(module[2])
        return scale[:, None, None] * x + shift[:, None, None]

    asked(module)
    for _ in range(2):
        with affines_at_once(module):
            out = checkpoint(normed, x, use_reentrant=False)
        out.sum().backward()  # checks that the same is saved
