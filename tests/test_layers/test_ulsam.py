"""ULSAM equals the published module, as a plugin of MMDetection's ResNet too."""
import golden
import pytest
import torch
from mmengine.registry import MODELS

from layeragg_mm.layers.ulsam import ULSAM


def test_equals_the_published_module():
    description = golden.load('ulsam_c64_g4')
    module = ULSAM(64, 4).double().eval()
    module.load_state_dict(golden.state_dict(description))
    x = golden.image(description['input']).requires_grad_()
    outs = [module(x), module.attention(x)]
    for out, summary in zip(outs, description['outputs'].values(), strict=True):
        golden.check(out, summary)
    gradient, = torch.autograd.grad(golden.objective(outs), x)
    golden.check(gradient, description['grad_input'])


def literal(x: torch.Tensor, state: dict, groups: int, training: bool) -> torch.Tensor:
    """The equation, one subspace after another, with the released weights."""
    outs = []
    for i, v in enumerate(x.chunk(groups, 1)):
        part = {key.removeprefix(f'subspaces.{i}.'): value for key, value in state.items()
                if key.startswith(f'subspaces.{i}.')}

        def norm(x, name, part=part):
            mean, var, *affine = (part[f'bn_{name}.{key}'] for key in ('running_mean', 'running_var', 'weight', 'bias'))
            return torch.nn.functional.batch_norm(x, mean.clone(), var.clone(), *affine, training).relu()

        m = norm(v * part['conv_dws.weight'].view(-1, 1, 1) + part['conv_dws.bias'].view(-1, 1, 1), 'dws')
        m = torch.nn.functional.max_pool2d(m, 3, 1, 1)
        m = norm((m * part['conv_point.weight'].view(-1, 1, 1)).sum(1, keepdim=True) + part['conv_point.bias'], 'point')
        outs.append(v + m.flatten(2).softmax(2).view_as(m) * v)
    return torch.cat(outs, 1)


@pytest.mark.parametrize('groups', [1, 2, 16])
@pytest.mark.parametrize('training', [False, True])
def test_any_number_of_groups_equals_the_equation(groups, training):
    width = 32 // groups
    shapes = {'conv_dws.weight': (width, 1, 1, 1), 'conv_dws.bias': (width,), 'conv_point.weight': (1, width, 1, 1),
              'conv_point.bias': (1,), 'bn_dws.num_batches_tracked': (), 'bn_point.num_batches_tracked': (),
              **{f'bn_{name}.{key}': (size,) for name, size in (('dws', width), ('point', 1))
                 for key in ('weight', 'bias', 'running_mean', 'running_var')}}
    state = {f'subspaces.{i}.{key}': golden.weight(f'subspaces.{i}.{key}', shape)
             for i in range(groups) for key, shape in shapes.items()}
    module = ULSAM(32, groups).double().train(training)
    module.load_state_dict(dict(state))
    x = golden.image((2, 32, 5, 7))
    torch.testing.assert_close(module(x), literal(x, state, groups, training))


def test_scaled_attention_has_the_mean_1_at_every_size():
    module = ULSAM(16, 2, scaled=True)
    for size in [(4, 4), (50, 84)]:
        attention = module.attention(torch.randn(1, 16, *size))
        torch.testing.assert_close(attention.mean((2, 3)), torch.ones(1, 2))


def test_no_images_give_no_maps():
    for scaled in (False, True):
        assert ULSAM(16, 2, scaled=scaled).eval()(torch.ones(0, 16, 5, 7)).shape == (0, 16, 5, 7)


def test_as_a_plugin_every_parameter_learns():
    plugin = dict(cfg=dict(type='ULSAM', groups=4), position='after_conv3', stages=(False, False, True, True))
    model = MODELS.build(dict(type='mmdet.ResNet', depth=50, plugins=[plugin]))
    model.init_weights()
    assert model.layer3[0].ulsam.groups == 4
    sum(out.square().mean() for out in model(torch.randn(2, 3, 65, 71))).backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_half_precision():
    module = ULSAM(16, 2).eval()
    x = torch.randn(1, 16, 9, 9)
    torch.testing.assert_close(module.half()(x.half()).float(), module.float()(x), rtol=.01, atol=.01)


def test_groups_that_do_not_divide_the_channels_are_refused():
    with pytest.raises(ValueError, match='groups=5 does not divide 64 channels'):
        ULSAM(64, 5)
