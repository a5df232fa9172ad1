"""Arguments: what is refused, and what reaches MMDetection's ResNet."""
import pytest
import torch
from mmengine.registry import MODELS

from layeragg_mm.fast import fast_forms
from layeragg_mm.layers import BaseLayerAttention


@pytest.mark.parametrize('cfg, said', [
    (dict(type='RLAResNet', depth=35), r'depth=35 .*allowed: 18, 34, 50, 101, 152'),
    (dict(type='MRLAResNet', depth=19), r'depth=19 .*allowed: 18, 34, 50, 101, 152'),
    (dict(type='RLAResNeXt', depth=34), r'depth=34 .*allowed: 50, 101, 152'),
    (dict(type='RLAResNet', depth=34, attention='se'), r"with attention='se', depth=34 .*allowed: 50, 101, 152"),
    (dict(type='DLANet', arch='35'), r"arch='35' .*allowed: '34', '46_c'"),
    (dict(type='MRLAResNet', depth=50, variant='heavy'), r"variant='heavy' .*allowed: 'light', 'base'"),
    (dict(type='RLAResNet', depth=50, attention='cbam'), r"attention='cbam' .*allowed: None, 'se', 'eca'"),
    (dict(type='MRLAResNet', depth=50, out_indices=(1, 4)), r'out_indices=4 .*allowed: 0, 1, 2, 3'),
    (dict(type='DLANet', arch='34', out_indices=(6,)), r'out_indices=6 .*allowed: 0, 1, 2, 3, 4, 5'),
    (dict(type='MRLAResNet', depth=50, channels_per_head=24), r'channels_per_head=24 does not divide 256'),
    (dict(type='MRLAResNet', depth=50, mrla_act_cfg=dict(type='ReLU')), r"variant='light' .*allowed: 'base'"),
    (dict(type='MRLAResNet', depth=50, variant='base', mrla_act_cfg=dict(type='ReLU'), zero_init_mrla=True),
     r'allowed: zero_init=False, or no activation'),
])
def test_a_wrong_argument_is_refused_with_what_is_allowed(cfg, said):
    with pytest.raises(ValueError, match=said):
        MODELS.build(cfg)


@pytest.mark.parametrize('family', ['RLAResNet', 'MRLAResNet'])
@pytest.mark.parametrize('option', [
    dict(deep_stem=True, avg_down=True),
    dict(style='caffe'),
    dict(strides=(1, 2, 1, 1), dilations=(1, 1, 2, 4)),
    dict(num_stages=3, strides=(1, 2, 2), dilations=(1, 1, 1), out_indices=(0, 2)),
    dict(base_channels=32),
    dict(dcn=dict(type='DCNv2', deform_groups=1), stage_with_dcn=(False, False, False, True)),
    dict(plugins=[dict(cfg=dict(type='ContextBlock', ratio=1 / 16), position='after_conv2')], attention='eca'),
], ids=lambda option: ' '.join(option))
def test_options_of_mmdetections_resnet_work(family, option):
    model = MODELS.build(dict(type=family, depth=50, **option))
    model.init_weights()
    outs = model(torch.randn(1, 3, 65, 71))
    assert [tuple(out.shape[1:]) for out in outs] == [
        (channels, -(-65 // stride), -(-71 // stride))
        for channels, stride in zip(model.out_channels, model.out_strides)]


@pytest.mark.parametrize('family', ['RLAResNet', 'MRLAResNet'])
@pytest.mark.parametrize('depth, last', [(18, 'bn2'), (34, 'bn2'), (50, 'bn3')])
def test_by_default_it_starts_as_the_plain_resnet(family, depth, last):
    """From scratch too: MMDetection starts the last norm of each block at zero, and so do these."""
    model = MODELS.build(dict(type=family, depth=depth))
    model.init_weights()
    assert all((getattr(block, last).weight == 0).all() for stage in model.stages for block in stage)
    plain = MODELS.build(dict(type='mmdet.ResNet', depth=depth))
    trunk = {key: value for key, value in model.state_dict().items() if key in plain.state_dict()}
    for key, value in trunk.items():
        if key.endswith(f'{last}.weight'):
            torch.nn.init.constant_(value, .5)
    plain.load_state_dict(trunk)
    plain.train(False)
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        expected, fast = plain(x), model.eval()(x)
        with fast_forms(False):
            assert all(map(torch.equal, model(x), expected))
        for ours, theirs in zip(fast, expected, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5 * theirs.max().item())


def test_drop_path_rises_with_depth_and_drops_whole_images():
    model = MODELS.build(dict(type='MRLAResNet', depth=50, variant='base', drop_path_rate=.3))
    rates = [getattr(block.mrla.drop_path, 'drop_prob', 0.) for stage in model.stages for block in stage]
    assert rates[0] == 0 and rates[-1] == pytest.approx(.3) and rates == sorted(rates)

    attention = BaseLayerAttention(16, drop_path_rate=.5, zero_init=False).train()
    x = torch.randn(64, 16, 2, 2)
    kept = (attention(x, [])[0] != x).flatten(1).any(1)
    assert 10 < kept.sum() < 54


@pytest.mark.parametrize('backbone, added', [
    (dict(type='MRLAResNet', depth=50), 'mrla.norm.weight'),
    (dict(type='RLAResNet', depth=50), '.reads.'),
])
def test_default_starts_read_nothing(backbone, added):
    model = MODELS.build(backbone)
    model.init_weights()
    weights = [weight for name, weight in model.named_parameters() if added in name]
    assert weights and not any(weight.any() for weight in weights)


def test_published_starts():
    model = MODELS.build(dict(type='MRLAResNet', depth=50, zero_init_mrla=False))
    model.init_weights()
    assert (model.layer1[0].mrla.norm.weight == 1).all()
    model = MODELS.build(dict(type='RLAResNet', depth=50, zero_init_rla=False))
    model.init_weights()
    assert (model.rla[1].reads[0].weight != 0).all()
