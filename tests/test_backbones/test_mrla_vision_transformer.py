"""MRLA on vision transformers: starts, layouts, sizes, class tokens, drop path."""
import pytest
import released_shapes
import torch
from mmcv.cnn.bricks import DropPath
from mmengine.registry import MODELS
from test_battery import objective

import layeragg_mm.segmentation  # noqa: F401  (registers)

SMALL = dict(embed_dims=32, num_layers=5, num_heads=2, img_size=(48, 48), out_indices=(1, 4))
DEIT = dict(patch_bias=True, final_norm=True, norm_cfg=dict(type='LN', eps=1e-6))
both = pytest.mark.parametrize('variant', ['light', 'base'])


def build(**kwargs) -> torch.nn.Module:
    torch.manual_seed(0)
    return MODELS.build(dict(SMALL, type='MRLAVisionTransformer', **kwargs)).eval()


def plain(**kwargs) -> torch.nn.Module:
    torch.manual_seed(1)
    model = MODELS.build(dict(SMALL, type='mmseg.VisionTransformer', **DEIT, **kwargs))
    model.init_weights()
    model.eval()
    return model


@both
@pytest.mark.parametrize('options', [
    {}, dict(with_cls_token=False), dict(output_cls_token=True), dict(out_origin=True), dict(pre_norm=True)],
    ids=lambda options: ' '.join(options))
def test_starts_as_the_plain_network_with_its_arguments(variant, options):
    theirs, model = plain(**options), build(variant=variant, **options)
    model.init_weights()
    model.load_state_dict(theirs.state_dict(), strict=False)
    x = torch.randn(2, 3, 40, 65)
    for one, other in zip(model(x), theirs(x), strict=True):
        one, other = (value if isinstance(value, list) else [value] for value in (one, other))
        assert all(map(torch.equal, one, other))
        assert one[0].shape[2:] == (3, 5) and one[0].is_contiguous()
    assert len(model.out_channels) == len(model.out_strides) == len(model(x))


@both
def test_what_starts_at_zero_learns(variant):
    model = build(variant=variant)
    model.init_weights()
    objective(model.train()(torch.randn(1, 3, 48, 48))).backward()
    assert all(layer.mrla.norm.weight.grad.any() for layer in model.layers)
    if variant == 'light':
        assert all(layer.mrla.shortcut_scale.grad.any() for layer in model.layers)
    published = build(variant=variant, zero_init_mrla=False)
    published.init_weights()
    assert all(layer.mrla.norm.weight.eq(1).all() for layer in published.layers)


@both
def test_a_released_checkpoint_of_another_size_loads(variant, tmp_path):
    state = {key: value.float() for key, value in released_shapes.mrla_deit(variant, 32, 5, 16).items()}
    state |= {'head.weight': torch.ones(10, 32), 'head.bias': torch.ones(10)}
    torch.save(dict(model=state, epoch=3), tmp_path / 'deit.pth')
    model = build(variant=variant, img_size=(32, 96), init_cfg=dict(
        type='Pretrained', checkpoint=str(tmp_path / 'deit.pth')))
    model.init_weights()
    assert torch.equal(model.layers[4].mrla.value.weight, state['blocks.4.mrla.mrla.Wv.weight'])
    expected = model.resize_pos_embed(state['pos_embed'], (2, 6), (4, 4), 'bicubic')
    torch.testing.assert_close(model.pos_embed.data, expected)


def test_a_plain_deit_starts_the_trunk():
    state = {key: value for key, value in released_shapes.mrla_deit('light', 32, 5, 9).items() if '.mrla.' not in key}
    model = build()
    model.load_state_dict(dict(model=state), strict=False)
    assert torch.equal(model.layers[2].attn.attn.in_proj_weight, state['blocks.2.attn.qkv.weight'].float())
    assert not model.layers[2].mrla.norm.weight.any()


@both
@pytest.mark.parametrize('out_indices', [(0,), (1, 3), (4,)])
def test_what_the_outputs_do_not_need_is_not_built(variant, out_indices):
    state = released_shapes.mrla_deit(variant, 32, 5, 9)
    whole, model = build(variant=variant, out_indices=(0, 1, 2, 3, 4)), build(variant=variant, out_indices=out_indices)
    whole.load_state_dict(state)
    model.load_state_dict(state)
    x = torch.randn(1, 3, 48, 48)
    outs = whole(x)
    assert all(torch.equal(one, outs[index]) for one, index in zip(model(x), out_indices, strict=True))
    objective(model.train()(x)).backward()
    assert not {key for key, parameter in model.named_parameters() if parameter.grad is None}


@pytest.mark.parametrize('variant, expected', [('light', [0., .1, .2, .3, .4]), ('base', [.4] * 5)])
def test_drop_path_of_attention_and_mlp(variant, expected):
    model = build(variant=variant, drop_path_rate=.4)
    for layer, rate in zip(model.layers, expected):
        for part in (layer.attn, layer.ffn):
            assert getattr(part.dropout_layer, 'drop_prob', 0.) == pytest.approx(rate)
        assert not any(isinstance(module, DropPath) for module in layer.mrla.modules())


def test_frozen_stages():
    model = build(frozen_stages=2).train()
    frozen = {'.'.join(key.split('.')[:2]) for key, parameter in model.named_parameters()
              if not parameter.requires_grad}
    assert frozen == {'cls_token', 'pos_embed', 'patch_embed.projection', 'layers.0', 'layers.1'}
    assert not model.layers[1].training and model.layers[2].training


@pytest.mark.parametrize('kwargs, said', [
    (dict(variant='heavy'), r"variant='heavy' .*allowed: 'light', 'base'"),
    (dict(out_indices=(1, 5)), r'out_indices=5 .*allowed: 0, 1, 2, 3, 4'),
    (dict(frozen_stages=6), r'frozen_stages=6 .*allowed: -1, 0, 1, 2, 3, 4, 5'),
    (dict(channels_per_head=24), r'channels_per_head=24 does not divide 32')])
def test_a_wrong_argument_is_refused_with_what_is_allowed(kwargs, said):
    with pytest.raises(ValueError, match=said):
        MODELS.build({**SMALL, 'type': 'MRLAVisionTransformer', **kwargs})
