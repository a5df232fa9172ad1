"""MRLA-light on EfficientNet: starts, layouts, where there is attention."""
import pytest
import released_shapes
import torch
from mmengine.registry import MODELS
from test_battery import objective

from layeragg_mm.fast import fast_forms


def build(**kwargs) -> torch.nn.Module:
    torch.manual_seed(0)
    return MODELS.build(dict(type='MRLAEfficientNet', **kwargs)).eval()


def test_starts_as_the_plain_network():
    kwargs = dict(arch='b0', out_indices=(2, 3, 4, 5, 6))
    theirs = MODELS.build(dict(type='mmdet.EfficientNet', conv_cfg=None, norm_cfg=dict(type='BN'), **kwargs))
    model = build(**kwargs)
    model.init_weights()
    model.load_state_dict(theirs.state_dict(), strict=False)
    theirs.train(False)
    x = torch.randn(1, 3, 65, 71)
    with torch.no_grad(), fast_forms(False):
        assert all(map(torch.equal, model(x), theirs(x)))


@pytest.mark.parametrize('arch, count', [('b0', 9), ('b1', 15), ('b2', 15)])
def test_attention_is_where_a_block_has_a_shortcut_but_for_the_first_stage(arch, count):
    model = build(arch=arch)
    attending = [(s, i) for s, stage in enumerate(model.stages) for i, block in enumerate(stage)
                 if hasattr(block, 'mrla')]
    assert len(attending) == count and attending[0] == (1, 1)
    for s, i in attending:
        mrla = model.stages[s][i].mrla
        assert mrla.query_and_key(torch.zeros(1, len(mrla.shortcut_scale), 1, 1))[0].shape[1] == 8


def test_drop_path_of_a_block_serves_its_attention_too():
    model = build(drop_path_rate=.3)
    for stage in model.stages:
        for block in stage:
            if hasattr(block, 'mrla'):
                assert block.mrla.drop_path.drop_prob == block.drop_path.drop_prob > 0


@pytest.mark.parametrize('out_indices', [(0,), (1, 3), (2, 3, 4, 5)])
def test_what_the_outputs_do_not_need_is_not_built(out_indices):
    state = released_shapes.mrla_efficientnet(1., 1.)
    whole, model = build(out_indices=tuple(range(7))), build(out_indices=out_indices)
    whole.load_state_dict(state)
    model.load_state_dict(state)
    model.load_state_dict(whole.state_dict())
    x = torch.randn(1, 3, 33, 47)
    outs = whole(x)
    for one, index in zip(model(x), out_indices, strict=True):
        torch.testing.assert_close(one, outs[index])
    assert model.out_channels == tuple(outs[index].shape[1] for index in out_indices)
    objective(model.train()(x)).backward()
    assert not {key for key, parameter in model.named_parameters() if parameter.grad is None}


@pytest.mark.parametrize('kwargs, said', [
    (dict(arch='es'), r"arch='es' .*allowed: 'b0', 'b1', 'b2'"),
    (dict(out_indices=(7,)), r'out_indices=7 .*allowed: 0, 1, 2, 3, 4, 5, 6')])
def test_a_wrong_argument_is_refused_with_what_is_allowed(kwargs, said):
    with pytest.raises(ValueError, match=said):
        build(**kwargs)
