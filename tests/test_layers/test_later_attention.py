"""What came of MRLA: dynamic and key-correlated layer attention, beyond what their golden outputs show."""
import math

import pytest
import torch

from layeragg_mm.layers import DynamicLayerAttention, KeyCorrelatedLayerAttention


def maps(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def test_in_dynamic_attention_an_image_does_not_depend_on_the_others_of_its_batch():
    torch.manual_seed(0)
    module = DynamicLayerAttention(64, 2, zero_init=False).double().eval()
    x, o, y, p = maps(4, 3, 64, 5, 7).unbind()

    def run(images: slice) -> torch.Tensor:
        out, state = module(0, x[images], o[images])
        assert torch.equal(out, module(0, x[images], o[images])[0]), 'the state is nowhere but in what is passed'
        return module(1, out + y[images], p[images], state)[0]

    together = run(slice(3))
    for i in range(3):
        torch.testing.assert_close(together[i:i + 1], run(slice(i, i + 1)))


@pytest.mark.parametrize('reduction, hidden', [(16, 4), (20, 3), (128, 1)])
def test_reduction_of_the_cell(reduction, hidden):
    assert DynamicLayerAttention(64, 1, reduction=reduction).cell.from_input[0].out_features == hidden


@pytest.mark.parametrize('build', [
    lambda: DynamicLayerAttention(64, 1), lambda: KeyCorrelatedLayerAttention(64, channels_per_head=16)])
def test_starts_as_the_identity_and_then_learns(build):
    torch.manual_seed(0)
    module = build().double()
    x = maps(2, 64, 5, 7)
    inputs = (0, x, x) if isinstance(module, DynamicLayerAttention) else (x,)
    assert torch.equal(module(*inputs)[0], x)
    optimizer = torch.optim.SGD(module.parameters(), lr=.1)
    before = {key: value.clone() for key, value in module.named_parameters()}
    for _ in range(3):
        optimizer.zero_grad()
        module(*inputs)[0].square().sum().backward()
        optimizer.step()
    still = {key for key, value in module.named_parameters() if torch.equal(value, before[key])}
    assert not still or still == {'cell.from_state.0.weight'}, 'the state of a first block is zero'


def test_the_weight_of_a_key_is_bounded():
    """The golden outputs do not reach the bound: weights of exp(100) would drown every other layer."""
    module = KeyCorrelatedLayerAttention(64, channels_per_head=16).double()
    key = torch.ones(1, 4, 16, dtype=torch.float64)
    rho = [.7 ** (1 - 2 * g / 3) for g in range(4)]
    torch.testing.assert_close(module.weight(key / 4), torch.tensor([rho], dtype=torch.float64).exp())
    torch.testing.assert_close(module.weight(25 * key), torch.full((1, 4), math.exp(10), dtype=torch.float64))


def test_a_head_whose_channels_are_dead_is_no_division_by_zero():
    module = KeyCorrelatedLayerAttention(64, channels_per_head=16, zero_init=False).double().eval()
    x = maps(2, 64, 5, 7)
    x[:, :32] = 0
    x.requires_grad_()
    out, _ = module(x)
    out.square().sum().backward()
    assert out.isfinite().all() and x.grad.isfinite().all()
    assert all(parameter.grad.isfinite().all() for parameter in module.parameters())


def test_the_state_is_expressed_anew_for_another_map_at_odd_sizes():
    module = KeyCorrelatedLayerAttention(64, channels_per_head=16, state_from=(32, 2)).double().eval()
    total, weights = maps(2, 32, 9, 7), torch.ones(2, 2, dtype=torch.float64)
    _, (after, weights_after) = module(maps(2, 64, 5, 4), (total, weights))
    assert after.shape == (2, 64, 5, 4) and weights_after.shape == (2, 4)
    parts = {name.partition('.')[0] for name, _ in KeyCorrelatedLayerAttention(64).named_parameters()}
    assert parts == {'query', 'key', 'value', 'mix', 'norm', 'scale'}, 'nothing to express anew'
    assert KeyCorrelatedLayerAttention(64, state_from=(64, 1)).state_conv is None


@pytest.mark.parametrize('build', [
    lambda: DynamicLayerAttention(64, 1, channels_per_head=24),
    lambda: KeyCorrelatedLayerAttention(64, channels_per_head=24)])
def test_heads_must_divide_the_channels(build):
    with pytest.raises(ValueError, match='channels_per_head=24 does not divide 64'):
        build()
