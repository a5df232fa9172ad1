"""WeightNet's static form equals the kernels made for each image, and the network the authors'."""
import pickle

import golden
import pytest
import torch
from conv_layers import check_layer, check_network
from mmcv.cnn import ConvModule
from mmengine.registry import MODELS
from torch import nn

from layeragg_mm import fuse
from layeragg_mm.checkpoints import CheckpointError
from layeragg_mm.layers import WeightNetConv2d


class Prefixed(nn.Module):
    """A layer and the reduction of its block, under the published names."""

    def __init__(self, **kwargs) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(kwargs['in_channels'], 16, 1)
        self.wnet = WeightNetConv2d(reduced_channels=16, bias=False, **kwargs)

    def forward(self, x):
        return self.wnet(x, self.reduce(x.mean((2, 3), keepdim=True)))

    def load_state_dict(self, state):
        super().load_state_dict(state | {'reduce.bias': state['reduce.bias'].flatten()})


@pytest.mark.parametrize('name, kwargs', [
    ('weightnet_layer', dict(in_channels=24, out_channels=10)),
    ('weightnet_layer_depthwise', dict(in_channels=12, out_channels=12, groups=12))])
def test_layer(name, kwargs):
    parameters = {key: 'wnet.weight' if 'fc2' in key else key for key in golden.load(name)['grad_parameters']}
    check_layer(name, Prefixed(kernel_size=3, stride=2, padding=1, **kwargs), parameters)


@pytest.mark.parametrize('kernel', [1, 3])
def test_of_its_own_is_a_kernel_for_each_image(kernel):
    torch.manual_seed(0)
    layer, x = WeightNetConv2d(6, 8, kernel, padding=kernel // 2).double(), torch.randn(3, 6, 7, 5).double()
    nn.init.normal_(layer.bias)
    gates = layer.wn_fc1(layer.reduce(x.mean((2, 3), keepdim=True))).sigmoid()
    for image, gate, out in zip(x, gates, layer(x)):
        kernels = layer.weight * gate.view(8, 2, 1, 1).repeat_interleave(3, 1)
        torch.testing.assert_close(out, nn.functional.conv2d(image, kernels, layer.bias, padding=kernel // 2))


def released(name: str = 'weightnet_shufflenet_v2_1.0x') -> dict[str, torch.Tensor]:
    return golden.state_dict(golden.load(name))


def test_network():
    network = MODELS.build(dict(type='WeightNetShuffleNetV2'))
    check_network('weightnet_shufflenet_v2_1.0x', network)


@pytest.mark.parametrize('widen_factor, millions', [(0.5, 1.464), (1.0, 2.436), (1.5, 3.915), (2.0, 6.198)])
def test_parameters(widen_factor, millions):
    network = MODELS.build(dict(type='WeightNetShuffleNetV2', widen_factor=widen_factor))
    last = network.channels[-1]
    head = last * 1024 + 3 * 1024 + 1024 * 1000 + 1000
    assert sum(parameter.numel() for parameter in network.parameters()) + head == pytest.approx(millions * 1e6, abs=600)


@pytest.mark.parametrize('old', [False, True], ids=['1.13', 'old'])
def test_reads_megengine_s_file(old, tmp_path):
    """Arrays in a pickle; old files have norms of (1, C, 1, 1)."""
    state = {key: value.float().numpy() for key, value in released().items()}
    if old:
        state = {key: value.reshape(1, -1, 1, 1) if '.bn' in key or key.startswith('first_conv.1') else value
                 for key, value in state.items()}
    (tmp_path / 'net.pkl').write_bytes(pickle.dumps(dict(state_dict=state, epoch=1) if old else state))
    network = MODELS.build(dict(type='WeightNetShuffleNetV2', out_indices=(1, 2),
                                init_cfg=dict(type='Pretrained', checkpoint=str(tmp_path / 'net.pkl'))))
    network.init_weights()
    other = MODELS.build(dict(type='WeightNetShuffleNetV2', out_indices=(1, 2)))
    other.load_state_dict({key: value.float() for key, value in released().items()})
    assert len(network.features) == 12
    assert all(map(torch.equal, network.state_dict().values(), other.state_dict().values()))


def test_a_file_that_would_run_code_is_refused(tmp_path):
    class Evil:
        def __reduce__(self):
            return print, ('run',)

    (tmp_path / 'net.pkl').write_bytes(pickle.dumps(dict(a=Evil())))
    network = MODELS.build(dict(type='WeightNetShuffleNetV2', widen_factor=0.5,
                                init_cfg=dict(type='Pretrained', checkpoint=str(tmp_path / 'net.pkl'))))
    with pytest.raises(CheckpointError, match='could run any code'):
        network.init_weights()


def test_start_in_a_resnet_is_the_published_one():
    model = MODELS.build(dict(type='mmdet.ResNet', depth=50, conv_cfg=dict(type='WeightNetConv2d')))
    model.init_weights()
    conv = model.layer1[0].conv2
    assert type(model.conv1) is nn.Conv2d and isinstance(conv, WeightNetConv2d)
    assert conv.weight.std().item() == pytest.approx(2 / (64 * 9), rel=.05)
    assert conv.wn_fc1.weight.std().item() == pytest.approx(1 / 16, rel=.1)


@pytest.mark.parametrize('groups', [1, 8])
@pytest.mark.parametrize('efficient', [False, True])
def test_in_mmcv_s_module(efficient, groups):
    torch.manual_seed(0)
    module = ConvModule(8, 8, 3, padding=1, groups=groups, conv_cfg=dict(type='WeightNetConv2d'),
                        norm_cfg=dict(type='BN'), act_cfg=None)
    nn.init.uniform_(module.bn.running_var, .5, 2), nn.init.uniform_(module.bn.bias, .5, 2)
    x = torch.randn(2, 8, 9, 12)
    expected = module.eval().bn(module.conv(x))
    module.turn_on_efficient_conv_bn_eval(efficient)
    torch.testing.assert_close(module(x), expected)
    fused = fuse(module)
    assert not isinstance(fused.bn, nn.BatchNorm2d)
    torch.testing.assert_close(fused(x), expected)


@pytest.mark.parametrize('kwargs', [dict(in_channels=7), dict(groups=2), dict(padding_mode='reflect')])
def test_bad_arguments(kwargs):
    with pytest.raises(ValueError, match='is not available'):
        WeightNetConv2d(**{**dict(in_channels=8, out_channels=8, kernel_size=3), **kwargs})
    with pytest.raises(ValueError, match='reduced_channels=8 is not available; allowed: None'):  # no block pools for it
        MODELS.build(dict(type='mmdet.ResNet', depth=18, conv_cfg=dict(type='WeightNetConv2d', reduced_channels=8)))
