"""The affine maps of all frozen norms from one computation: the same, and apart where gradients are."""
import torch
from torch import nn

from layeragg_mm.layers.frozen_norm import affine_of_frozen, affines_at_once


def network() -> nn.Sequential:
    torch.manual_seed(0)
    norms = [nn.BatchNorm2d(channels) for channels in (3, 5, 8, 4, 2)]
    for norm in norms:
        for value in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
            value.data.uniform_(.5, 2.)
    norms[0].requires_grad_(False)
    norms[1].eps = .1
    module = nn.Sequential(*norms, nn.BatchNorm2d(3, affine=False), nn.GroupNorm(1, 3)).eval()
    norms[4].train()
    return module


def test_affines_are_the_same_one_by_one_and_at_once():
    module = network()
    one_by_one = [affine_of_frozen(norm) for norm in module[:5]]
    with affines_at_once(module):
        at_once = [affine_of_frozen(norm) for norm in module[:5]]
        assert affine_of_frozen(module[2]) is at_once[2]  # not computed once more
        assert affine_of_frozen(module[6]) is None
    assert affine_of_frozen(module[2]) is not at_once[2]
    assert one_by_one[4] is None and at_once[4] is None
    for norm, one, other in zip(module[:4], one_by_one, at_once):
        for value, expected in zip(other, one):
            assert torch.equal(value, expected) and value.requires_grad == expected.requires_grad
            if norm.weight.requires_grad:
                factor = torch.randn_like(value)
                torch.testing.assert_close(*(torch.autograd.grad((x * factor).sum(), norm.weight, retain_graph=True)
                                             for x in (value, expected)), rtol=0, atol=0)


def test_weights_that_moved_are_seen():
    module = network()
    for scale in (1., 2.):
        module[2].weight.data.fill_(scale)
        with affines_at_once(module):
            value, _ = affine_of_frozen(module[2])
        torch.testing.assert_close(value, scale * torch.rsqrt(module[2].running_var + module[2].eps))


def test_what_is_computed_once_more_computes_the_same():
    """mmengine's activation_checkpointing exchanges the forward of a part."""
    module = network()
    module[3].forward = module[3].forward
    with affines_at_once(module):
        assert affine_of_frozen(module[2]) is not affine_of_frozen(module[2])
