"""DLA's segmentation network equals the published one, loads its checkpoints, and takes images of every size."""
import golden
import pytest
import torch
import torch.nn.functional as F
from conftest import CONFIGS
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope
from mmengine.runner import load_checkpoint
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from layeragg_mm.checkpoints import CheckpointError

pytestmark = pytest.mark.slow

STRIDES = {
    2: {},
    4: dict(backbone=dict(out_indices=(2, 3, 4, 5)), neck=dict(in_channels=[64, 128, 256, 512], out_channels=64),
            decode_head=dict(in_channels=64, in_stride=4)),
}


def build(stride: int, **options):
    init_default_scope('mmseg')
    cfg = Config.fromfile(CONFIGS / 'dla34_ida_camvid.py')
    cfg.merge_from_dict(dict(model=STRIDES[stride]))
    cfg.merge_from_dict(dict(model=options))
    cfg.model.backbone.init_cfg = None
    torch.manual_seed(0)
    return MODELS.build(cfg.model).eval()


@pytest.mark.parametrize('stride', STRIDES)
def test_released_checkpoints_load_and_give_the_published_scores(stride, tmp_path):
    description = golden.load(f'dla34up_stride{stride}')
    state = golden.state_dict(description)
    torch.save({'state_dict': {f'module.{key}': value for key, value in state.items()}}, tmp_path / 'released.pth.tar')
    model = build(stride).double()
    load_checkpoint(model, str(tmp_path / 'released.pth.tar'), strict=True)

    image = golden.image(description['input'])
    with torch.no_grad():
        feature, = model.extract_feat(image)
        golden.check(feature, description['outputs']['feature'])
        scores = model.decode_head.conv_seg(feature)
        golden.check(scores, description['outputs']['scores'])
        upsampled = F.conv_transpose2d(scores, state['up.weight'], stride=stride, padding=stride // 2, groups=11)
        assert torch.equal(model(image), upsampled)

    again = build(stride).double()
    again.load_state_dict(model.state_dict())
    assert torch.equal(again.decode_head.up.weight, state['up.weight'])


def test_the_upsampling_is_bilinear_and_fixed():
    head = build(4).decode_head
    assert not head.up.weight.requires_grad
    x = torch.rand(1, 11, 6, 7)
    inner = F.interpolate(x, scale_factor=4, mode='bilinear', align_corners=False)[..., 2:-2, 2:-2]
    torch.testing.assert_close(head.up(x)[..., 2:-2, 2:-2], inner)  # beyond the outermost centres it fades to zero


def test_another_network_is_refused():
    state = golden.state_dict(golden.load('dla34up_stride4'))
    with pytest.raises(CheckpointError, match='does not fit'):
        build(2).load_state_dict(state)


@pytest.mark.parametrize('size', [(360, 480), (361, 479)])
@pytest.mark.parametrize('test_cfg', [
    dict(mode='whole'), dict(mode='slide', crop_size=(177, 175), stride=(120, 130))], ids=lambda cfg: cfg['mode'])
def test_whole_and_sliding_inference(size, test_cfg):
    model = build(2, test_cfg=test_cfg)
    with torch.no_grad():
        sample, = model.predict(torch.randn(1, 3, *size), [SegDataSample(metainfo=dict(
            ori_shape=size, img_shape=size, pad_shape=size))])
    assert sample.seg_logits.data.shape == (11, *size) and sample.pred_sem_seg.data.shape == (1, *size)
    assert torch.isfinite(sample.seg_logits.data).all()


@pytest.mark.parametrize('stride', STRIDES)
def test_scores_of_odd_sizes_stay_at_their_place(stride):
    """What exceeds the image is cut off, not squeezed in: prediction and loss see the network's own scores."""
    size = (45, 51)
    model = build(stride)
    image = torch.randn(1, 3, *size)
    with torch.no_grad():
        scores = model(image)[..., :size[0], :size[1]]
        predicted = model.predict(image)[0].seg_logits.data
        sample = SegDataSample(gt_sem_seg=PixelData(data=torch.randint(11, (1, *size))))
        loss = model.loss(image, [sample])['decode.loss_ce']
    assert torch.equal(predicted, scores[0])
    torch.testing.assert_close(loss, F.cross_entropy(scores, sample.gt_sem_seg.data))
