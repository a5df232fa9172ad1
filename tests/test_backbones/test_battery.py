"""What must hold for every backbone; a new variant joins by being listed in layeragg_mm/backbones/variants.py."""
import copy
import math
import pickle
import re

import pytest
import torch
from conftest import slow_but
from graphs import check_graphs
from mmengine.registry import MODELS

import layeragg_mm.segmentation  # noqa: F401  (registers)
from layeragg_mm.backbones.variants import VARIANTS

QUICK = ('rla_r18', 'rla_eca_r50', 'mrla_r18', 'mrla_base_r18', 'dla46_c', 'mrla_dynamic_r18',
         'mrla_key_correlated_r18', 'rla_mobilenet_v2', 'mrla_deit_tiny', 'mrla_base_deit_tiny', 'dca_gc_r34',
         'mobilenext_035')
# What is narrower here than where it is used; of networks that are the same then, one is enough.
NARROW = {
    **{name: dict(base_channels=32, stem_channels=16)
       for name, config in VARIANTS.items() if config['type'].endswith('ResNet')},
    **{f'mrla_key_correlated_r{depth}': dict(base_channels=32, stem_channels=16, channels_per_head=32)
       for depth in (18, 50, 101)},
    **{f'rla_{kind}mobilenet_v2': dict(widen_factor=.5) for kind in ('', 'eca_', 'full_')},
    **{f'{kind}_deit_tiny': dict(embed_dims=64, num_heads=2, num_layers=5, out_indices=(1, 4))
       for kind in ('mrla', 'mrla_base')},
}
NAMES = [name for name in VARIANTS if not name.endswith(('deit_small', 'deit_base'))]
every_variant = pytest.mark.parametrize('name', slow_but(QUICK, NAMES))
# With stages of two blocks, deeper ResNets are the same as others.
SHALLOW = [name for name in NAMES if not re.search('(r|x)(34|101|152)', name) or name == 'dca_gc_r34']


def every_shallow_variant(test):
    return pytest.mark.usefixtures('shallow')(pytest.mark.parametrize('name', slow_but(QUICK, SHALLOW))(test))


SIZES = [(33, 33), (47, 34), (64, 65), (97, 101)]


def build(name: str, **kwargs) -> torch.nn.Module:
    """Build a variant whose zero-started norms and convolutions are drawn, so that a wrong result shows."""
    torch.manual_seed(0)
    if '_sk_' in name:  # with the batch's statistics, a norm of single pixels needs two images
        kwargs = {'norm_eval': True, **kwargs}
    model = MODELS.build({**VARIANTS[name], **NARROW.get(name, {}), **kwargs})
    few_shortcuts = 'efficientnet' in name or ('rla' in name and 'mobilenet' in name)  # in which maps would fade
    for key, parameter in model.named_parameters():
        if parameter.ndim == 1 and key.endswith('weight'):
            torch.nn.init.uniform_(parameter, *((.8, 1.2) if few_shortcuts else (.3, .6)))
        elif parameter.ndim == 4 and few_shortcuts:
            torch.nn.init.normal_(parameter, std=parameter[0].numel()**-.5)
        elif not key.endswith('bias') and not parameter.any():
            torch.nn.init.normal_(parameter, std=.1)
    if 'mobile' in name and not few_shortcuts:
        give_statistics(model)
    return model


def give_statistics(model: torch.nn.Module) -> None:
    """Give batch norms the statistics of images; with those of the start, maps fade where few shortcuts pass."""
    norms = [module for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    frozen = [norm for norm in norms if not norm.weight.requires_grad]
    for norm in norms:
        norm.train(norm not in frozen).momentum = 1.
    with torch.no_grad():
        model(images(4, 3, 128, 128))
    for norm in norms:
        norm.momentum = .1


def images(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


def objective(outs) -> torch.Tensor:
    return sum((out * torch.linspace(-1, 1, out.numel(), dtype=out.dtype).view_as(out)).sum() for out in outs)


def gradients(model, x) -> dict[str, torch.Tensor]:
    model.zero_grad()
    objective(model(x)).backward()
    return {name: parameter.grad for name, parameter in model.named_parameters()}


def assert_equal(ours, theirs, relative: float = 1e-6) -> None:
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=relative * other.abs().max().item())


@every_variant
def test_every_size_and_every_gradient(name):
    model = build(name).train()
    for batch, (height, width) in zip((1, 2, 1, 2), SIZES):
        outs = model(images(batch, 3, height, width))
        assert [tuple(out.shape) for out in outs] == [
            (batch, channels, math.ceil(height / stride), math.ceil(width / stride))
            for channels, stride in zip(model.out_channels, model.out_strides)]
        model.zero_grad()
        objective(outs).backward()
        for key, parameter in model.named_parameters():
            assert parameter.grad is not None, f'{key} gets no gradient'
            assert parameter.grad.isfinite().all(), key


@every_shallow_variant
def test_gradient_checkpointing_gives_the_same_gradients(name):
    x = images(1, 3, 64, 64).requires_grad_()
    plain = gradients(build(name).train(), x)
    checkpointed = gradients(build(name, with_cp=True).train(), x)
    assert_equal(checkpointed.values(), plain.values(), relative=1e-5)


@every_shallow_variant
def test_frozen_stages_and_norms_do_not_move(name):
    model = build(name, frozen_stages=2, norm_eval=True).train()
    frozen = [key for key, parameter in model.named_parameters() if not parameter.requires_grad]
    before = {key: value.clone() for key, value in model.state_dict().items()}
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=.1, weight_decay=.1)
    objective(model(images(2, 3, 64, 64))).backward()
    optimizer.step()
    moved = {key for key, value in model.state_dict().items() if not torch.equal(value, before[key])}
    assert frozen and not moved & set(frozen)
    assert not any('running' in key or 'num_batches' in key for key in moved)
    assert moved == {key for key, _ in model.named_parameters()} - set(frozen)


@pytest.mark.parametrize('name', slow_but(QUICK, [name for name in SHALLOW if 'deit' not in name]))
def test_norms_follow_norm_cfg(name, shallow):
    model = build(name, norm_cfg=dict(type='GN', num_groups=2, requires_grad=True))
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in model.modules())
    assert all(out.isfinite().all() for out in model(images(1, 3, 64, 64)))


@every_shallow_variant
def test_data_types_and_memory_formats(name):
    model = build(name).eval()
    x = images(1, 3, 64, 64)
    # Few shortcuts carry what was not rounded yet through a mobile network: its deeper maps differ at random.
    # With WeightNet the maps fade to numbers that half precision barely has.
    maps, coarse = (1, 2) if 'mobile' in name else (4, 2 if name == 'weight_net' else 1)
    with torch.no_grad():
        expected = model(x)
        with torch.autocast('cpu', torch.bfloat16):
            assert_equal([out.float() for out in model(x)[:maps]], expected[:maps], relative=.1 * coarse)
        outs = model.to(memory_format=torch.channels_last)(x.to(memory_format=torch.channels_last))
        assert_equal(outs, expected, relative=1e-4)
        outs = model.half()(x.half())
        assert_equal([out.float() for out in outs[:maps]], expected[:maps], relative=.02 * coarse)


@every_shallow_variant
def test_copies_compute_the_same(name):
    model = build(name).eval()
    x = images(1, 3, 64, 64)
    with torch.no_grad():
        expected = model(x)
        assert_equal(copy.deepcopy(model)(x), expected)
        assert_equal(pickle.loads(pickle.dumps(model))(x), expected)


# Other widths, blocks and attentions than these are of the same modules, and a graph takes long.
SAME_GRAPHS = {
    'fast_r18', 'rla_r50', 'rla_se_r50', 'rla_x50_32x4d', 'mrla_eca_r50', 'mrla_base_r18', 'mrla_base_r50',
    'mrla_dynamic_r18', 'mrla_key_correlated_r18', 'rla_dca_gc_r50', 'dca_gc_r34', 'dca_se_r50', 'dca_cbam_r50',
    'dca_sk_r50', 'dca_se_mobilenet_v2', 'dca_ge_mobilenet_v2', 'dca_cbam_mobilenet_v2', 'mobilenext_100',
    'mobilenext_140', 'group_ensemble_x50_32x4d', 'rla_eca_mobilenet_v2', 'rla_full_mobilenet_v2',
    'weightnet_shufflenet_v2_1.0x', 'pyconv_r18', 'pyconv_r50', 'dla60x_c'}
GRAPHS = [name for name in SHALLOW if name not in SAME_GRAPHS and not re.search('102|169|60$|60x$|46x|_b[12]$', name)]


@pytest.mark.slow
@pytest.mark.parametrize('name', GRAPHS)
def test_compiles_without_a_graph_break_exports_and_traces(name, shallow, tmp_path):
    check_graphs(build(name).eval(), images(1, 3, 64, 64), tmp_path)


@every_shallow_variant
def test_its_own_checkpoint_loads(name):
    model, other = build(name).eval(), MODELS.build({**VARIANTS[name], **NARROW.get(name, {})}).eval()
    other.load_state_dict(model.state_dict())
    x = images(1, 3, 64, 64)
    with torch.no_grad():
        assert_equal(other(x), model(x))
