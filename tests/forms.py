"""What tests of equal forms share."""
from collections.abc import Iterable

import torch

TOLERANCE = {torch.float64: 1e-12, torch.float32: 1e-6}


def drawn(module: torch.nn.Module, dtype: torch.dtype, device: str = 'cpu') -> torch.nn.Module:
    torch.manual_seed(0)
    for parameter in module.parameters():
        if parameter.ndim == 1:
            torch.nn.init.normal_(parameter, 1., .3)
        else:
            torch.nn.init.normal_(parameter, 0., parameter[0].numel() ** -.5)
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


def in_float64(inputs: Iterable[torch.Tensor]) -> list[torch.Tensor]:
    return [value.detach().double().requires_grad_() for value in inputs]


def assert_equal(ours, literal, dtype, exact=None) -> None:
    """Compare to the tolerance; on top comes what both forms round, each as the literal one, known from ``exact``."""
    for i, (one, other, true) in enumerate(zip(ours, literal, exact or literal, strict=True)):
        scale = max(other.abs().max().item(), 1.)
        rounding = (other - true).abs().max().item() if i else 0.  # of gradients: they are long sums
        torch.testing.assert_close(one, other, rtol=0, atol=TOLERANCE[dtype] * scale + 2 * rounding)
