"""What tests of equal forms share."""
from collections.abc import Callable, Iterable

import torch

TOLERANCE = {torch.float64: 1e-12, torch.float32: 1e-6}


def drawn(module: torch.nn.Module, dtype: torch.dtype, device: str = 'cpu') -> torch.nn.Module:
    torch.manual_seed(0)
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, 1. if parameter.ndim == 1 else 0., .3)
    for norm in module.modules():
        if isinstance(norm, torch.nn.BatchNorm2d):
            norm.running_mean.normal_()
            norm.running_var.uniform_(.5, 2.)
    return module.to(device, dtype)


def results(forward, module, inputs) -> list[torch.Tensor]:
    """Outputs, then the gradients of all inputs and of the parameters that learn."""
    leaves = [*inputs, *(parameter for parameter in module.parameters() if parameter.requires_grad)]
    out = forward(*inputs)
    weight = torch.linspace(-1, 1, out.numel()).to(out).view_as(out)
    return [out, *torch.autograd.grad((out * weight).sum(), leaves)]


def in_sequence(layers: Iterable[torch.nn.Module]) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return what MRLA-base's layers of a stage compute: the history passes from one to the next."""

    def forward(x: torch.Tensor) -> torch.Tensor:
        history = ()
        for layer in layers:
            x, history = layer(x, history)
        return x

    return forward


# Of two of MRLA-base's layers: what else may be done with the values (weights w) than the next layer does with them.
USES_OF_VALUES = {
    'a value with the output': lambda out, first, second, w: (out + first) * w,
    'two values': lambda out, first, second, w: (first + second) * w + out,
    'a value twice': lambda out, first, second, w: (first + first * w) * w + out * w,
    'a value with what made it': lambda out, first, second, w: (second + w * w.detach()) * w + out,
    'sums': lambda out, first, second, w: (out.sum() + first.sum() + second.sum() * w).sum(),
    'values without the output': lambda out, first, second, w: (first + second) * w,
}


def with_uses_of_values(layers: Iterable[torch.nn.Module], use: Callable) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return what two layers compute, of which the second takes the first one's history, and then ``use`` of all."""
    one, other = layers

    def forward(x: torch.Tensor) -> torch.Tensor:
        out, history = other(*one(x))
        (_, first), (_, second) = history
        return use(out, first, second, x)

    return forward


def in_float64(inputs: Iterable[torch.Tensor]) -> list[torch.Tensor]:
    return [value.detach().double().requires_grad_() for value in inputs]


def assert_equal(ours, literal, dtype, exact=None) -> None:
    """Compare to the tolerance; on top comes what both forms round, each as the literal one, known from ``exact``."""
    for i, (one, other, true) in enumerate(zip(ours, literal, exact or literal, strict=True)):
        scale = max(other.abs().max().item(), 1.)
        rounding = (other - true).abs().max().item() if i else 0.  # of gradients: they are long sums
        torch.testing.assert_close(one, other, rtol=0, atol=TOLERANCE[dtype] * scale + 2 * rounding)
