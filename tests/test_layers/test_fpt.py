"""FPT's transformers equal the published ones and their equations, without a map of all pairs of positions."""
import golden
import pytest
import torch
import torch.nn.functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from layeragg_mm.checkpoints.fpt import translate_fpt_module
from layeragg_mm.layers import fpt


def loaded(module: torch.nn.Module, description: dict) -> torch.nn.Module:
    module = module.double().eval()
    module.load_state_dict(translate_fpt_module(golden.state_dict(description)))
    return module


def check(description: dict, out: torch.Tensor, x: torch.Tensor) -> None:
    golden.check(out, description['outputs']['x'])
    gradient, = torch.autograd.grad(golden.objective([out]), x)
    golden.check(gradient, description['grad_input'])


def test_self_transformer_equals_the_published_one():
    description = golden.load('fpt_self_transformer')
    x = golden.image(description['input']).requires_grad_()
    check(description, loaded(fpt.SelfTransformer(32), description)(x), x)


def test_grounding_transformer_equals_the_published_one():
    description = golden.load('fpt_grounding_transformer')
    packed = golden.image(description['input']).requires_grad_()
    fine, coarse = packed[:, :32], F.avg_pool2d(packed[:, 32:], 4)
    check(description, loaded(fpt.GroundingTransformer(32), description)(fine, coarse), packed)


def test_rendering_transformer_equals_the_published_one():
    description = golden.load('fpt_rendering_transformer')
    packed = golden.image(description['input']).requires_grad_()
    fine, coarse = packed[:, :32], F.avg_pool2d(packed[:, 32:], 2, ceil_mode=True)
    check(description, loaded(fpt.RenderingTransformer(32), description)(coarse, fine), packed)


@pytest.mark.parametrize('parts', [1, 2, 4])
@pytest.mark.parametrize('euclidean', [False, True])
def test_attention_equals_its_equation(parts, euclidean):
    generator = torch.Generator().manual_seed(0)
    query, key, value, mixture = (torch.randn(shape, dtype=torch.float64, generator=generator).requires_grad_()
                                  for shape in [(2, 8, 5, 7), (2, 8, 3, 4), (2, 6, 3, 4), (parts, 8)])
    expected = torch.zeros(2, 6, 35, dtype=torch.float64)
    weights = (query.mean((2, 3)) @ mixture.T).softmax(1)
    for n in range(parts):
        q, k = (x.flatten(2).chunk(parts, 1)[n].transpose(1, 2) for x in (query, key))
        scores = -torch.cdist(q, k).square() if euclidean else q @ k.transpose(1, 2) / 8**.5
        expected = expected + weights[:, n, None, None] * (scores.softmax(2) @ value.flatten(2).transpose(1, 2)).mT
    out = fpt.attend(query, key, value, mixture, euclidean=euclidean)
    torch.testing.assert_close(out.flatten(2), expected)
    leaves = query, key, value, mixture
    for one, other in zip(torch.autograd.grad(golden.objective([out]), leaves),
                          torch.autograd.grad(golden.objective([expected.unflatten(2, (5, 7))]), leaves)):
        torch.testing.assert_close(one, other)


class Largest(TorchDispatchMode):
    """Notes how many elements the largest tensor has that is made."""

    most = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        for tensor in out if isinstance(out, tuple | list) else [out]:
            if isinstance(tensor, torch.Tensor):
                self.most = max(self.most, tensor.numel())
        return out


@pytest.mark.parametrize('transformer', [
    fpt.SelfTransformer, fpt.GroundingTransformer, fpt.EuclideanGroundingTransformer])
def test_training_makes_no_map_of_all_pairs(transformer):
    module = transformer(16)
    x = torch.randn(1, 16, 48, 65, requires_grad=True)
    inputs = (x,) if transformer is fpt.SelfTransformer else (x, torch.randn(1, 16, 24, 33))
    with Largest() as largest:
        module(*inputs).sum().backward()
    assert largest.most <= 2 * 2 * x.numel() < 48 * 65 * 24 * 33 / 10


@pytest.mark.parametrize('size', [(1, 1), (25, 42), (7, 5)])
def test_every_size(size):
    height, width = size
    fine, coarse = torch.randn(2, 16, *size), torch.randn(2, 16, -(-height // 4), -(-width // 4))
    assert fpt.SelfTransformer(16)(fine).shape == fine.shape
    assert fpt.GroundingTransformer(16)(fine, coarse).shape == fine.shape
    assert fpt.EuclideanGroundingTransformer(16)(fine, coarse).shape == fine.shape
    assert fpt.RenderingTransformer(16, stride=4).eval()(coarse, fine).shape == coarse.shape


def test_grounding_starts_at_zero_and_learns():
    for transformer in (fpt.GroundingTransformer(16), fpt.EuclideanGroundingTransformer(16)):
        out = transformer(torch.randn(2, 16, 6, 6), torch.randn(2, 16, 3, 3))
        assert not out.any()
        out.square().sum().add(out.sum()).backward()
        assert all(parameter.grad is not None for parameter in transformer.parameters())


def test_a_batch_norm_of_single_pixels_keeps_its_statistics_in_training():
    module = fpt.RenderingTransformer(16).train()
    before = {key: value.clone() for key, value in module.state_dict().items()}
    assert module(torch.randn(1, 16, 3, 3), torch.randn(1, 16, 6, 6)).isfinite().all()
    moved = {key for key, value in module.state_dict().items() if not torch.equal(value, before[key])}
    assert moved and not any(key.startswith('gate.') for key in moved)


def test_parts_that_do_not_divide_the_channels_are_refused():
    with pytest.raises(ValueError, match='parts=3 does not divide 16 channels'):
        fpt.SelfTransformer(16, parts=3)
