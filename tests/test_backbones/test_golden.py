"""The networks equal the published ones: golden outputs of the released code, in float64."""
import golden
import pytest
import torch
from mmengine.registry import MODELS

TOLERANCE = 1e-8
GOLDEN = {
    'rla_resnet50': dict(type='RLAResNet', depth=50),
    'rla_resnet50_eca': dict(type='RLAResNet', depth=50, attention='eca'),
    'mrla_light_resnet50': dict(type='MRLAResNet', depth=50),
    'mrla_base_resnet50': dict(
        type='MRLAResNet', depth=50, variant='base', deep_stem=True, mrla_act_cfg=dict(type='ReLU')),
    'mrla_base_plain_resnet50': dict(type='MRLAResNet', depth=50, variant='base'),
}


@pytest.mark.parametrize('name', GOLDEN)
def test_outputs_and_input_gradient(name):
    description = golden.load(name)
    model = MODELS.build(GOLDEN[name]).double().eval()
    model.load_state_dict(golden.state_dict(description))
    image = golden.image(description['input']).requires_grad_()
    outs = model(image)
    expected = [summary for key, summary in description['outputs'].items() if key != 'hidden']
    assert len(outs) == len(expected)
    for out, summary in zip(outs, expected):
        golden.check(out, summary, TOLERANCE)
    gradient, = torch.autograd.grad(golden.objective(outs), image)
    golden.check(gradient, description['grad_input'], TOLERANCE)


@pytest.mark.parametrize('name', ['rla_resnet50', 'rla_resnet50_eca'])
def test_hidden_state_of_rla(name):
    """A backbone leaves the last update out; done by hand from the released weights, it gives the published state."""
    description = golden.load(name)
    state = golden.state_dict(description)
    model = MODELS.build(GOLDEN[name]).double().eval()
    model.load_state_dict(state)
    aggregation = model.rla[3]
    last_norm = torch.nn.BatchNorm2d(32).double().eval()
    last_norm.load_state_dict({key.removeprefix('stage_bns.3.2.'): value for key, value in state.items()
                               if key.startswith('stage_bns.3.2.')})
    aggregation.norms.append(last_norm)
    seen = {}
    aggregation.recur.register_forward_hook(lambda module, inputs, output: seen.update(hidden=output))
    *_, out = model(golden.image(description['input']))
    hidden = aggregation.update(2, out, seen['hidden'])
    golden.check(hidden, description['outputs']['hidden'], TOLERANCE)


@pytest.mark.parametrize('name', GOLDEN)
def test_parameter_count_is_the_published_one(name):
    """The backbone's parameters and those dropped knowingly make up the published network's."""
    description = golden.load(name)
    count = sum(p.numel() for p in MODELS.build(GOLDEN[name]).parameters())
    head = sum(torch.Size(shape).numel() for key, shape in description['state_dict']
               if key.startswith(('fc.', 'bn2.')) and 'running' not in key and 'num_batches' not in key)
    unread = 64 * 32 + 2 * 32 if name.startswith('rla') else 0  # first block's weights of h = 0, norm of the last h
    assert count + head + unread == description['parameters']
