"""Attaching to a model in hand: blocks of one's own, what is refused, and what checkpoints load."""
import copy
import importlib
import pickle
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.logging import MMLogger
from mmengine.model import BaseModule
from mmengine.registry import MODELS
from mmengine.runner import load_checkpoint
from torch import nn
from torch.utils.checkpoint import checkpoint
from trunks import build, build_plain, draw, images

import layeragg_mm
from layeragg_mm.adapters import KINDS, outputs_of
from layeragg_mm.checkpoints import CheckpointError
from layeragg_mm.layers import (
    BaseLayerAttention,
    KeyCorrelatedLayerAttention,
    LightLayerAttention,
    RecurrentAggregation,
)

OWN = '''
from layeragg_mm.adapters import Ports, register
from torch import nn


class PreNormBlock(nn.Module):
    """A user's own block: x + conv(relu(norm(conv(x))))."""

    def __init__(self, channels):
        super().__init__()
        self.reduce = nn.Conv2d(channels, channels // 2, 3, padding=1)
        self.norm = nn.BatchNorm2d(channels // 2)
        self.expand = nn.Conv2d(channels // 2, channels, 1)

    def forward(self, x):
        return x + self.expand(self.norm(self.reduce(x)).relu())


class Net(nn.Module):
    def __init__(self, *widths):
        super().__init__()
        self.strided = nn.ModuleList(nn.Conv2d(i, o, 3, stride=2, padding=1) for i, o in zip((3, *widths), widths))
        self.stages = nn.ModuleList(nn.Sequential(PreNormBlock(width), PreNormBlock(width)) for width in widths)

    def forward(self, x):
        outs = []
        for conv, stage in zip(self.strided, self.stages):
            x = stage(conv(x))
            outs.append(x)
        return tuple(outs)


def adapter(block):
    return Ports(block.expand.out_channels, first=block.reduce)


register(PreNormBlock, adapter)
'''


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A module outside the package, with a backbone and the adapter of its blocks."""
    (tmp_path / 'users_own_backbone.py').write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module('users_own_backbone')
    del KINDS['users_own_backbone.PreNormBlock'], sys.modules['users_own_backbone']


@pytest.mark.parametrize('aggregation', [LightLayerAttention, BaseLayerAttention, RecurrentAggregation])
def test_a_users_own_block_joins_by_a_function(own, aggregation):
    plain = own.Net(8, 12)
    expected = plain(torch.ones(1, 3, 33, 47))
    net = layeragg_mm.attach(plain, aggregation)
    assert net is plain and isinstance(net, own.Net)
    outs = net(torch.ones(1, 3, 33, 47))
    torch.testing.assert_close(outs, expected, rtol=0, atol=0)
    assert net.out_channels == (8, 12) and net.out_strides == (2, 4)
    sum(out.sum() for out in outs).backward()
    assert all(parameter.grad is not None for parameter in net.parameters())
    draw(net, 'aggregation.').eval()
    outs = net(torch.ones(1, 3, 33, 47))
    assert not torch.equal(outs[1], expected[1])
    torch.testing.assert_close(pickle.loads(pickle.dumps(net))(torch.ones(1, 3, 33, 47)), outs)


def test_a_block_called_by_itself_knows_of_no_earlier_ones(own):
    net = draw(layeragg_mm.attach(own.Net(8, 12), BaseLayerAttention)).eval()
    x = torch.ones(1, 8, 5, 5)
    with torch.no_grad():
        one, other = net.stages[0][1](x), net.stages[0][1](x)
    assert torch.equal(one, other) and net.handover.state is None


def test_attached_in_evaluation_mode_it_learns_in_training(own):
    net = layeragg_mm.attach(own.Net(8, 12).eval(), LightLayerAttention)
    assert not any(module.training for module in net.modules())
    net.train()
    assert all(parameter.requires_grad for parameter in net.parameters())


def test_the_aggregation_is_of_the_type_of_its_blocks(own):
    net = layeragg_mm.attach(own.Net(8, 12).double(), LightLayerAttention)
    assert net(torch.ones(1, 3, 33, 47).double())[1].dtype == torch.float64


def test_a_detector_initialises_a_plain_network_in_it(own):
    class Detector(BaseModule):
        def __init__(self, backbone):
            super().__init__()
            self.backbone = backbone

    MMLogger.get_current_instance().setLevel('ERROR')
    detector = Detector(draw(layeragg_mm.attach(own.Net(8, 12), BaseLayerAttention)))
    before = copy.deepcopy(detector.state_dict())
    detector.init_weights()  # of a plain network nothing, so of what was loaded into its aggregation nothing too
    assert all(torch.equal(value, before[key]) for key, value in detector.state_dict().items())


def test_outputs_that_a_network_tells_itself_stay(own):
    class Telling(own.Net):
        def __init__(self):
            super().__init__(8, 12)
            self.out_channels = 12

        def forward(self, x):
            last = super().forward(x)[-1]
            assert last.shape[1] == self.out_channels
            return last

    class Named(own.Net):
        def forward(self, x):
            return dict(zip('ab', super().forward(x)))

    net = layeragg_mm.attach(Telling(), LightLayerAttention)
    assert net.out_channels == 12 and outputs_of(net) == ((12,), (4,))
    assert layeragg_mm.attach(Named(8, 12), LightLayerAttention).out_channels == (8, 12)


def one_stage(own, call) -> torch.nn.Module:
    """Return a network of one stage whose forward runs each block by ``call(block, x)``."""

    class OneStage(own.Net):
        def forward(self, x):
            x = self.strided[0](x)
            for block in self.stages[0]:
                x = call(block, x)
            return (x,)

    return OneStage(8)


@pytest.mark.parametrize('aggregation', [LightLayerAttention, RecurrentAggregation])
def test_blocks_are_called_as_they_were(own, aggregation):
    class Scaled(own.PreNormBlock):
        def forward(self, hidden, scale=1.):
            return hidden + scale * self.expand(self.norm(self.reduce(hidden)).relu())

    layeragg_mm.adapters.register(Scaled, own.adapter)
    plain, calls = one_stage(own, lambda block, x: block(hidden=x, scale=2.)), []
    plain.stages[0][0], plain.stages[0][1] = Scaled(8), Scaled(8)
    before = plain.stages[0][0].forward
    plain.stages[0][0].forward = lambda *args, **kwargs: calls.append(1) or before(*args, **kwargs)
    x = torch.ones(1, 3, 33, 47)
    expected = plain(x)
    torch.testing.assert_close(layeragg_mm.attach(plain, aggregation)(x), expected, rtol=0, atol=0)
    assert len(calls) == 2
    del KINDS[f'{__name__}.{Scaled.__qualname__}']


def test_a_block_that_returns_more_than_a_map_is_told(own):
    net = own.Net(8, 12)
    net.stages[0][1].forward = lambda x: (x, None)
    net = layeragg_mm.attach(net, RecurrentAggregation)
    with pytest.raises(TypeError, match='PreNormBlock returns a tuple; an aggregation is for blocks that'):
        net(torch.ones(1, 3, 33, 47))


def test_a_projection_that_is_called_by_itself_leaves_nothing():
    net = build('resnet18 LightLayerAttention')
    net.layer2[0].downsample(torch.ones(1, 8, 5, 5))
    copy.deepcopy(net)  # a map with a gradient could not be copied


@pytest.mark.parametrize('aggregation', ['LightLayerAttention', 'BaseLayerAttention', 'RecurrentAggregation'])
def test_a_network_serves_several_threads(aggregation):
    net = draw(build(f'resnet18 {aggregation}')).eval()
    inputs = [images('resnet18') + i for i in range(4)]

    @torch.no_grad()
    def last(i):
        return net(inputs[i])[-1]

    expected = [last(i) for i in range(4)]
    with ThreadPoolExecutor(4) as pool:
        for i, out in enumerate(pool.map(last, [0, 1, 2, 3] * 6)):
            torch.testing.assert_close(out, expected[i % 4])


@pytest.mark.parametrize('use_reentrant', [False, True])
def test_checkpoints_of_a_network_s_own_forward_are_refused_where_a_state_would_be_lost(own, use_reentrant):
    def checkpointing():
        return one_stage(own, partial(checkpoint, use_reentrant=use_reentrant))

    x = torch.ones(1, 3, 33, 47)
    layeragg_mm.attach(checkpointing(), LightLayerAttention)(x)[0].sum().backward()
    for aggregation in (BaseLayerAttention, RecurrentAggregation, KeyCorrelatedLayerAttention):
        out, = layeragg_mm.attach(checkpointing(), aggregation)(x)
        with pytest.raises(RuntimeError, match='give the blocks with_cp=True before'):
            out.sum().backward()
    net = layeragg_mm.attach(own.Net(8), BaseLayerAttention)
    checkpoint(lambda x: net(x)[0], x.requires_grad_(), use_reentrant=use_reentrant).sum().backward()


def test_data_parallel_is_refused_in_a_sentence():
    with pytest.raises(RuntimeError, match='take DistributedDataParallel'):
        build('resnet18 LightLayerAttention')._replicate_for_data_parallel()


def test_what_has_no_place_is_refused_in_a_sentence():
    with pytest.raises(TypeError, match=r'SSDVGG has no place for a layer aggregation: .*register'):
        layeragg_mm.attach(MODELS.build(dict(type='mmdet.SSDVGG', depth=16, out_feature_indices=(22, 34))),
                           LightLayerAttention)
    with pytest.raises(TypeError, match='SwinTransformer, whose blocks pass tokens, has no place for this aggregation; '
                                        'it has one for LightLayerAttention and BaseLayerAttention'):
        layeragg_mm.attach(build_plain('swin'), 'RecurrentAggregation')
    with pytest.raises(ValueError, match="'Attention' is not available; allowed: LightLayerAttention, "):
        layeragg_mm.attach(build_plain('resnet18'), 'Attention')
    with pytest.raises(ValueError, match='has an aggregation already'):
        layeragg_mm.attach(build('resnet18 LightLayerAttention'), BaseLayerAttention)
    with pytest.raises(ValueError, match='allowed are the divisors of 8'):
        layeragg_mm.attach(build_plain('resnet18'), LightLayerAttention, channels_per_head=3)
    with pytest.raises(ValueError, match='channels_per_head=0 does not divide'):
        layeragg_mm.attach(build_plain('resnet18'), LightLayerAttention, channels_per_head=0)
    with pytest.raises(ValueError, match='aggregation=None is not available; allowed: LightLayerAttention, '):
        MODELS.build(dict(type='LayerAggregation', backbone=dict(type='mmdet.ResNet', depth=18), aggregation={}))
    with pytest.raises(TypeError, match="attach needs a network, and got 'resnet'; build it first, or in a config"):
        layeragg_mm.attach('resnet', LightLayerAttention)
    for name in ('LightLayerAttention', 'DynamicLayerAttention', 'KeyCorrelatedLayerAttention'):
        with pytest.raises(ValueError, match=r'drop_path_rate=1\.5 is not available; allowed: 0 <= rate < 1'):
            layeragg_mm.attach(build_plain('resnet18'), name, drop_path_rate=1.5)
    for config in (dict(type='FastResNet', depth=18), dict(type='DCAResNet', depth=50), dict(type='RLAMobileNetV2')):
        with pytest.raises(TypeError, match=r'opens its blocks itself.*attach to the plain network'):
            layeragg_mm.attach(MODELS.build(config), LightLayerAttention)
    detector = nn.Module()
    detector.backbone = build_plain('resnet18')
    with pytest.raises(ValueError, match=r'more than a backbone; attach to its \.backbone'):
        layeragg_mm.attach(detector, LightLayerAttention)


def test_ports_that_say_other_channels_are_told(own, monkeypatch):
    kind = f'{own.PreNormBlock.__module__}.PreNormBlock'
    ports = KINDS[kind].ports
    monkeypatch.setitem(KINDS, kind, KINDS[kind]._replace(ports=lambda block: ports(block)._replace(channels=8)))
    net = layeragg_mm.attach(own.Net(16), LightLayerAttention)
    with pytest.raises(ValueError, match='PreNormBlock gives 16 channels, and its Ports say 8; correct what'):
        net(torch.randn(1, 3, 32, 32))


def test_an_aggregation_by_its_name_alone():
    net = MODELS.build(dict(type='LayerAggregation', backbone=dict(type='mmdet.ResNet', depth=18),
                            aggregation='LightLayerAttention'))
    assert isinstance(net.aggregation[0][0], LightLayerAttention)


def test_options_reach_the_aggregation():
    net = MODELS.build(dict(
        type='LayerAggregation', backbone=dict(type='mmdet.ResNet', depth=18),
        aggregation=dict(type='LightLayerAttention', channels_per_head=16, drop_path_rate=.2, zero_init=False)))
    rates = [getattr(attention.drop_path, 'drop_prob', 0) for stage in net.aggregation for attention in stage]
    assert rates[0] == 0 and rates[-1] == pytest.approx(.2) and rates == sorted(rates)
    assert net.aggregation[0][0].channels_per_head == 16 and (net.aggregation[0][0].norm.weight == 1).all()
    net = layeragg_mm.attach(build_plain('resnet18'), RecurrentAggregation, hidden_channels=6)
    assert net.aggregation[0].recur.weight.shape[:2] == (6, 6)


def told(capsys, load) -> str:
    """Return what the log says while ``load`` runs."""
    MMLogger.get_instance('attach', log_level='INFO')
    capsys.readouterr()
    load()
    captured = capsys.readouterr()
    return captured.out + captured.err


@pytest.mark.parametrize('name', ['resnet18 LightLayerAttention', 'swin BaseLayerAttention',
                                  'dla46_c RecurrentAggregation'])
def test_a_plain_checkpoint_loads_and_the_log_says_what_is_new(name, tmp_path, capsys):
    plain, file = build_plain(name.split()[0]), tmp_path / 'plain.pth'
    plain.eval()
    with torch.no_grad():
        expected = plain(images(name))
    state = {f'backbone.{key}': value for key, value in plain.state_dict().items()}
    torch.save(dict(state_dict=state), file)
    # By init_cfg of the inner backbone, and as part of a whole detector by load_from.
    by_init_cfg = build(name)
    draw(by_init_cfg).init_cfg = dict(type='Pretrained', checkpoint=str(file), prefix='backbone.')
    if 'swin' in name:
        by_init_cfg.init_cfg = ConfigDict(type='Pretrained', checkpoint=str(file))
    detector = nn.Module()
    detector.backbone = draw(build(name), *(key for key, _ in plain.named_parameters()))
    for model, load in ((by_init_cfg, by_init_cfg.init_weights),
                        (detector.backbone, lambda: load_checkpoint(detector, str(file)))):
        log = told(capsys, load)
        assert log.count('not in the checkpoint, so starting from initial values: aggregation') == 1, log
        for key, value in plain.state_dict().items():
            assert torch.equal(model.state_dict()[key], value), key
    with torch.no_grad():
        for one, other in zip(detector.backbone.eval()(images(name)), expected, strict=True):
            torch.testing.assert_close(one, other, rtol=0, atol=1e-5 * other.abs().max().item())


def test_a_checkpoint_of_the_network_itself_is_where_it_starts(tmp_path, capsys):
    model, file = draw(build('resnet18 RecurrentAggregation')), tmp_path / 'own.pth'
    torch.save(model.state_dict(), file)
    other = MODELS.build(dict(
        type='LayerAggregation', aggregation=dict(type='RecurrentAggregation'),
        backbone=dict(type='mmdet.ResNet', depth=18, base_channels=8, stem_channels=8,
                      init_cfg=dict(type='Pretrained', checkpoint=str(file)))))
    assert 'not in the checkpoint' not in told(capsys, other.init_weights)
    for key, value in model.state_dict().items():
        assert torch.equal(other.state_dict()[key], value), key


def test_fused_it_computes_the_same():
    for name in ('resnet18 RecurrentAggregation', 'mobilenet_v2 LightLayerAttention', 'hrnet BaseLayerAttention',
                 'swin LightLayerAttention'):
        model = draw(build(name), 'aggregation.').eval()
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.normal_(module.running_mean, std=.1)
                nn.init.uniform_(module.running_var, .5, 1.5)
        x = images(name)
        with torch.no_grad():
            for one, other in zip(layeragg_mm.fuse(model)(x), model(x), strict=True):
                torch.testing.assert_close(one, other, rtol=0, atol=1e-4 * other.abs().max().item())


def test_a_file_is_of_this_network_and_of_its_aggregation(tmp_path, capsys):
    plain = build_plain('resnet18')
    torch.save(dict(state_dict={f'backbone.{key}': value for key, value in plain.state_dict().items()}),
               tmp_path / 'detector.pth')
    torch.save(build('resnet18 RecurrentAggregation').state_dict(), tmp_path / 'other.pth')
    torch.save(build_plain('mobilenet_v2').state_dict(), tmp_path / 'mobilenet.pth')

    network = draw(build('resnet18 LightLayerAttention'))

    def load(name):
        load_checkpoint(network, str(tmp_path / name))

    log = told(capsys, lambda: load('detector.pth'))
    assert 'aggregation' in log and 'missing keys' not in log
    for key, value in plain.state_dict().items():
        assert torch.equal(network.state_dict()[key], value), key
    with pytest.raises(CheckpointError, match='another aggregation'):
        load('other.pth')
    with pytest.raises(CheckpointError, match='no weight of AggregatingResNet; it has conv1'):
        load('mobilenet.pth')
