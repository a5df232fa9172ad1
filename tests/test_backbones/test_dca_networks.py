"""DCANet's networks equal the published ones, in every form; the attention serves RLA and MRLA too."""
from itertools import pairwise

import dcanet
import golden
import pytest
import torch
from mmengine.registry import MODELS
from test_battery import images

from layeragg_mm.backbones.dca_mobilenet_v2 import DCAMobileNetV2
from layeragg_mm.backbones.dca_resnet import DCAResNet
from layeragg_mm.checkpoints import CheckpointError

NARROW = dict(resize='narrow')


def released(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {key: golden.weight(key, value.shape) for key, value in network.state_dict().items()}


def assert_equal(outs, expected) -> None:
    for out, other in zip(outs, expected, strict=True):
        torch.testing.assert_close(out, other, rtol=0, atol=1e-10 * other.abs().max().item())


@pytest.mark.parametrize('name, arguments', [('dca_se_resnet50', {}), ('dca_se_resnet50_narrow', NARROW)])
def test_equals_the_published_network(name, arguments):
    description = golden.load(name)
    model = DCAResNet(50, connected='se', **arguments).double().eval()
    model.load_state_dict(golden.state_dict(description))
    states = []
    model.layer4[2].dca.register_forward_hook(lambda module, inputs, outputs: states.append(outputs[1]))
    image = golden.image(description['input']).requires_grad_()
    outs = model(image)
    for out, summary in zip([*outs, *states], description['outputs'].values(), strict=True):
        golden.check(out, summary)
    gradient, = torch.autograd.grad(golden.objective(outs), image)
    golden.check(gradient, description['grad_input'])


@pytest.mark.slow
@pytest.mark.parametrize('connected, depth, arguments, training', [
    ('gc', 50, {}, False), ('ge', 50, NARROW, False), ('cbam', 50, {}, False), ('sk', 50, {}, False),
    ('gc', 101, {}, False), ('se', 34, NARROW, True), ('ge', 34, {}, True), ('gc', 34, {}, True),
    ('cbam', 34, {}, True), ('sk', 50, {}, True)])
def test_other_forms_equal_the_networks_written_out(connected, depth, arguments, training):
    options = dict(resize=dcanet.narrow) if arguments else {}
    network = dcanet.ResNet(depth, connected, **options).double().train(training)
    state = released(network)
    network.load_state_dict(state)
    model = DCAResNet(depth, connected=connected, norm_eval=False, **arguments).double().train(training)
    model.load_state_dict(state)
    x = golden.image((2, 3, 64, 64)).requires_grad_()
    outs, expected = model(x), network(x)
    assert_equal(outs, expected)
    assert_equal(torch.autograd.grad(golden.objective(outs), x), torch.autograd.grad(golden.objective(expected), x))


@pytest.mark.slow
@pytest.mark.parametrize('connected, arguments, millions', [
    ('se', {}, 30.90), ('se', NARROW, 28.65), ('ge', {}, 28.37), ('ge', NARROW, 26.12), ('sk', {}, 37.48),
    ('gc', {}, 28.63), ('cbam', {}, 30.90)])
def test_parameter_count_is_the_published_one(connected, arguments, millions):
    """With the classifier, and with what computes nothing in the published networks."""
    network = dcanet.ResNet(50, connected, **(dict(resize=dcanet.narrow) if arguments else {}))
    count = sum(p.numel() for p in network.parameters())
    assert round(count / 1e6, 2) == millions
    model = DCAResNet(50, connected=connected, **arguments)
    ours = sum(p.numel() for p in model.parameters()) + 2049 * 1000
    assert .99 < ours / count < 1


@pytest.mark.slow
@pytest.mark.parametrize('layout', [
    lambda state: {'epoch': 1, 'state_dict': {f'module.{key}': value for key, value in state.items()}},
    lambda state: {f'backbone.{key}': value for key, value in state.items()} | {'bbox_head.x': None},
], ids=['nested', 'detector'])
@pytest.mark.parametrize('connected', ['gc', 'se', 'cbam', 'sk'])
def test_loads_released_layouts(connected, layout):
    state = released(dcanet.ResNet(50, connected))
    models = [DCAResNet(50, connected=connected).double().eval() for _ in range(2)]
    models[0].load_state_dict(state)
    models[1].load_state_dict(layout(state))
    x = images(1, 3, 64, 64).double()
    assert_equal(models[1](x), models[0](x))


def test_a_plain_resnet_starts_the_trunk_and_gc_computes_the_same(tmp_path):
    plain = MODELS.build(dict(type='mmdet.ResNet', depth=50))
    plain.init_weights()
    torch.nn.init.constant_(plain.layer1[0].norm3.weight, .5)
    torch.save(plain.state_dict(), tmp_path / 'resnet50.pth')
    model = DCAResNet(50, init_cfg=dict(type='Pretrained', checkpoint=str(tmp_path / 'resnet50.pth')))
    model.init_weights()
    plain.train(False)
    x = images(1, 3, 64, 64)
    for out, other in zip(model.eval()(x), plain(x), strict=True):
        torch.testing.assert_close(out, other, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize('resize, other', [('wide', 'narrow'), ('narrow', 'wide')])
def test_a_checkpoint_with_the_other_resize_is_refused_with_a_remedy(resize, other):
    state = released(dcanet.ResNet(50, 'se', resize=getattr(dcanet, resize)))
    with pytest.raises(CheckpointError, match=f"resize='{resize}'"):
        DCAResNet(50, connected='se', resize=other).load_state_dict(state)


@pytest.mark.slow
@pytest.mark.parametrize('backbone', [
    dict(type='RLAResNet', attention='dca_gc'), dict(type='RLAResNet', attention='dca_cbam'),
    dict(type='RLAResNet', depth=18, attention='dca_se'), dict(type='RLAResNeXt', attention='dca_sk'),
    dict(type='MRLAResNet', attention='dca_se'), dict(type='MRLAResNet', variant='base', attention='dca_ge')])
@pytest.mark.parametrize('with_cp', [False, True])
def test_serves_rla_and_mrla(backbone, with_cp):
    """Each module but the network's first reads the state of the one before, across stages; every parameter learns."""
    model = MODELS.build({'depth': 50, 'with_cp': with_cp, **backbone})
    model.init_weights()
    seen = []
    blocks = [block for stage in model.stages for block in stage]
    for block in blocks:
        block.dca.register_forward_hook(lambda module, inputs, outputs: seen.append((inputs[-1], outputs[1])))
    outs = model(images(2, 3, 65, 71).requires_grad_())
    assert len(seen) == len(blocks) and seen[0][0] is None
    for (_, passed), (read, _) in pairwise(seen):
        assert read is passed or all(one is other for one, other in zip(read, passed))
    sum(out.square().mean() for out in outs).backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


@pytest.mark.parametrize('arguments, said', [
    (dict(connected='eca'), r"connected='eca' .*allowed: 'gc', 'se', 'ge', 'cbam', 'sk'"),
    (dict(connected='gc', resize='narrow'), "resize='narrow' is not available; allowed: None"),
    (dict(connected='se', resize='flat'), "allowed: None, 'wide', 'narrow'"),
    (dict(connected='sk', depth=34), 'depth=34 .*allowed: 50, 101, 152'),
    (dict(connected='sk', plugins=[dict()]), 'plugins'),
])
def test_a_wrong_argument_says_what_is_allowed(arguments, said):
    with pytest.raises(ValueError, match=said):
        DCAResNet(**{'depth': 50, **arguments})


@pytest.mark.slow
@pytest.mark.parametrize('connected, training', [
    ('se', False), ('ge', False), ('cbam', False), ('sk', False), ('se', True), ('cbam', True)])
def test_mobilenet_equals_the_network_written_out(connected, training):
    network = dcanet.MobileNetV2(connected).double().train(training)
    state = released(network)
    network.load_state_dict(state)
    model = DCAMobileNetV2(connected=connected, out_indices=range(8)).double().train(training)
    model.load_state_dict({f'module.{key}': value for key, value in state.items()})
    x = golden.image((2, 3, 64, 96)).requires_grad_()  # which every stride divides, as the published code needs
    outs, expected = model(x), network(x)
    assert_equal(outs, expected)
    assert_equal(torch.autograd.grad(golden.objective(outs), x), torch.autograd.grad(golden.objective(expected), x))


@pytest.mark.parametrize('connected, millions', [('se', 3.65), ('ge', 3.59), ('cbam', 3.65), ('sk', 5.91)])
def test_mobilenets_parameter_count_is_the_published_one(connected, millions):
    count = sum(p.numel() for p in dcanet.MobileNetV2(connected).parameters())
    assert round(count / 1e6, 2) == millions
    assert .99 < (sum(p.numel() for p in DCAMobileNetV2(connected=connected).parameters()) + 1281 * 1000) / count <= 1


def test_a_plain_mobilenet_starts_the_trunk():
    """MMDetection's, and torchvision's by its names."""
    plain = MODELS.build(dict(type='mmdet.MobileNetV2')).state_dict()
    model = DCAMobileNetV2(connected='se')
    model.load_state_dict(plain, strict=False)
    torchvision = {key: value for key, value in released(dcanet.MobileNetV2('se')).items() if '.se.' not in key}
    torchvision = {key.replace('features.0.conv.', 'features.0.').replace('features.18.conv.', 'features.18.'): value
                   for key, value in torchvision.items()}
    model.double().load_state_dict(torchvision, strict=False)
    assert torch.equal(model.layer2[0].linear_conv.conv.weight, torchvision['features.2.conv.2.weight'])


def test_starts_of_linear_layers():
    mobile, resnet = DCAMobileNetV2(connected='se'), DCAResNet(50, connected='se')
    for model in (mobile, resnet):
        model.init_weights()
    weight = mobile.layer7[0].dca.fc[0].weight
    assert weight.std().item() == pytest.approx(.01, rel=.1) and not mobile.layer7[0].dca.fc[0].bias.any()
    weight = resnet.layer4[0].dca.fc[0].weight
    assert weight.abs().max().item() == pytest.approx(2048**-.5, rel=.01)
