"""The sandglass block equals the published one, whatever part of the input it adds."""
import golden
import pytest
import torch

from layeragg_mm.layers.sandglass import Sandglass, divisible


@pytest.mark.parametrize('name, arguments', [
    ('sandglass_identity', dict(in_channels=96, out_channels=96)),
    ('sandglass_first', dict(in_channels=32, out_channels=96, stride=2, reduction=2)),
])
def test_equals_the_published_block(name, arguments):
    description = golden.load(name)
    block = Sandglass(**arguments).double().eval()
    block.load_state_dict(golden.state_dict(description))
    x = golden.image(description['input']).requires_grad_()
    out = block(16 * x)
    golden.check(out, description['outputs']['x'])
    gradient, = torch.autograd.grad(golden.objective([out]), x)
    golden.check(gradient, description['grad_input'])


@pytest.mark.parametrize('divisor', [1, 2, 3, 4])
def test_adds_the_first_channels(divisor):
    block = Sandglass(96, 96, identity_divisor=divisor).eval()
    x = torch.randn(1, 96, 5, 7)
    added = torch.cat([x[:, :96 // divisor], torch.zeros(1, 96 - 96 // divisor, 5, 7)], 1)
    torch.testing.assert_close(block(x), block.conv(x) + added)


@pytest.mark.parametrize('arguments, adds', [
    (dict(stride=2), False), (dict(reduction=2), False), (dict(kept=True), False), (dict(), True)])
def test_a_shortcut_where_the_published_block_has_one(arguments, adds):
    block = Sandglass(32, 32, **arguments).eval()
    x = torch.randn(1, 32, 6, 6)
    assert torch.equal(block(x), block.conv(x)) != adds


@pytest.mark.parametrize('value, divisor, result', [(16, 16, 16), (33.6, 8, 32), (9, 8, 16), (1, 8, 8), (11.2, 8, 16)])
def test_divisible(value, divisor, result):
    assert divisible(value, divisor) == result
    assert result >= .9 * value
