"""How layers of any trunk use earlier ones: what is measured is what they compute, and measuring changes nothing."""
import numpy as np
import pytest
import torch
from trunks import build, build_plain, draw, images

from layeragg_mm.errors import InputError
from layeragg_mm.visualization import watch_layers

pytestmark = pytest.mark.slow


@pytest.mark.parametrize('name, depths', [
    ('mobilenet_v2 LightLayerAttention', [1, 1, 2, 3, 2, 2]),
    ('hrnet BaseLayerAttention', [2] * 10),
    ('swin BaseLayerAttention', [2, 2, 3, 1]),
])
def test_attention_weights(name, depths, tmp_path):
    model = draw(build(name), 'aggregation.').eval()
    with torch.no_grad():
        plain = model(images(name))
        with watch_layers(model) as watch:
            assert all(map(torch.equal, model(images(name)), plain))
    assert [len(weights) for weights in watch.weights_of_stages] == depths
    for weights in watch.weights_of_stages:
        assert not np.triu(weights, 1).any() and np.tril(weights).any()
        if 'Base' in name:
            np.testing.assert_allclose(weights.sum(1), 1, atol=1e-6)
    watch.save(tmp_path / 'layers.png')
    assert (tmp_path / 'layers.png').stat().st_size > 1000


def test_the_hidden_state(tmp_path):
    model = draw(build('cspnext RecurrentAggregation'), 'aggregation.').eval()
    x = images('cspnext')
    with torch.no_grad():
        plain = model(x)
        with watch_layers(model) as watch:
            assert all(map(torch.equal, model(x), plain))
        assert all(map(torch.equal, model(x), plain))
    assert list(watch.norms) == [1, 2, 3, 4, 5] and all(value > 0 for value in watch.shares.values())
    watch.save(tmp_path / 'layers.png')


def test_what_has_nothing_to_look_at_is_told():
    for model, said in (build_plain('resnet18'), 'no layer attention and no hidden state'), (
            build('swin LightLayerAttention'), 'LayerNorm has no fixed one'):
        model.eval()
        with pytest.raises(InputError, match=said), watch_layers(model), torch.no_grad():
            model(images('swin'))
