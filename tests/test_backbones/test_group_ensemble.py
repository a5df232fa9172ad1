"""Group ensembles equal the authors' networks, and keep their members apart."""
import golden
import pytest
import torch
from mmdet.models.backbones.resnext import Bottleneck
from mmdet.models.layers import ResLayer

from layeragg_mm.backbones.group_ensemble_resnet import GroupEnsembleResNet
from layeragg_mm.layers.group_ensemble import GroupEnsembleClassifier, running_sums


def test_equals_the_published_network():
    description = golden.load('group_ensemble_resnext50_g2')
    state = golden.state_dict(description)
    model = GroupEnsembleResNet(50, members=2, groups=32, base_width=4).double().eval()
    model.load_state_dict(state)
    classifier = GroupEnsembleClassifier(model.out_channels[-1], 1000, 2).double()
    classifier.conv.load_state_dict({key: state[f'classifier.1.{key}'] for key in ('weight', 'bias')})
    image = golden.image(description['input']).requires_grad_()
    outs = [*model(image)]
    outs.append(classifier(outs[-1]))
    for out, summary in zip([*outs, running_sums(outs[-1])], description['outputs'].values(), strict=True):
        golden.check(out, summary)
    gradient, = torch.autograd.grad(golden.objective(outs), image)
    golden.check(gradient, description['grad_input'])


def test_the_block_equals_the_published_one():
    description = golden.load('group_ensemble_block')
    layer = ResLayer(Bottleneck, 64, 32, 1, stride=2, conv_cfg=dict(type='MemberConv', members=2)).double().eval()
    layer[0].load_state_dict(golden.state_dict(description))
    x = golden.image(description['input']).requires_grad_()
    out = layer(x)
    golden.check(out, description['outputs']['x'])
    gradient, = torch.autograd.grad(golden.objective([out]), x)
    golden.check(gradient, description['grad_input'])


@pytest.mark.parametrize('members, millions', [(1, 25.03), (2, 24.80), (3, 22.52)])
def test_parameter_count_is_the_counted_one(members, millions):
    model = GroupEnsembleResNet(50, members=members, groups=32, base_width=4)
    classifier = GroupEnsembleClassifier(model.out_channels[-1], 1000, members)
    count = sum(p.numel() for module in (model, classifier) for p in module.parameters())
    assert round(count / 1e6, 2) == millions


@pytest.mark.parametrize('members', [2, 3, 4])
def test_members_do_not_read_each_other(members):
    """The first member's channels of the last stage depend on its channels of the shared map alone."""
    model = GroupEnsembleResNet(50, members=members).eval()
    channels, widest = model.stage_channels[2:]
    assert channels % members == widest % members == 0
    x = torch.randn(1, channels, 4, 4)
    other = torch.cat([x[:, :channels // members], torch.randn(1, channels - channels // members, 4, 4)], 1)
    one, two = (model.layer4(x)[:, :widest // members] for x in (x, other))
    assert torch.equal(one, two)


def test_loss_and_prediction():
    scores = torch.randn(4, 3, 5)
    labels = torch.tensor([0, 1, 2, 4])
    classifier = GroupEnsembleClassifier(6, 5, 3)
    expected = sum(torch.nn.functional.cross_entropy(scores[:, i], labels) for i in range(3)) / 3
    torch.testing.assert_close(classifier.loss(scores, labels), expected)
    torch.testing.assert_close(running_sums(scores)[:, 2], scores.sum(1))


def test_a_plain_resnet_starts_the_shared_stages():
    model = GroupEnsembleResNet(50, members=2)
    plain = GroupEnsembleResNet(50, members=1)
    shapes = {key: value.shape for key, value in plain.state_dict().items()}
    for key, value in model.state_dict().items():
        assert value.shape == shapes[key] or key.startswith('layer4'), key


@pytest.mark.parametrize('arguments, said', [
    (dict(members=5), 'members=5 .*allowed: 1, 2, 3, 4'),
    (dict(depth=34), 'depth=34 .*allowed: 50, 101, 152'),
    (dict(out_indices=(4,)), 'out_indices=4 .*allowed: 0, 1, 2, 3'),
    (dict(num_stages=3), 'num_stages=3 .*allowed: 4'),
    (dict(dcn=dict(type='DCNv2'), stage_with_dcn=(False, False, False, True)), 'allowed: stages 1 to 3'),
])
def test_a_wrong_argument_says_what_is_allowed(arguments, said):
    with pytest.raises(ValueError, match=said):
        GroupEnsembleResNet(**{'depth': 50, **arguments})
