"""FPT equals the published assembly, takes every size, and stands where FPN stands."""
import copy
import math
import pickle

import golden
import pytest
import torch
import torch.nn.functional as F
from graphs import check_graphs
from torch import nn

from layeragg_mm.checkpoints import CheckpointError
from layeragg_mm.necks.fpt import FPT

CHANNELS = [8, 16, 24, 32]
FORMS = pytest.mark.parametrize('form', [
    dict(), dict(similarity='euclidean', parts=4), dict(norm_cfg=dict(type='BN'))], ids=['dot', 'euclidean', 'BN'])


def build(**kwargs) -> FPT:
    """Build a neck whose zero-started norms are drawn, so that a wrong result shows."""
    torch.manual_seed(0)
    neck = FPT(CHANNELS, 16, **{'num_outs': 5, **kwargs})
    neck.init_weights()
    for parameter in neck.parameters():
        if parameter.ndim == 1:
            torch.nn.init.uniform_(parameter, .3, .6)
    return neck


def features(height: int, width: int, batch: int = 1) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(batch, channels, math.ceil(height / stride), math.ceil(width / stride), generator=generator)
            for channels, stride in zip(CHANNELS, (4, 8, 16, 32))]


def test_equals_the_published_assembly():
    description = golden.load('fpt_pyramid')
    neck = FPT([256, 512, 1024, 2048], 32, 4, norm_cfg=dict(type='BN')).double().eval()
    neck.load_state_dict(golden.state_dict(description))
    packed = golden.image(description['input']).requires_grad_()
    maps = [part if i == 0 else F.avg_pool2d(part, 2**i) for i, part in
            enumerate(packed.split([256, 512, 1024, 2048], 1))]
    outs = neck(maps)
    for out, summary in zip(outs, description['outputs'].values(), strict=True):
        golden.check(out, summary)
    gradient, = torch.autograd.grad(golden.objective(outs), packed)
    golden.check(gradient, description['grad_input'])


@FORMS
def test_every_size_and_every_gradient_in_training(form):
    neck = build(**form).train()
    for height, width in [(33, 33), (47, 34), (97, 101)]:
        outs = neck(features(height, width))
        assert [tuple(out.shape) for out in outs] == [
            (1, 16, math.ceil(height / stride), math.ceil(width / stride)) for stride in (4, 8, 16, 32, 64)]
        neck.zero_grad()
        golden.objective(outs).backward()
        for key, parameter in neck.named_parameters():
            assert parameter.grad is not None and parameter.grad.isfinite().all(), key


class OfOneMap(torch.nn.Module):
    """A neck that reads a pyramid of one map: graphs are made of one input."""

    def __init__(self, neck: FPT) -> None:
        super().__init__()
        self.neck = neck

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return self.neck([F.avg_pool2d(x, 2**i)[:, :channels] for i, channels in enumerate(CHANNELS)])


@pytest.mark.slow
@FORMS
def test_compiles_without_a_graph_break_exports_and_traces(form, tmp_path):
    check_graphs(OfOneMap(build(**form)).eval(), torch.randn(1, 32, 16, 24), tmp_path)


@FORMS
def test_data_types_memory_formats_and_copies(form):
    neck, maps = build(**form).eval(), features(64, 96)
    with torch.no_grad():
        expected = neck(maps)

        def check(outs, relative):
            for out, other in zip(outs, expected, strict=True):
                torch.testing.assert_close(out.float(), other, rtol=0, atol=relative * other.abs().max().item())

        check(copy.deepcopy(neck)(maps), 0)
        check(pickle.loads(pickle.dumps(neck))(maps), 0)
        check(neck([x.contiguous(memory_format=torch.channels_last) for x in maps]), 1e-5)
        with torch.autocast('cpu', torch.bfloat16):
            check(neck(maps), .1)
        check(neck.half()([x.half() for x in maps]), .02)


@pytest.mark.parametrize('add_extra_convs', [True, 'on_input', 'on_output'])
def test_stands_in_retinanets_place(add_extra_convs):
    neck = build(start_level=1, add_extra_convs=add_extra_convs)
    outs = neck(features(64, 96))
    assert [tuple(out.shape[2:]) for out in outs] == [(8, 12), (4, 6), (2, 3), (1, 2), (1, 1)]
    assert len(neck.laterals) == 3 and neck.out_convs[0].in_channels == 4 * 16


def test_starts_as_published():
    """Convolutions Kaiming uniform without biases, and nothing read of coarser levels."""
    neck = FPT(CHANNELS, 16, 5)
    neck.init_weights()
    weight = neck.out_convs[0].weight
    assert weight.abs().max().item() == pytest.approx((3 / weight[0].numel())**.5, rel=.01)
    assert not neck.out_convs[0].bias.any()
    assert not any(ground.out[1].weight.any() for grounds in neck.grounding for ground in grounds)


@pytest.mark.parametrize('arguments, said', [
    (dict(similarity='cosine'), r"similarity='cosine' .*allowed: 'dot', 'euclidean'"),
    (dict(num_outs=3), r'num_outs=3 .*allowed: 4'),
    (dict(start_level=4), r'start_level=4 .*allowed: 0, 1, 2, 3'),
    (dict(parts=3), 'parts=3 does not divide 16'),
    (dict(add_extra_convs='on_lateral'), "allowed: False, True, 'on_input', 'on_output'"),
])
def test_a_wrong_argument_says_what_is_allowed(arguments, said):
    with pytest.raises(ValueError, match=said):
        FPT(CHANNELS, 16, **{'num_outs': 5, **arguments})


@pytest.mark.parametrize('channels', [4, 6, 32])
def test_maps_of_one_pixel_are_normed_in_groups_of_several_channels(channels):
    neck = FPT([8, 8], channels, 2, norm_cfg=dict(type='GN', num_groups=32 if channels != 6 else 6)).train()
    groups = {module.num_groups for module in neck.modules() if isinstance(module, nn.GroupNorm)} - {1}
    assert groups == {channels // 2}
    outs = neck([torch.randn(1, 8, 2, 2), torch.randn(1, 8, 1, 1)])
    assert all(out.isfinite().all() for out in outs)


def test_inputs_of_another_backbone_are_refused():
    with pytest.raises(ValueError, match='FPT got 3 inputs; allowed: 4'):
        build()(features(64, 64)[1:])


def test_a_checkpoint_of_another_neck_is_refused():
    state = golden.state_dict(golden.load('fpt_pyramid'))
    with pytest.raises(CheckpointError, match='of another shape'):
        FPT(CHANNELS, 32, 4, norm_cfg=dict(type='BN')).load_state_dict(state)
