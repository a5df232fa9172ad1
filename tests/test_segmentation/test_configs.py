"""Every segmentation config builds, trains a step and predicts, with the published settings."""
import pytest
from conftest import CONFIGS
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import DATASETS, init_default_scope
from train_step import train_a_step

from layeragg_mm.configs import walk
from layeragg_mm.engine import set_data_root

pytestmark = pytest.mark.slow

NAMES = sorted(file.stem for pattern in ('*_camvid*', '*_cityscapes', '*_bsds', '*_ade20k', 'dla34_ida_digits')
               for file in CONFIGS.glob(f'{pattern}.py'))
DATA = dict(camvid='camvid', cityscapes='cityscapes', bsds='bsds', ade20k='ade20k', digits='semantic_digits')
SIZE = 48, 64


def small_config(name: str, data_root) -> Config:
    cfg = Config.fromfile(CONFIGS / f'{name}.py')
    set_data_root(cfg, str(data_root))
    for _, node in walk(cfg.model):
        if 'size' in node:
            node.size = SIZE
        if node.get('type') in ('UPerHead', 'FCNHead'):
            node.channels = 32
    for _, node in walk([cfg.train_dataloader, cfg.test_dataloader]):
        node.update({key: SIZE for key in ('scale', 'crop_size') if key in node})
    cfg.model.backbone.init_cfg = None  # from the network
    return cfg


@pytest.mark.parametrize('name', NAMES)
def test_trains_a_step_and_predicts(name, request):
    data = next(fixture for word, fixture in DATA.items() if word in name)
    init_default_scope('mmseg')
    cfg = small_config(name, request.getfixturevalue(data))
    model = train_a_step(cfg)

    test_data = DATASETS.build(cfg.test_dataloader.dataset)
    sample, = model.eval().test_step(pseudo_collate([test_data[0]]))
    classes = len(test_data.metainfo['classes'])
    assert sample.seg_logits.shape == sample.gt_sem_seg.shape and len(sample.seg_logits.data) == classes
    assert sample.gt_sem_seg.data.unique().le(classes - 1).logical_or(sample.gt_sem_seg.data.unique() == 255).all()


@pytest.mark.parametrize('name, crop, epochs', [
    ('dla169_ida_cityscapes', 832, 500), ('upernet_mrla_r50_cityscapes', 832, 500), ('dla102_ida_camvid', 448, 1200),
    ('upernet_rla_r50_camvid', 448, 1200), ('dla102_ida_bsds', 416, 1200)])
def test_published_settings(name, crop, epochs):
    cfg = Config.fromfile(CONFIGS / f'{name}.py')
    optimizer = cfg.optim_wrapper.optimizer
    assert (optimizer.type, optimizer.lr, optimizer.momentum) == ('SGD', 0.01, 0.9)
    assert (cfg.train_cfg.max_epochs, cfg.auto_scale_lr.base_batch_size) == (epochs, 16)
    assert cfg.crop_size == cfg.model.data_preprocessor.size == (crop, crop)
    transforms = {node.type: node for node in cfg.train_pipeline}
    assert transforms['RandomRotate'].degree == (180 if 'bsds' in name else 10)
    assert transforms['RandomCrop'].crop_size == (crop, crop)
    if 'bsds' not in name:
        assert transforms['RandomResize'].ratio_range == (0.5, 2)
    if 'cityscapes' in name:
        assert (cfg.param_scheduler.type, cfg.param_scheduler.power, cfg.param_scheduler.end) == ('PolyLR', 0.9, epochs)
    else:
        assert (cfg.param_scheduler.type, cfg.param_scheduler.milestones) == ('MultiStepLR', [800])
        assert cfg.train_dataloader.batch_size == 16


@pytest.mark.parametrize('name', ['upernet_r50_ade20k', 'upernet_pyconv_r50_ade20k', 'pyconvsegnet_r50_ade20k'])
def test_pyconvsegnet_s_settings(name):
    cfg = Config.fromfile(CONFIGS / f'{name}.py')
    optim, schedule = cfg.optim_wrapper, cfg.param_scheduler
    assert optim.optimizer.lr == 0.01 and optim.paramwise_cfg.custom_keys.head.lr_mult == 10
    assert (cfg.train_cfg.max_epochs, cfg.auto_scale_lr.base_batch_size) == (100, 16)
    assert (schedule.type, schedule.power, schedule.end) == ('PolyLR', 0.9, 100)
    assert cfg.crop_size == cfg.model.data_preprocessor.size == (473, 473)
    assert {head.num_classes for head in (cfg.model.decode_head, cfg.model.auxiliary_head)} == {150}
