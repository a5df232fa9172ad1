"""The plain ResNet with the fast forms is MMDetection's ResNet: same names, same function, fewer activations."""
import pytest
import torch
from mmdet.models import ResNet

from layeragg_mm.analysis import kept_activations
from layeragg_mm.backbones import FastResNet


@pytest.mark.parametrize('kwargs', [
    dict(depth=18), dict(depth=50), dict(depth=50, deep_stem=True, avg_down=True, style='caffe', out_indices=(0, 2))])
@pytest.mark.parametrize('norm_eval', [True, False])
def test_it_is_the_resnet_of_mmdetection(kwargs, norm_eval):
    torch.manual_seed(0)
    ours, theirs = (kind(**kwargs, base_channels=16, stem_channels=16, norm_eval=norm_eval).double()
                    for kind in (FastResNet, ResNet))
    theirs.load_state_dict(ours.state_dict())  # under the same names
    for network in (ours, theirs):
        network.train()
    x = torch.randn(2, 3, 65, 47, dtype=torch.float64)
    for one, other in zip(ours(x), theirs(x), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12 * other.abs().max().item())
    for network in (ours, theirs):
        sum(out.square().mean() for out in network(x)).backward()
    for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        if other.grad is None:  # behind the last output
            assert one.grad is None
        else:
            torch.testing.assert_close(one.grad, other.grad, rtol=0, atol=1e-11 * other.grad.abs().max().item())


def test_it_keeps_less():
    x = torch.randn(2, 3, 192, 192)
    ours, theirs = (kind(50, base_channels=16, stem_channels=16) for kind in (FastResNet, ResNet))
    for network in (ours, theirs):
        network.train()
    assert kept_activations(lambda: ours(x)) < .8 * kept_activations(lambda: theirs(x))


def test_an_imagenet_file_starts_it():
    network = FastResNet(18, base_channels=16, stem_channels=16)
    file = {**network.state_dict(), 'fc.weight': torch.zeros(1000, 128), 'fc.bias': torch.zeros(1000)}
    network.load_state_dict(file)
