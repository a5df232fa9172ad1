"""Hooks on any layer act as on MMDetection's ResNet: they are called, see the layer's maps, and may change them."""
import pytest
import torch
from conftest import slow_but
from mmengine.registry import MODELS
from test_battery import build, images
from torch import nn
from torch.nn.utils import prune

from layeragg_mm.adapters import adapter_of
from layeragg_mm.backbones.variants import VARIANTS

NAMES = ['rla_eca_r50', 'mrla_r50', 'mrla_base_se_r50', 'mrla_base_deep_r50', 'dla46_c', 'rla_r18', 'mrla_r18',
         'dca_gc_r34', 'dca_sk_r50', 'mrla_dynamic_r18', 'mrla_key_correlated_r18', 'rla_mobilenet_v2']
LAYERS = (nn.Conv1d, nn.Conv2d, nn.modules.batchnorm._BatchNorm)
every_name = pytest.mark.parametrize('name', slow_but(['rla_r18', 'mrla_r18', 'dla46_c'], NAMES))


def every_network(test):
    return pytest.mark.usefixtures('shallow')(every_name(test))


def narrow(name: str, **kwargs) -> nn.Module:
    """A network of one of the families, narrow where it can be: each layer is looked at by itself."""
    if VARIANTS[name]['type'].endswith('ResNet'):
        kwargs.update(base_channels=32, stem_channels=16)
    return build(name, **kwargs).eval()


@every_network
def test_every_convolution_and_norm_calls_its_hook(name):
    model, seen = narrow(name), []
    layers = {key: layer for key, layer in model.named_modules() if isinstance(layer, LAYERS)}
    for key, layer in layers.items():
        layer.register_forward_hook(lambda layer, inputs, output, key=key: seen.append(key))
    with torch.no_grad():
        model(images(1, 3, 64, 64))
    assert set(seen) == set(layers)


@pytest.mark.parametrize('mode', ['pyramid', 'finest', 'centernet'])
def test_the_necks_layers_call_theirs(mode):
    neck, seen = MODELS.build(dict(type='IDAUp', in_channels=[8, 16, 24, 32], out_channels=8, mode=mode)).eval(), []
    layers = {key: layer for key, layer in neck.named_modules() if isinstance(layer, LAYERS)}
    for key, layer in layers.items():
        layer.register_forward_hook(lambda layer, inputs, output, key=key: seen.append(key))
    with torch.no_grad():
        neck([torch.randn(1, 8 + 8 * i, 32 >> i, 32 >> i) for i in range(4)])
    assert set(seen) == set(layers)


@pytest.mark.slow
@every_network
def test_a_layer_that_carries_a_hook_is_called_and_what_the_hook_returns_is_taken(name):
    model, x = narrow(name).double(), images(1, 3, 64, 64).double()
    with torch.no_grad():
        plain = model(x)
        for key, layer in model.named_modules():
            if not isinstance(layer, LAYERS) or (name.startswith('mrla_base') and key.endswith('.0.mrla.query')):
                continue  # the weight of a stage's first layer is 1, whatever its query
            seen = []
            handles = [layer.register_forward_hook(lambda *_, seen=seen, key=key: seen.append(key))]
            for one, other in zip(model(x), plain, strict=True):
                torch.testing.assert_close(one, other, rtol=0, atol=1e-5 * other.abs().max().item(), msg=key)
            handles.append(layer.register_forward_hook(lambda layer, inputs, output: torch.zeros_like(output)))
            zeroed = model(x)
            assert not all(map(torch.equal, zeroed, plain)), f'{key}: zeros change nothing'
            assert len(seen) >= 2, key
            for handle in handles:
                handle.remove()


@every_network
@pytest.mark.parametrize('kind', ['forward_pre', 'full_backward', 'full_backward_pre'])
def test_the_other_kinds_of_hooks_are_called(name, kind):
    model, seen = narrow(name).train(), []
    # torch has no backward hook for a map that is changed in place, as the ReLUs of any ResNet change those of norms.
    kinds = LAYERS if kind == 'forward_pre' else LAYERS[:2]
    layers = {key: layer for key, layer in model.named_modules() if isinstance(layer, kinds)}
    for key, layer in layers.items():
        getattr(layer, f'register_{kind}_hook')(lambda *_, key=key: seen.append(key))
    sum(out.sum() for out in model(images(2, 3, 64, 64).requires_grad_())).backward()
    assert set(seen) == set(layers)


@pytest.mark.parametrize('name', ['rla_r50', 'mrla_r50', 'mrla_base_r50'])
def test_blocks_and_stages_are_called_as_those_of_a_resnet(name):
    """Their inputs and outputs are maps, as Grad-CAM and its kind expect of ``layer4`` and ``layer4[-1]``."""
    model, x = narrow(name), images(1, 3, 64, 64)
    with torch.no_grad():
        plain = model(x)
    called = {}
    keys = ['layer1', 'layer2.1', 'layer4', 'layer4.2', 'layer3.0.relu', 'layer3.0.downsample']
    for key in keys:
        model.get_submodule(key).register_forward_hook(
            lambda module, inputs, output, key=key: called.update({key: (inputs, output)}))
    with torch.no_grad():
        outs = model(x)
    assert set(called) == set(keys)
    for (inputs, output) in called.values():
        assert isinstance(inputs[0], torch.Tensor) and len(inputs) == 1 and isinstance(output, torch.Tensor)
    for one, other in zip(outs, plain, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-5 * other.abs().max().item())
    torch.testing.assert_close(called['layer4'][1], outs[3])
    assert called['layer4.2'][1].data_ptr() == called['layer4'][1].data_ptr()


@pytest.mark.parametrize('name', ['rla_r50', 'mrla_base_r50'])
@pytest.mark.parametrize('key', ['layer2', 'layer2.1', 'layer2.3'])
def test_what_a_hook_writes_to_a_block_or_stage_the_next_one_reads(name, key):
    """The state is that of the block as it ran; only the maps that go on are the hook's."""
    model, x = narrow(name), images(1, 3, 64, 64)
    model.get_submodule(key).register_forward_hook(lambda module, inputs, output: 2 * output)
    seen = []
    model.layer2[2].register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        outs = model(x)
        state, y = None, model.trunk.stem(model, x)
        for s, stage in enumerate(model.stages):
            for i, block in enumerate(stage):
                place = (model.rla[s], i) if name == 'rla_r50' else block.mrla
                state = None if model.state_of_stages and i == 0 else state
                step = getattr(model.step, 'literal', model.step)
                y, state = step(adapter_of(block), block, place, y, state)
                if f'layer{s + 1}.{i}' == key or (f'layer{s + 1}' == key and i == len(stage) - 1):
                    y = 2 * y
            torch.testing.assert_close(outs[s], y, rtol=0, atol=1e-5 * y.abs().max().item())
    assert seen


@every_network
def test_pruning_masks_and_spectral_norms_hold(name):
    model, x = narrow(name), images(1, 3, 64, 64)
    convs = [layer for layer in model.modules() if isinstance(layer, nn.Conv2d)]
    for conv in convs[::3]:
        prune.random_unstructured(conv, 'weight', .5)
    with torch.no_grad():
        masked = model(x)
        for conv in convs[::3]:
            prune.remove(conv, 'weight')
        for one, other in zip(model(x), masked, strict=True):
            torch.testing.assert_close(one, other, rtol=0, atol=1e-5 * other.abs().max().item())
    torch.nn.utils.parametrizations.spectral_norm(convs[5])
    model.train()
    before = convs[5].parametrizations.weight[0]._u.clone()
    model(images(2, 3, 64, 64))
    assert not torch.equal(before, convs[5].parametrizations.weight[0]._u), 'the weights were not computed'


@pytest.mark.parametrize('name', ['rla_r50', 'mrla_r50', 'dla46_c'])
def test_observers_of_torch_ao_see_every_layer(name):
    model = narrow(name)
    model.qconfig = torch.ao.quantization.default_qconfig
    prepared = torch.ao.quantization.prepare(model)
    with torch.no_grad():
        prepared(images(1, 3, 64, 64))
    convs = [layer for layer in prepared.modules() if isinstance(layer, nn.Conv2d)]
    assert convs and all(layer.activation_post_process.min_val.isfinite() for layer in convs)


def test_grad_cam_by_hooks():
    model, x = narrow('mrla_r50'), images(1, 3, 64, 64)
    maps, gradients = [], []
    model.layer4[-1].register_forward_hook(lambda module, inputs, output: maps.append(output))
    model.layer4[-1].register_full_backward_hook(lambda module, to_inputs, to_outputs: gradients.append(to_outputs[0]))
    model(x)[3].mean((2, 3))[0, 5].backward()
    cam = (maps[0] * gradients[0].mean((2, 3), keepdim=True)).sum(1).relu()
    assert cam.shape == (1, 2, 2) and (gradients[0][0, 5] == 1 / 4).all() and cam.isfinite().all()


def test_a_hook_on_all_modules_is_called_for_all():
    model = MODELS.build(dict(VARIANTS['rla_r50'], base_channels=8, stem_channels=8)).eval()
    seen = set()
    handle = torch.nn.modules.module.register_module_forward_hook(lambda module, *_: seen.add(module))
    try:
        with torch.no_grad():
            model(images(1, 3, 64, 64))
    finally:
        handle.remove()
    assert {layer for layer in model.modules() if isinstance(layer, LAYERS)} <= seen
    assert {block for stage in model.stages for block in stage} <= seen
