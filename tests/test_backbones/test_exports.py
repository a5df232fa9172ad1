"""Exporters see the equation: what ONNX Runtime computes, for any batch and size, is what the network computes."""
import copy
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
import trunks
from test_battery import build, give_statistics, images
from torch import nn

from layeragg_mm.backbones import DCAMobileNetV2
from layeragg_mm.deployment import replace_modules
from layeragg_mm.necks import FPT

pytestmark = pytest.mark.slow

FAMILIES = {
    'rla_r18': dict(base_channels=16, stem_channels=8),
    'mrla_r18': dict(base_channels=32, stem_channels=8),
    'mrla_base_r18': dict(base_channels=16, stem_channels=8),
    'dla46_c': {},
    'dca_gc_r34': dict(base_channels=32, stem_channels=8),
    'dca_sk_mobilenet_v2': {},
    'mobilenext_035': {},
    'mrla_dynamic_r18': {},
    'mrla_key_correlated_r18': {},
    'rla_mobilenet_v2': {},
    'mrla_efficientnet_b0': {},
    'mrla_deit_tiny': {},
    'mrla_base_deit_tiny': {},
    'dca_cbam_r50': dict(base_channels=32, stem_channels=16),
    'pyconv_r18': {},
    'weightnet_shufflenet_v2_0.5x': {},
    'dgc_r18': {},
    'group_ensemble_r50': {},
}
SIZES = [(1, 64, 64), (3, 64, 64), (2, 97, 130)]
NAMES = ['p2', 'p3', 'p4', 'p5']


def free_axes() -> dict:
    return {0: torch.export.Dim('batch'), 2: torch.export.Dim('height', min=33), 3: torch.export.Dim('width', min=33)}


def export(model: torch.nn.Module, path: Path, *, dynamo: bool) -> None:
    x = images(2, 3, 96, 64)
    with torch.no_grad():
        names = NAMES[:len(model(x))]
    if dynamo:
        options = dict(dynamic_shapes=(free_axes(),), verbose=False)
    else:
        axes = {0: 'batch', 2: 'height', 3: 'width'}
        options = dict(dynamic_axes=dict.fromkeys(('images', *names), axes))
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        torch.onnx.export(model, (x,), path, dynamo=dynamo, input_names=['images'], output_names=names, **options)


def check(path: Path, model: torch.nn.Module, sizes: list[tuple[int, int, int]] = SIZES,
          relative: float = 1e-4) -> None:
    nodes = {node.domain for node in onnx.load(path).graph.node}
    assert nodes <= {'', 'ai.onnx'}, 'operators of others than ONNX'
    session = onnxruntime.InferenceSession(path)
    if isinstance(model, DCAMobileNetV2):  # whose softmax over kernels rounds more
        relative = 2e-4
    for size in sizes:
        x = images(size[0], 3, *size[1:])
        with torch.no_grad():
            expected = model(x)
        for one, other in zip(session.run(None, {'images': x.numpy()}), expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=0, atol=relative * other.abs().max().item())


# Of many parts, with which torch.export takes long, or with sizes in Python.
ONNX_ALONE = {'pyconv_r18', 'weightnet_shufflenet_v2_0.5x', 'dgc_r18', 'group_ensemble_r50', 'mrla_deit_tiny',
              'mrla_base_deit_tiny', 'dca_cbam_r50'}
every_family = pytest.mark.parametrize('name', FAMILIES)


@every_family
def test_onnx_by_torchscript_with_free_batch_and_size(name, shallow, tmp_path):
    model = build(name, **FAMILIES[name]).eval()
    export(replace_modules(copy.deepcopy(model)), tmp_path / 'model.onnx', dynamo=False)
    check(tmp_path / 'model.onnx', model)


# Each trunk with one of the aggregations that it takes, in turns; BEiT's table of positions is for one size.
ATTACHED = [f'{name} {trunk.aggregations[i % len(trunk.aggregations)]}'
            for i, (name, trunk) in enumerate(trunks.TRUNKS.items()) if name != 'beit']
EVEN = {'hrnet', 'cspdarknet'}  # whose maps meet, so that they take no others


@pytest.mark.parametrize('combination', ATTACHED)
def test_onnx_of_attached_aggregations_with_free_batch_and_size(combination, tmp_path):
    model = trunks.draw(trunks.build(combination))
    give_statistics(model)
    model.eval()
    export(replace_modules(copy.deepcopy(model)), tmp_path / 'model.onnx', dynamo=False)
    even = combination.split()[0] in EVEN
    check(tmp_path / 'model.onnx', model, [*SIZES[:2], (2, 96, 128)] if even else SIZES)


@pytest.mark.parametrize('options', [
    dict(conv_cfg=dict(type='DOConv2d')),
    dict(dcn=dict(type='PSConv2d'), stage_with_dcn=(True,) * 4),
    dict(plugins=[dict(cfg=dict(type='ULSAM', groups=4), position='after_conv3')])])
def test_onnx_of_modules_in_a_resnet_with_free_batch_and_size(options, shallow, tmp_path):
    model = build('fast_r50', base_channels=16, stem_channels=8, **options).eval()
    export(model, tmp_path / 'model.onnx', dynamo=False)
    check(tmp_path / 'model.onnx', model)


def test_onnx_of_fpt_with_free_batch_and_size(shallow, tmp_path):
    backbone = build('fast_r18', base_channels=16, stem_channels=8)
    model = nn.Sequential(backbone, FPT([16, 32, 64, 128], 16, num_outs=4)).eval()
    export(model, tmp_path / 'model.onnx', dynamo=False)
    check(tmp_path / 'model.onnx', model, relative=5e-4)  # softmax over all pixels of a map rounds more


# It starts from torch.export's graph, which is looked at below for every family, and takes long.
@pytest.mark.parametrize('name', ['rla_r18', 'mrla_r18', 'mrla_base_r18', 'dla46_c'])
def test_onnx_by_dynamo_with_free_batch_and_size(name, shallow, tmp_path):
    model = build(name, **FAMILIES[name]).eval()
    export(model, tmp_path / 'model.onnx', dynamo=True)
    check(tmp_path / 'model.onnx', model)


@pytest.mark.parametrize('name', sorted(FAMILIES.keys() - ONNX_ALONE))
def test_torch_export_with_free_batch_and_size(name, shallow):
    model = build(name, **FAMILIES[name]).eval()
    exported = torch.export.export(
        model, (images(2, 3, 96, 64),), dynamic_shapes=(free_axes(),),
        prefer_deferred_runtime_asserts_over_guards=True).module()  # pooling that rounds up asks for the size: later
    for size in SIZES:
        x = images(size[0], 3, *size[1:])
        with torch.no_grad():
            for one, other in zip(exported(x), model(x), strict=True):
                torch.testing.assert_close(one, other, rtol=0, atol=1e-4 * other.abs().max().item())


@pytest.mark.parametrize('name', ['rla_r50', 'mrla_r50', 'mrla_base_r50', 'dla46_c'])
def test_an_export_is_of_the_equation_and_nothing_of_it_is_lost(name):
    """Norms stand by themselves, and every parameter of the network is a parameter of the graph."""
    model = build(name).eval()
    exported = torch.export.export(model, (images(1, 3, 64, 64),))
    kinds = [str(node.target) for node in exported.graph.nodes]
    norms = sum(isinstance(module, torch.nn.BatchNorm2d) for module in model.modules())
    assert sum('batch_norm' in kind for kind in kinds) == norms
    used = {node.name for node in exported.graph.nodes if node.op == 'placeholder' and node.users}
    by_name = exported.graph_signature.inputs_to_parameters
    assert {key for node, key in by_name.items() if node in used} == {key for key, _ in model.named_parameters()}
