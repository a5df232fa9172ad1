"""Attaching to a model in hand: blocks of one's own, what is refused, and what checkpoints load."""
import importlib
import pickle
import sys

import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.logging import MMLogger
from mmengine.registry import MODELS
from mmengine.runner import load_checkpoint
from torch import nn
from trunks import build, build_plain, draw, images

import layeragg_mm
from layeragg_mm.adapters import KINDS
from layeragg_mm.layers import BaseLayerAttention, LightLayerAttention, RecurrentAggregation

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
    detector = nn.Module()
    detector.backbone = build_plain('resnet18')
    with pytest.raises(ValueError, match=r'more than a backbone; attach to its \.backbone'):
        layeragg_mm.attach(detector, LightLayerAttention)


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
