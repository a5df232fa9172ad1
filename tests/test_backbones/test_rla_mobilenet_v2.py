"""RLA-MobileNetV2: starts, layouts, and what is built for which outputs."""
import golden
import pytest
import torch
from mmengine.registry import MODELS
from test_battery import objective

from layeragg_mm.checkpoints import CheckpointError
from layeragg_mm.fast import fast_forms
from layeragg_mm.layers.inverted_rla import ReadThroughDepthwise

RELEASED = 'dsrla_mobilenetv2'


def build(**kwargs) -> torch.nn.Module:
    torch.manual_seed(0)
    return MODELS.build(dict(type='RLAMobileNetV2', **kwargs)).eval()


def plain(**kwargs) -> torch.nn.Module:
    torch.manual_seed(1)
    model = MODELS.build(dict(type='mmdet.MobileNetV2', **kwargs))
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, .1)
            module.running_var.uniform_(.5, 1.5)
    model.eval()
    return model


def released() -> dict[str, torch.Tensor]:
    return {key: value.float() for key, value in golden.state_dict(golden.load(RELEASED)).items()}


@pytest.mark.parametrize('training', [False, True])
def test_starts_as_the_plain_network(training):
    theirs, model = plain(), build()
    model.init_weights()
    model.load_state_dict(theirs.state_dict(), strict=False)
    for network in (theirs, model):
        network.train(training)
    x = torch.randn(2, 3, 65, 71)
    with torch.no_grad(), fast_forms(False):
        assert all(map(torch.equal, model(x), theirs(x)))


def test_the_published_start_reads():
    model = build(zero_init_rla=False)
    model.init_weights()
    assert all(layer.project.weight.any() for layer in model.modules() if isinstance(layer, ReadThroughDepthwise))
    assert model.rla.head[2].weight.any()


def test_what_is_read_is_cut_at_six():
    """Which the golden outputs do not show."""
    act = type(build().rla.reads[1][0].act)
    layer = ReadThroughDepthwise(2, 2, stride=1, norm=torch.nn.BatchNorm2d, act=act).eval()
    torch.nn.init.constant_(layer.conv.weight, 100.)
    torch.nn.init.constant_(layer.project.weight, 1.)
    assert layer(torch.ones(1, 2, 4, 4)).eq(12).all() and layer(-torch.ones(1, 2, 4, 4)).eq(0).all()


def test_torchvisions_layout_loads(tmp_path):
    theirs, state = plain(), {}
    names = {'conv1.conv': 'features.0.0', 'conv1.bn': 'features.0.1', 'conv2.conv': 'features.18.0',
             'conv2.bn': 'features.18.1'}
    blocks = [f'layer{j}.{i}' for j, count in enumerate((1, 2, 3, 4, 3, 3, 1), 1) for i in range(count)]
    for f, block in enumerate(blocks, 1):
        first = ['expand_conv.conv', 'expand_conv.bn'] if f > 1 else []
        for number, part in enumerate([*first, 'depthwise_conv.conv', 'depthwise_conv.bn']):
            names[f'{block}.{part}'] = f'features.{f}.conv.{number // 2}.{number % 2}'
        last = 1 + len(first) // 2
        names |= {f'{block}.linear_conv.conv': f'features.{f}.conv.{last}',
                  f'{block}.linear_conv.bn': f'features.{f}.conv.{last + 1}'}
    for key, value in theirs.state_dict().items():
        module, _, name = key.rpartition('.')
        state[f'{names[module]}.{name}'] = value
    state |= {'classifier.1.weight': torch.ones(1000, 1280), 'classifier.1.bias': torch.ones(1000)}
    torch.save(state, tmp_path / 'mobilenet_v2.pth')
    model = build(init_cfg=dict(type='Pretrained', checkpoint=str(tmp_path / 'mobilenet_v2.pth')))
    model.init_weights()
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad(), fast_forms(False):
        assert all(map(torch.equal, model(x), theirs(x)))


@pytest.mark.parametrize('change', [
    lambda state: state['recurrent_dsconvs.2.weight'].add_(1),
    lambda state: [state.pop(key) for key in list(state) if key.startswith('recurrent_')]])
def test_a_file_whose_recurrent_convolutions_are_not_one_is_refused(change):
    state = {key: value.clone() for key, value in released().items()}
    change(state)
    with pytest.raises(CheckpointError, match='recurrent convolutions of the checkpoint differ'):
        build().load_state_dict(state)


@pytest.mark.parametrize('kwargs, said', [
    (dict(recurrence='full'), 'rla.recur.weight'), (dict(rla_channels=24), 'of another')])
def test_a_released_file_of_another_network_is_refused(kwargs, said):
    with pytest.raises(CheckpointError, match=said):
        build(**kwargs).load_state_dict(released())


@pytest.mark.parametrize('out_indices', [(0,), (1, 2), (2, 4), (1, 2, 4, 6), (3, 7)])
def test_what_the_outputs_do_not_need_is_not_built(out_indices):
    """So every parameter has a gradient; and a file of the whole network gives what is built here."""
    state = released()
    whole, model = build(out_indices=tuple(range(8))), build(out_indices=out_indices)
    whole.load_state_dict(state)
    model.load_state_dict(state)
    model.load_state_dict(whole.state_dict())
    x = torch.randn(2, 3, 33, 47)
    outs = whole(x)
    for one, index in zip(model(x), out_indices, strict=True):
        torch.testing.assert_close(one, outs[index])
    objective(model.train()(x)).backward()
    idle = {key for key, parameter in model.named_parameters() if parameter.grad is None}
    assert not idle


def test_frozen_stages_freeze_the_state_s_part_of_them():
    model = build(frozen_stages=2).train()
    frozen = {key for key, parameter in model.named_parameters() if not parameter.requires_grad}
    assert {key.split('.')[0] for key in frozen} == {'conv1', 'layer1', 'layer2', 'rla'}
    assert {tuple(key.split('.')[1:3]) for key in frozen if key.startswith('rla.')} == {
        ('reads', '1'), ('norms', '0'), ('norms', '1'), ('projects', '0'), ('projects', '1')}
    assert not any(norm.training for norm in model.rla.norms[1])


@pytest.mark.parametrize('kwargs, said', [
    (dict(recurrence='half'), r"recurrence='half' .*allowed: 'depthwise', 'full'"),
    (dict(attention='se'), r"attention='se' .*allowed: None, 'eca'"),
    (dict(out_indices=(1, 8)), r'out_indices=8 .*allowed: 0, 1, 2, 3, 4, 5, 6, 7'),
    (dict(out_indices=(1, 2), frozen_stages=4), r'frozen_stages=4 .*allowed: -1, 0, 1, 2, 3')])
def test_a_wrong_argument_is_refused_with_what_is_allowed(kwargs, said):
    with pytest.raises(ValueError, match=said):
        build(**kwargs)
