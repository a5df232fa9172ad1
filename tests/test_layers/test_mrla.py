"""The plain modules, used without any mm config."""
import pytest
import torch

from layeragg_mm.layers import LightLayerAttention
from layeragg_mm.layers.channel_attention import adaptive_kernel_size


def test_light_attention_is_its_equation():
    torch.manual_seed(0)
    module = LightLayerAttention(64, channels_per_head=16, zero_init=False).double().eval()
    x, shortcut = torch.randn(2, 2, 64, 5, 7, dtype=torch.float64).unbind()
    pooled = x.mean((2, 3)).unsqueeze(1)
    query, key = module.query(pooled)[:, 0], module.key(pooled)[:, 0]
    expected = []
    for head in range(4):
        channels = slice(16 * head, 16 * head + 16)
        weight = torch.sigmoid((query[:, channels] * key[:, channels]).sum(1) / 4)
        expected.append(weight[:, None, None, None] * module.value(x)[:, channels])
    expected = x + module.norm(torch.cat(expected, 1) + module.shortcut_scale * shortcut)
    torch.testing.assert_close(module(x, shortcut), expected)


def test_light_attention_starts_as_the_identity_and_then_learns():
    module = LightLayerAttention(32)
    x, shortcut = torch.randn(2, 2, 32, 4, 4).unbind()
    assert torch.equal(module(x, shortcut), x)
    module(x, shortcut).square().sum().backward()
    assert module.norm.weight.grad.abs().sum() > 0


def test_heads_must_divide_the_channels():
    with pytest.raises(ValueError, match='channels_per_head=24 does not divide 64'):
        LightLayerAttention(64, channels_per_head=24)


@pytest.mark.parametrize('channels, kernel_size', [(256, 5), (512, 5), (1024, 5), (2048, 7)])
def test_kernel_size_of_the_published_networks(channels, kernel_size):
    assert adaptive_kernel_size(channels) == kernel_size
