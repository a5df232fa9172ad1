"""A network's graphs, compiled, exported and traced, compute what the network computes."""
from collections.abc import Sequence
from pathlib import Path

import torch


def check_graphs(model: torch.nn.Module, x: torch.Tensor, folder: Path) -> None:
    """Check all three, each of the whole network, in float64, since they sum in another order."""
    model, x = model.double(), x.double()
    with torch.no_grad():
        expected = model(x)

        def check(outs: Sequence[torch.Tensor]) -> None:
            for one, other in zip(outs, expected, strict=True):
                torch.testing.assert_close(one, other, rtol=0, atol=1e-12 * other.abs().max().item())

        check(torch.compile(model, fullgraph=True, backend='eager')(x))
        check(torch.export.export(model, (x,)).module()(x))
        torch.jit.save(torch.jit.trace(model, x, check_trace=False), folder / 'model.pt')
        check(torch.jit.load(folder / 'model.pt')(x))
    torch.compiler.reset()
