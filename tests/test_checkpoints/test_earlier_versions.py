"""Checkpoints that users trained with earlier versions load, and compute what they computed there.

``tests/data/*_4f67408.pth`` were made with commit 4f67408: narrow networks of two stages after some steps of training,
with what they returned for a seeded input. They are measurements, never to be made again from this code.
"""
import pytest
import torch
from golden import DATA
from mmengine.registry import MODELS
from mmengine.runner import load_checkpoint


@pytest.mark.parametrize('name', ['rla_eca_r50_4f67408', 'mrla_base_r50_4f67408'])
def test_loads_and_computes_the_same(name):
    made = torch.load(DATA / f'{name}.pth', weights_only=True)
    model = MODELS.build(made['config'])
    assert list(model.state_dict()) == list(made['state_dict'])
    # Optimizers know parameters by their order: a training that was begun goes on.
    assert [key for key, _ in model.named_parameters()] == made['parameters']
    load_checkpoint(model, str(DATA / f'{name}.pth'), strict=True)
    x = torch.randn(2, 3, 41, 56, generator=torch.Generator().manual_seed(9))
    with torch.no_grad():
        for out, expected in zip(model.eval()(x), made['outputs'], strict=True):
            torch.testing.assert_close(out, expected, rtol=0, atol=1e-5 * expected.abs().max().item())
