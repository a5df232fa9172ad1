"""What must hold for every aggregation on every trunk; new ones join by being listed in tests/trunks.py."""
import copy
import pickle
import re

import pytest
import torch
from conftest import slow_but
from graphs import check_graphs
from mmengine.logging import MMLogger
from mmengine.registry import MODELS
from test_battery import assert_equal, gradients, objective
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from trunks import COMBINATIONS, TRUNKS, build, build_plain, draw, images

from layeragg_mm.fast import fast_forms

QUICK = ('resnet18 RecurrentAggregation', 'mobilenet_v2 LightLayerAttention', 'cspnext RecurrentAggregation',
         'resnet50 KeyCorrelatedLayerAttention', 'mobilenet_v2 DynamicLayerAttention',
         'swin LightLayerAttention', 'vit BaseLayerAttention', 'mscan LightLayerAttention',
         'dla46_c BaseLayerAttention')


def combinations(holds=lambda trunk: True, quick=QUICK):
    names = [name for name in COMBINATIONS if holds(TRUNKS[name.split()[0]])]
    return pytest.mark.parametrize('name', slow_but(quick, names))


def aggregations_and_blocks(model: nn.Module) -> list[tuple[nn.Module, list[nn.Module]]]:
    """Return each part of the aggregation that is frozen as a whole, with the blocks that it belongs to."""
    pairs = []
    for module, blocks in zip(model.aggregation, model.blocks_of_stages):
        pairs += [(part, [block]) for part, block in zip(module, blocks)] if isinstance(module, nn.ModuleList) else [
            (module, blocks)]
    return [(part, blocks) for part, blocks in pairs if list(part.parameters())]


@combinations()
@torch.random.fork_rng()
def test_starts_as_the_plain_network_and_learns(name):
    plain, model = build_plain(name.split()[0]), build(name)
    plain.train(), model.train()
    assert {key for key, _ in model.named_parameters() if not key.startswith('aggregation.')} == {
        key for key, _ in plain.named_parameters()}
    with fast_forms(False):  # a frozen norm joined to its convolution rounds otherwise
        for batch in (2, 1) if name.startswith(('swin', 'vit', 'pvt')) else (2,):
            x = images(name, batch)
            outs = model(x)
            assert all(map(torch.equal, outs, plain(x)))
    assert [out.shape[1] for out in outs] == list(model.out_channels)
    assert [-(-x.shape[2] // stride) for stride in model.out_strides] == [out.shape[2] for out in outs]
    objective(outs).backward()
    for key, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), f'{key} gets no gradient'

    draw(model, 'aggregation.')
    assert not torch.equal(model(x)[-1], outs[-1]), 'what was learned changes nothing'


@combinations(quick=('resnet18 LightLayerAttention', 'swin BaseLayerAttention', 'pvt_v2 LightLayerAttention'))
def test_initialised_anew_it_starts_as_the_plain_network(name):
    MMLogger.get_current_instance().setLevel('ERROR')  # it tells of every weight
    model = draw(build(name), 'aggregation.')
    model.init_weights()
    plain = build_plain(name.split()[0])
    plain.load_state_dict({key: value for key, value in model.state_dict().items() if key in plain.state_dict()})
    model.eval(), plain.eval()
    with torch.no_grad(), fast_forms(False):
        assert all(map(torch.equal, model(images(name)), plain(images(name))))


@combinations()
def test_copies_and_checkpoints_compute_the_same(name):
    model = draw(build(name), 'aggregation.').eval()
    other = build(name).eval()
    other.load_state_dict(model.state_dict())
    with torch.no_grad():
        expected = model(images(name))
        for same in (other, copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
            assert all(map(torch.equal, same(images(name)), expected))
    assert model.handover.state is None and model.handover.size is None


@combinations(lambda trunk: trunk.has_with_cp)
def test_gradient_checkpointing_gives_the_same_gradients(name):
    x = images(name).requires_grad_()
    plain = gradients(draw(build(name).train(), 'aggregation.'), x)
    checkpointed = gradients(draw(build(name, with_cp=True).train(), 'aggregation.'), x)
    assert_equal(checkpointed.values(), plain.values(), relative=1e-4)


@combinations(lambda trunk: trunk.frozen_stages is not None)
def test_the_aggregation_of_frozen_stages_is_frozen(name):
    model = build(name, frozen_stages=TRUNKS[name.split()[0]].frozen_stages).train().train()
    frozen = []
    for part, blocks in aggregations_and_blocks(model):
        still = not any(parameter.requires_grad for block in blocks for parameter in block.parameters())
        frozen.append(still)
        assert all(parameter.requires_grad != still for parameter in part.parameters())
        assert part.training != still
    assert any(frozen) and not all(frozen)


@combinations(lambda trunk: trunk.config['type'] in ('mmdet.ResNet', 'mmdet.MobileNetV2', 'mmdet.CSPNeXt', 'DLANet'))
def test_norm_eval_is_for_the_aggregation_too(name):
    model = build(name, norm_eval=True).train()
    assert not any(module.training for module in model.modules() if isinstance(module, _BatchNorm))


# A ResNet's and a vision transformer's are those of test_battery.py.
GRAPHS = [*(f'{trunk} LightLayerAttention' for trunk in ('swin', 'pvt_v2', 'cspnext', 'dla46_c')),
          *(name for name in COMBINATIONS if name.startswith('mobilenet_v2 '))]


@pytest.mark.slow
@pytest.mark.parametrize('name', GRAPHS)
def test_compiles_without_a_graph_break_exports_and_traces(name, tmp_path):
    check_graphs(draw(build(name), 'aggregation.').eval(), images(name, 1), tmp_path)


@pytest.mark.parametrize('depth', [18, 50])
@pytest.mark.parametrize('aggregation, ours, names', [
    ('LightLayerAttention', dict(type='MRLAResNet', variant='light'), 'layer{}.{}.mrla.'),
    ('BaseLayerAttention', dict(type='MRLAResNet', variant='base'), 'layer{}.{}.mrla.'),
    ('RecurrentAggregation', dict(type='RLAResNet'), 'rla.'),
    ('DynamicLayerAttention', dict(type='MRLAResNet', variant='dynamic'), 'mrla.'),
    ('KeyCorrelatedLayerAttention', dict(type='MRLAResNet', variant='key_correlated'), 'layer{}.{}.mrla.'),
])
def test_on_a_resnet_it_is_the_network_of_that_name(depth, aggregation, ours, names):
    config = dict(depth=depth, base_channels=64, stem_channels=8)  # for heads of 64 channels
    torch.manual_seed(0)
    model = draw(MODELS.build({**config, **ours})).eval()
    attached = MODELS.build(dict(type='LayerAggregation', backbone=dict(type='mmdet.ResNet', **config),
                                 aggregation=dict(type=aggregation))).eval()
    state = model.state_dict()
    for s, stage in enumerate(model.stages):
        for b in range(len(stage)):
            mine = names.format(s + 1, b)
            yours = f'aggregation.{s}.{b}.' if '{}' in names else 'aggregation.'
            state = {re.sub(f'^{mine}', yours, key): value for key, value in state.items()}
    attached.load_state_dict(state)
    x = images('resnet18')
    with torch.no_grad():
        assert_equal(attached(x), model(x), relative=1e-5)


def test_the_history_of_a_plain_transformer_restarts_after_four_blocks():
    model = draw(build('vit BaseLayerAttention'), 'aggregation.').eval()
    lengths = []
    for row in model.aggregation:
        for attention in row:
            attention.register_forward_pre_hook(lambda _, inputs: lengths.append(len(inputs[1])))
    with torch.no_grad():
        model(images('vit'))
    assert lengths == [0, 1, 2, 3, 0]


@combinations(quick=QUICK[:3])
def test_hooks_on_blocks_are_called_and_what_they_write_is_read(name):
    model = draw(build(name), 'aggregation.').eval()
    block = model.blocks_of_stages[1][0]
    x = images(name)
    with torch.no_grad():
        expected, seen = model(x), []
        handle = block.register_forward_hook(lambda block, inputs, output: seen.append(output))
        assert_equal(model(x), expected)
        handle.remove()
        handle = block.register_forward_hook(lambda block, inputs, output: 2 * output)
        assert not torch.equal(model(x)[-1], expected[-1])
        handle.remove()
    assert len(seen) == 1 and isinstance(seen[0], torch.Tensor)
    assert all(map(torch.equal, model(x), expected)), 'something was left behind'
