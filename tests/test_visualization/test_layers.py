"""How layers use earlier ones: the measured weights are what they are said to be, and measuring changes nothing."""
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmdet.models import ResNet
from mmengine.registry import MODELS

from layeragg_mm import fuse
from layeragg_mm.adapters import adapter_of
from layeragg_mm.errors import InputError
from layeragg_mm.fast import fast_forms
from layeragg_mm.layers import LightLayerAttention
from layeragg_mm.visualization import AttentionWatch, watch_layers


def build(**kwargs) -> torch.nn.Module:
    torch.manual_seed(0)
    model = MODELS.build(dict(depth=50, base_channels=16, **kwargs))
    model.init_weights()
    return model.eval()


def test_base_weights_are_the_softmax_over_the_stage():
    model = build(type='MRLAResNet', variant='base', zero_init_mrla=False)
    seen = []  # the inputs of stage 2's attention
    for block in model.stages[1]:
        block.mrla.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    images = torch.randn(2, 3, 64, 64)
    with watch_layers(model) as watch, torch.no_grad():
        model(images)
    assert [len(weights) for weights in watch.weights_of_stages] == [3, 4, 6, 3]

    keys = [block.mrla.query_and_key(x)[1] for block, x in zip(model.stages[1], seen)]
    for t, (block, x) in enumerate(zip(model.stages[1], seen)):
        query, _ = block.mrla.query_and_key(x)
        scores = torch.stack([(query * key).sum(-1) / 4 for key in keys[:t + 1]])  # 16 channels a head
        expected = scores.softmax(0).mean((1, 2)).tolist() + [0] * (3 - t)
        np.testing.assert_allclose(watch.weights_of_stages[1][t], expected, atol=1e-6)


def test_light_weights_are_what_a_change_of_an_earlier_value_does_to_a_later_output():
    torch.manual_seed(0)
    layers = [LightLayerAttention(64, zero_init=False).double().eval() for _ in range(3)]
    for layer in layers:
        layer.norm.running_var.uniform_(.5, 2)
        layer.norm.weight.data.normal_()
    inputs = torch.randn(4, 2, 64, 5, 5, dtype=torch.float64)

    def outputs() -> list[torch.Tensor]:
        outs = [inputs[3]]
        for layer, x in zip(layers, inputs):
            outs.append(layer(x, outs[-1]))
        return outs[1:]

    watch = AttentionWatch(SimpleNamespace(stages=[[SimpleNamespace(mrla=layer) for layer in layers]]))
    with torch.no_grad():
        before = outputs()
        watch.stop()
        for s, layer in enumerate(layers):
            value = layer.value(inputs[s])
            layer.value.weight *= 2  # adds one value more
            for t, (old, new) in enumerate(zip(before, outputs())):
                expected = ((new - old) / value).mean((2, 3)).abs().mean()
                np.testing.assert_allclose(watch.weights_of_stages[0][t, s], expected, atol=1e-9)
            layer.value.weight /= 2


def test_hidden_state_and_what_is_read_of_it():
    model = build(type='RLAResNet', zero_init_rla=False)
    image = torch.randn(1, 3, 64, 64)
    with watch_layers(model) as watch, torch.no_grad():
        model(image)
    norms, x, hidden = [], model.trunk.stem(model, image), None
    for stage, aggregation in zip(model.stages, model.rla):
        for i, block in enumerate(stage):
            if hidden is not None:
                norms.append(hidden.pow(2).mean().sqrt().item())
                share = aggregation.read(i, hidden).norm() / block.conv1(x).norm()
            x = adapter_of(block).run(block, x, aggregation.read(i, hidden)).out
            hidden = aggregation.update(i, x, hidden)
    np.testing.assert_allclose(list(watch.norms.values()), norms, rtol=1e-5)
    assert list(watch.shares) == list(range(1, 16)) and watch.shares[15] == pytest.approx(share.item(), rel=1e-5)


def test_watching_gives_back_the_step_that_was_there():
    model = build(type='RLAResNet')
    step = model.step
    with pytest.raises(ZeroDivisionError), watch_layers(model):
        assert model.step is not step
        raise ZeroDivisionError
    assert model.step is step and 'step' not in vars(model)


def test_the_hidden_state_is_the_same_in_every_form():
    model, image = build(type='RLAResNet', zero_init_rla=False), torch.randn(1, 3, 64, 64)
    with watch_layers(model) as watch, torch.no_grad():
        model(image)
    with watch_layers(model) as literal, torch.no_grad(), fast_forms(False):
        model(image)
    np.testing.assert_allclose(list(watch.norms.values()), list(literal.norms.values()), rtol=1e-5)


def test_a_fused_network_has_nothing_to_compare_the_state_with():
    with pytest.raises(InputError, match='of a fused network'), watch_layers(fuse(build(type='RLAResNet'))):
        pass


@pytest.mark.parametrize('backbone', [
    dict(type='MRLAResNet'), dict(type='MRLAResNet', variant='base'), dict(type='RLAResNet')])
def test_watching_changes_nothing_and_default_starts_can_be_drawn(tmp_path, backbone):
    model = build(**backbone, out_indices=(0, 2))
    image = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        before = model(image)
        with watch_layers(model) as watch:
            during = model(image)
        watch.save(tmp_path / 'once.png')
        after = model(image)
    watch.save(tmp_path / 'again.png')
    assert all(map(torch.equal, before, during)) and all(map(torch.equal, before, after))
    assert (tmp_path / 'once.png').read_bytes() == (tmp_path / 'again.png').read_bytes()
    if backbone['type'] == 'RLAResNet':
        assert set(watch.shares.values()) == {0.}


def test_what_cannot_be_measured_is_refused():
    with pytest.raises(InputError, match='ResNet has no layer attention'), watch_layers(ResNet(18)):
        pass
    model = build(type='MRLAResNet', norm_cfg=dict(type='GN', num_groups=16))
    with pytest.raises(InputError, match='GroupNorm has no fixed one'), watch_layers(model):
        model(torch.randn(1, 3, 64, 64))
