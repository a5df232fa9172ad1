"""A fused model computes what the model computes, without norms, and travels as an ordinary checkpoint."""
import pickle

import pytest
import torch
from conftest import CONFIGS, slow_but
from graphs import check_graphs
from mmcv.cnn import ConvModule
from mmdet.registry import MODELS
from mmengine.runner import load_checkpoint, save_checkpoint
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

import layeragg_mm.segmentation  # noqa: F401  (registers)
from layeragg_mm import fuse
from layeragg_mm.analysis import Setting, Workload, build_detector
from layeragg_mm.backbones.variants import VARIANTS
from layeragg_mm.checkpoints import CheckpointError
from layeragg_mm.engine import hooks

CHANNELS = [64, 128, 256, 512]


def draw_norms(model: nn.Module) -> nn.Module:
    """Draw scales, shifts and statistics of all norms, and what starts at zero, so that leaving one out shows.

    Return ``model``, to evaluate.
    """
    generator = torch.Generator().manual_seed(0)
    for module in model.modules():
        if isinstance(module, (_BatchNorm, nn.GroupNorm)):
            for name, low, high in (('weight', .5, 1.), ('bias', -.5, .5), ('running_mean', -.5, .5),
                                    ('running_var', 1, 2)):
                if hasattr(module, name):
                    getattr(module, name).data.uniform_(low, high, generator=generator)
    for name, parameter in model.named_parameters():
        if '.reads.' in name or '.head.2.' in name or name.endswith('.mrla.scale'):  # of RLA's hidden state; of KCLA
            parameter.data.normal_(0, .1, generator=generator)
    model.eval()
    return model


def build(cfg: dict) -> nn.Module:
    torch.manual_seed(0)
    return draw_norms(MODELS.build(cfg))


def norms(model: nn.Module) -> list[str]:
    return [name for name, module in model.named_modules() if isinstance(module, _BatchNorm)]


def assert_equal(ours, theirs, relative: float = 1e-4) -> None:
    if isinstance(ours, torch.Tensor):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=relative * theirs.abs().max().item())
    else:
        for one, other in zip(ours, theirs, strict=True):
            assert_equal(one, other, relative)


@torch.no_grad()
def check(model: nn.Module, *inputs, left: tuple[str, ...] = ()) -> None:
    """Fused and as it is, ``model`` computes the same; fused, it has no norms but ``left``."""
    fused = fuse(model)
    assert tuple(norms(fused)) == left
    assert_equal(fused(*inputs), model(*inputs))


@pytest.mark.parametrize('name', slow_but(
    ['rla_r18', 'rla_eca_r50', 'mrla_r18', 'mrla_base_r18', 'dla46_c', 'mrla_key_correlated_r18', 'rla_mobilenet_v2'],
    VARIANTS))
def test_every_variant(name):
    model = build(VARIANTS[name])
    if name.startswith('dgc'):  # its gates multiply maps by what grows with them, which nothing but norms holds down
        for key, parameter in model.named_parameters():
            if parameter.ndim == 1 and ('bn' in key or 'norm' in key):
                parameter.data.mul_(.1)
    check(model, torch.randn(2, 3, 33, 47))


@pytest.mark.slow
@pytest.mark.parametrize('name', ['rla_r50', 'mrla_r50', 'mrla_base_r50', 'dla34'])
def test_compiles_without_a_graph_break_exports_and_traces(name, tmp_path):
    check_graphs(fuse(build(VARIANTS[name])), torch.randn(2, 3, 64, 64), tmp_path)


@pytest.mark.parametrize('cfg', [
    dict(type='mmdet.ResNet', conv_cfg=dict(type='ConvWS'), norm_cfg=dict(type='GN', num_groups=2), base_channels=8),
    dict(type='RLAResNet', conv_cfg=dict(type='ConvWS'), norm_cfg=dict(type='BN'), base_channels=8),
])
def test_convolutions_that_make_their_weights(cfg):
    model = build(dict(cfg, depth=50, stem_channels=8))
    x = torch.randn(1, 3, 33, 47)
    with torch.no_grad():
        assert_equal(fuse(model)(x), model(x))


def test_images_by_name():
    model = build(VARIANTS['dla46_c'])
    x = torch.randn(1, 3, 33, 47)
    with torch.no_grad():
        assert_equal(fuse(model)(inputs=x), model(x))


def test_the_model_that_was_given_stays_as_it_is():
    model = build(VARIANTS['rla_r50'])
    state = {key: value.clone() for key, value in model.state_dict().items()}
    fuse(model)
    assert list(model.state_dict()) == list(state)
    assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())
    assert all(parameter.requires_grad for parameter in model.parameters())


@pytest.mark.slow
@pytest.mark.parametrize('cfg', [
    dict(type='ResNet', depth=18),
    dict(type='ResNet', depth=50, deep_stem=True, avg_down=True),
    dict(type='ResNeXt', depth=50, groups=32, base_width=4),
    dict(type='Res2Net', depth=50, scales=4, base_width=26),
    dict(type='RLAResNet', depth=50, stage_with_dcn=(False, True, True, True),
         dcn=dict(type='DCNv2', deform_groups=1, fallback_on_stride=False)),
    dict(type='RLAResNet', depth=50, style='caffe'),
    dict(type='RLAResNet', depth=50, norm_cfg=dict(type='GN', num_groups=32)),
], ids=['ResNet', 'deep stem', 'ResNeXt', 'Res2Net', 'RLA with DCN', 'RLA, caffe', 'RLA with GN'])
def test_resnets(cfg):
    model = build(cfg)
    lists = tuple(name for name in norms(model) if '.bns.' in name)  # Res2Net's own, which are not known
    check(model, torch.randn(1, 3, 64, 64), left=lists)


def test_weights_that_a_hook_computes_stay_with_it():
    model = build(VARIANTS['rla_r50'])
    torch.nn.utils.spectral_norm(model.layer1[1].conv1)
    with torch.no_grad():
        model(torch.randn(1, 3, 64, 64))  # the hook gives the convolution its weights
    assert type(fuse(model).layer1[1].conv1) is nn.Conv2d
    check(model, torch.randn(1, 3, 64, 64), left=('layer1.1.bn1',))


@pytest.mark.parametrize('style, left', [('pytorch', []), ('caffe', [0, 1, 2])])
def test_projections_that_nothing_reads_any_more_are_gone(style, left):
    """With caffe's strides the first block of a stage does not read every pixel, and so is not joined."""
    fused = fuse(build(dict(type='RLAResNet', depth=50, style=style)))
    assert [i for i, state in enumerate(fused.rla) if list(state.project.parameters())] == left


@pytest.mark.parametrize('cfg', [
    dict(type='IDAUp', in_channels=CHANNELS, out_channels=32),
    dict(type='IDAUp', in_channels=CHANNELS, out_channels=32, mode='finest'),
    dict(type='IDAUp', in_channels=CHANNELS, out_channels=32, mode='centernet'),
    dict(type='FPN', in_channels=CHANNELS, out_channels=32, num_outs=5, norm_cfg=dict(type='BN')),
    dict(type='CTResNetNeck', in_channels=512, num_deconv_filters=(64, 32), num_deconv_kernels=(4, 4)),
], ids=lambda cfg: f'{cfg["type"]} {cfg.get("mode", "")}')
def test_necks(cfg):
    check(build(cfg), [torch.randn(1, width, 48 // 2**i, 32 // 2**i) for i, width in enumerate(CHANNELS)])


def test_heads_that_share_convolutions_between_norms():
    model = build(dict(
        type='RetinaSepBNHead', num_classes=3, num_ins=2, in_channels=16, feat_channels=16, stacked_convs=2,
        norm_cfg=dict(type='BN'),
        anchor_generator=dict(type='AnchorGenerator', ratios=[1.], scales=[8], strides=[8, 16]),
        bbox_coder=dict(type='DeltaXYWHBBoxCoder')))
    check(model, [torch.randn(1, 16, 8, 8), torch.randn(1, 16, 4, 4)])


@pytest.mark.parametrize('name', ['mask_rcnn_mrla_r50_digits', 'retinanet_dla34_ida', 'centernet_dla34'])
def test_detectors_predict_the_same(name):
    torch.manual_seed(0)
    model = draw_norms(build_detector(str(CONFIGS / f'{name}.py')))
    fused = fuse(model)
    assert not norms(fused)
    setting = Setting(torch.device('cpu'), size=(64, 64), batch=1)
    theirs, ours = (Workload(one, setting).predict()[0].pred_instances for one in (model, fused))
    assert len(theirs) >= 50
    torch.testing.assert_close(ours.scores, theirs.scores, rtol=0, atol=1e-4)
    distance = (ours.bboxes[:, None] - theirs.bboxes).abs().amax(-1)  # equal scores may come in another order
    assert distance.amin(0).max() < .01 and distance.amin(1).max() < .01


@pytest.mark.slow
def test_the_test_tool_fuses_what_it_loaded(digits, run, tmp_path, monkeypatch):
    config = CONFIGS / 'mask_rcnn_mrla_r50_digits.py'
    model = draw_norms(build_detector(str(config)))
    torch.save(dict(state_dict=model.state_dict()), tmp_path / 'model.pth')
    fused = []
    monkeypatch.setattr(hooks, 'fuse', lambda model: fused.append(fuse(model)) or fused[-1])
    assert run('test', config, tmp_path / 'model.pth', '--data-root', digits, '--work-dir', tmp_path, '--fuse',
               '--out', tmp_path / 'predictions.pkl', '--cfg-options', 'test_dataloader.dataset.indices=1',
               'model.test_cfg.rcnn.max_per_img=5') == 0
    assert len(fused) == 1
    for key, value in fuse(model).state_dict().items():
        assert torch.equal(fused[0].state_dict()[key], value), key
    assert len(pickle.loads((tmp_path / 'predictions.pkl').read_bytes())) == 1


def test_a_norm_that_is_no_affine_map_or_follows_no_convolution_stays():
    check(build(dict(**VARIANTS['mrla_r50'], norm_cfg=dict(type='GN', num_groups=4))), torch.randn(1, 3, 33, 47))
    layers = nn.Sequential(
        ConvModule(3, 8, 3, norm_cfg=dict(type='BN'), order=('norm', 'conv', 'act')),
        ConvModule(8, 8, 3, norm_cfg=dict(type='BN'), with_spectral_norm=True),
        nn.Conv2d(8, 8, 1), nn.ReLU(), nn.BatchNorm2d(8), nn.ConvTranspose2d(8, 12, 2, groups=4), nn.BatchNorm2d(12),
        ConvModule(12, 8, 3, norm_cfg=dict(type='BN'), efficient_conv_bn_eval=True))
    check(draw_norms(layers), torch.randn(2, 3, 9, 9), left=('0.bn', '1.bn', '4'))


@pytest.mark.parametrize('part, named', [('', 'this'), ('layer2.1.bn2', 'layer2.1.bn2 of this')])
def test_refuses_training_mode(part, named):
    model = build(VARIANTS['rla_r50'])
    model.get_submodule(part).training = True
    with pytest.raises(ValueError, match=f'in evaluation mode, and {named} RLAResNet is in training mode'):
        fuse(model)


def test_refuses_what_is_no_model():
    with pytest.raises(TypeError, match='got None'):
        fuse(MODELS.build(dict(type='mmdet.ResNet', depth=18)).eval())


@pytest.mark.slow
@pytest.mark.parametrize('cfg', [VARIANTS['rla_r50'], VARIANTS['mrla_base_deep_r50'], VARIANTS['dla34'],
                                 dict(type='IDAUp', in_channels=CHANNELS, out_channels=32, mode='centernet')],
                         ids=lambda cfg: cfg['type'])
def test_is_saved_and_loaded_as_an_ordinary_checkpoint(cfg, tmp_path):
    fused = fuse(build(cfg))
    save_checkpoint(dict(state_dict=fused.state_dict()), str(tmp_path / 'fused.pth'))
    other = MODELS.build(cfg)
    other.eval()
    with pytest.raises(CheckpointError, match='does not fit'):
        load_checkpoint(other, str(tmp_path / 'fused.pth'))
    other = fuse(other)
    load_checkpoint(other, str(tmp_path / 'fused.pth'), strict=True)
    for key, value in fused.state_dict().items():
        assert torch.equal(other.state_dict()[key], value), key
    copy = pickle.loads(pickle.dumps(fused))
    assert not any(parameter.requires_grad for parameter in copy.parameters())
