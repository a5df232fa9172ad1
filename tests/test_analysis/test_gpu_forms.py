"""What a GPU's report rests on, as far as a CPU tells: parity that can fail, and the bookkeeping of CUDA graphs."""
import pytest
import torch

from layeragg_mm.analysis import Entrant, Setting, compare, parity
from layeragg_mm.analysis.parity import compare_forms
from layeragg_mm.fast import FORMS
from layeragg_mm.layers import LightLayerAttention

CPU = torch.device('cpu')


def test_every_form_has_networks():
    assert set(parity.NETWORKS) == {*FORMS, 'all forms'}


@pytest.fixture
def light_alone(monkeypatch):
    monkeypatch.setattr(parity, 'NETWORKS', {'light_attention': ('mrla_r50',)})


def test_a_form_that_is_equal_passes(light_alone):
    exact, reduced = compare_forms(Setting(CPU, (33, 50)))
    assert exact.passed and exact.used and max(exact.difference) < 1e-4 and exact.dtype == 'float32'
    assert reduced.passed and reduced.difference[0] > exact.difference[0]


@pytest.mark.parametrize('wrong', ['outputs', 'gradients', 'unused'])
def test_a_form_that_is_wrong_fails(light_alone, monkeypatch, wrong):
    slot = LightLayerAttention.forward.slot
    fast = slot.fast

    def computed(*args):
        out = NotImplemented if wrong == 'unused' else fast(*args)
        if out is NotImplemented:
            return out
        return out * 1.001 if wrong == 'outputs' else out + .001 * (args[1] - args[1].detach())

    monkeypatch.setattr(slot, 'fast', computed)
    exact, _ = compare_forms(Setting(CPU, (33, 50)))
    assert not exact.passed and exact.used == (wrong != 'unused')


@pytest.fixture
def recorded(monkeypatch):
    """What CUDA graphs were asked for: in training mode, with gradients, cached casts allowed."""
    recorded = []

    def make(module, images, *, allow_unused_input, pool):
        recorded.append((module.training, torch.is_grad_enabled(), torch.is_autocast_cache_enabled()))
        if getattr(module, 'refuses', False) and len(recorded) % 2 == 0:
            raise RuntimeError('operation not permitted when stream is capturing\nmore')
        graphed = module.forward
        module.forward = lambda x: graphed(x)

    monkeypatch.setattr(torch.cuda, 'make_graphed_callables', make)
    monkeypatch.setattr(torch.cuda, 'graph_pool_handle', lambda: (0, 0))
    return recorded


def test_graphs_are_made_for_training_and_for_inference(recorded):
    model = torch.nn.Conv2d(3, 4, 3)
    _, graphed = compare([Entrant('plain', torch.nn.Conv2d(3, 4, 3)), Entrant('graphs', model, graphs=True)],
                             Setting(CPU, (33, 33), 1), rounds=1)
    assert recorded == [(True, True, False), (False, False, False)]
    assert graphed.name == 'graphs' and graphed.peak_memory is None and len(graphed.seconds['inference']) == 1


def test_what_cannot_be_recorded_runs_as_it_is(recorded, caplog):
    model = torch.nn.Conv2d(3, 4, 3)
    model.refuses, equation = True, model.forward
    cost, = compare([Entrant('net', model, graphs=True)], Setting(CPU, (33, 33), 1), rounds=1)
    assert cost.name == 'net (fell back)' and model.forward == equation and len(cost.seconds['training step']) == 1
    assert caplog.messages == ['net runs without CUDA graphs: operation not permitted when stream is capturing']
