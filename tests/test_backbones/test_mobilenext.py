"""MobileNeXt equals the published network in every width, and keeps the output stride it is asked for."""
import math

import golden
import pytest
import torch
from test_battery import images

from layeragg_mm.backbones.mobilenext import MobileNeXt
from layeragg_mm.checkpoints import CheckpointError


@pytest.mark.parametrize('name', ['mobilenext_100', 'mobilenext_100_batch'])
def test_equals_the_published_network(name):
    description = golden.load(name)
    model = MobileNeXt().double().train(name.endswith('batch'))
    model.load_state_dict(golden.state_dict(description))
    image = golden.image(description['input']).requires_grad_()
    outs = model(image)
    for out, summary in zip(outs, description['outputs'].values(), strict=True):
        golden.check(out, summary)
    gradient, = torch.autograd.grad(golden.objective(outs), image)
    golden.check(gradient, description['grad_input'])


@pytest.mark.parametrize('widen_factor, millions', [(.35, 1.91), (.5, 2.15), (.75, 2.77), (1., 3.54), (1.4, 6.13)])
def test_parameter_count_is_the_counted_one(widen_factor, millions):
    with torch.device('meta'):
        model = MobileNeXt(widen_factor=widen_factor)
    classifier = (model.out_channels[-1] + 1) * 1000
    assert round((sum(p.numel() for p in model.parameters()) + classifier) / 1e6, 2) == millions


@pytest.fixture(scope='module')
def released():
    return golden.state_dict(golden.load('mobilenext_100'))


@pytest.mark.parametrize('layout', [
    lambda state: {'epoch': 1, 'state_dict': {f'module.{key}': value for key, value in state.items()}},
    lambda state: {key: value for key, value in state.items() if not key.startswith('classifier.')}
    | {'extras.0.0.weight': None, 'loc.0.weight': None},
    lambda state: {f'backbone.{key}': value for key, value in state.items()} | {'bbox_head.x': None},
], ids=['nested', 'SSDLite', 'detector'])
@pytest.mark.parametrize('arguments', [{}, dict(out_indices=(1, 2)), dict(out_indices=(5, 7), ssd_taps=True)])
def test_loads_released_layouts(released, layout, arguments):
    model = MobileNeXt(**arguments).double()
    model.load_state_dict(layout(released))
    for key, value in model.state_dict().items():
        assert torch.equal(value, released[key]), key


@pytest.mark.parametrize('change, named', [
    (lambda state: state.pop('features.3.conv.0.weight'), r'missing: features.3.conv.0.weight'),
    (lambda state: state.update(surplus=torch.zeros(1)), 'unexpected: surplus'),
])
def test_a_checkpoint_that_does_not_fit_is_an_error_that_names_keys(released, change, named):
    state = dict(released)
    change(state)
    with pytest.raises(CheckpointError, match=named):
        MobileNeXt().load_state_dict(state, strict=False)


@pytest.mark.parametrize('identity_divisor', [1, 3])
def test_taps_lie_behind_the_expansion_of_the_first_block(released, identity_divisor):
    """Those of the whole network, seen by hooks: after the R6 at features 13 and the second one at features 20."""
    whole = MobileNeXt(identity_divisor=identity_divisor).double().eval()
    whole.load_state_dict(dict(released))
    seen = []
    for feature, layer in ((13, 4), (20, 7)):
        whole.features[feature].conv[layer].register_forward_hook(lambda module, x, out: seen.append(out.clone()))
    model = MobileNeXt(identity_divisor=identity_divisor, out_indices=(5, 7), ssd_taps=True).double().eval()
    model.load_state_dict(dict(released))
    image = images(1, 3, 97, 64).double()
    whole(image)
    assert model.out_channels == (576, 1280) and model.out_strides == (16, 32)
    for out, expected in zip(model(image), seen, strict=True):
        torch.testing.assert_close(out, expected, rtol=0, atol=1e-12 * expected.abs().max().item())


@pytest.mark.parametrize('output_stride', [8, 16])
def test_output_stride_computes_the_pixels_between(released, output_stride):
    plain, dilated = MobileNeXt().double().eval(), MobileNeXt(output_stride=output_stride).double().eval()
    for model in (plain, dilated):
        model.load_state_dict(dict(released))
    image = images(1, 3, 65, 97).double()
    outs = dilated(image)
    strides = [min(stride, output_stride) for stride in plain.out_strides]
    assert list(dilated.out_strides) == strides
    for out, expected, stride, full in zip(outs, plain(image), strides, plain.out_strides):
        assert tuple(out.shape[2:]) == (math.ceil(65 / stride), math.ceil(97 / stride))
        step = full // stride
        torch.testing.assert_close(out[:, :, ::step, ::step], expected, rtol=0,
                                   atol=1e-12 * expected.abs().max().item())


@pytest.mark.parametrize('arguments, allowed', [
    (dict(out_indices=(1, 8)), r'out_indices=8 .*allowed: 0, 1'),
    (dict(out_indices=(2, 1)), r'out_indices=\(2, 1\) .*allowed: some of 0 to 7, increasing'),
    (dict(out_indices=()), 'allowed: some of 0 to 7'),
    (dict(output_stride=4), 'allowed: 8, 16, 32'),
    (dict(identity_divisor=0), 'identity_divisor=0 .*allowed: positive numbers'),
    (dict(widen_factor=0), 'widen_factor=0 .*allowed: positive numbers'),
    (dict(out_indices=(1, 2), frozen_stages=3), 'allowed: -1, 0, 1, 2'),
])
def test_a_wrong_argument_says_what_is_allowed(arguments, allowed):
    with pytest.raises(ValueError, match=allowed):
        MobileNeXt(**arguments)
