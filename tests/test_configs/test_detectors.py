"""Every detector of configs builds, trains and predicts; what is said of them elsewhere agrees with the files."""
import pytest
import torch
from conftest import CONFIGS, REPOSITORY, slow_but
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import DATASETS, init_default_scope
from train_step import train_a_step

from layeragg_mm.configs import walk
from layeragg_mm.engine import set_data_root
from layeragg_mm.published import published_detectors
from layeragg_mm.published_tables import outdated_documents

DETECTORS = published_detectors()
DEEPER = [name for name in DETECTORS if 'r101' in name]
# Put together from what others train: the detector of the first, the backbone of the second.
TOGETHER = {
    **{f'{detector}_{network}': (f'{detector}_r50', f'mask_rcnn_{network}') for detector in ('faster_rcnn', 'retinanet')
       for network in ('rla_r50', 'rla_eca_r50', 'mrla_r50', 'mrla_base_r50')},
    **{f'{detector}_dla60_ida': (f'{detector}_dla34_ida', 'mask_rcnn_dla60_ida')
       for detector in ('faster_rcnn', 'retinanet')},
    **{f'{detector}_psconv_x101_32x4d_mmdet1': (f'{detector}_psconv_r50_mmdet1',
                                                'faster_rcnn_psconv_x101_32x4d_mmdet1')
       for detector in ('mask_rcnn', 'cascade_rcnn', 'cascade_mask_rcnn')}}
TRAINED = [name for name in DETECTORS if name not in DEEPER and name not in TOGETHER]
QUICK = 'mask_rcnn_mrla_r50', 'centernet_dla34'
SIZE = 64, 64


def small_config(name, data_root):
    """Return a detector's config on small images, with few proposals, for CPU."""
    cfg = Config.fromfile(CONFIGS / f'{name}.py')
    set_data_root(cfg, str(data_root))
    for _, node in walk([cfg.train_dataloader, cfg.test_dataloader]):
        node.update({key: SIZE for key in ('scale', 'crop_size') if key in node})
    for _, node in walk([cfg.model.get('train_cfg'), cfg.model.test_cfg]):
        node.update({key: 20 for key in ('nms_pre', 'max_per_img') if key in node})
        if node.get('type') == 'RandomSampler':
            node.num = 16
    for _, node in walk(cfg.model):
        if (node.get('init_cfg') or {}).get('checkpoint'):
            node.init_cfg = None  # needs torchvision, or to be fetched
        if node.get('type') == 'SyncBN':
            node.type = 'BN'
    return cfg


@pytest.mark.parametrize('name', slow_but(QUICK, TRAINED))
def test_trains_a_step_and_predicts(name, coco, shallow):
    init_default_scope('mmdet')
    cfg = small_config(name, coco)
    model = train_a_step(cfg)

    sample, = model.eval().test_step(pseudo_collate([DATASETS.build(cfg.test_dataloader.dataset)[0]]))
    found = sample.pred_instances
    assert found.bboxes.shape == (len(found), 4) and torch.isfinite(found.bboxes).all()
    if cfg.model.type == 'MaskRCNN':
        assert found.masks.shape == (len(found), 64, 64)


@pytest.mark.slow
@pytest.mark.parametrize('name', DEEPER)
def test_a_deeper_one_differs_in_its_depth_alone(name):
    deeper, other = (Config.fromfile(CONFIGS / f'{name.replace("r101", depth)}.py') for depth in ('r101', 'r50'))
    assert (deeper.model.backbone.pop('depth'), other.model.backbone.pop('depth')) == (101, 50)
    for cfg in (deeper, other):
        cfg.model.backbone.pop('init_cfg', None)
    assert deeper.to_dict() == other.to_dict()


@pytest.mark.slow
@pytest.mark.parametrize('name', TOGETHER)
def test_one_put_together_is_what_others_train(name):
    ours, detector, other = (Config.fromfile(CONFIGS / f'{file}.py') for file in (name, *TOGETHER[name]))
    assert {*TOGETHER[name]} <= {*TRAINED}
    assert ours.model.pop('backbone') == other.model.backbone
    assert ours.model.neck.pop('in_channels') == other.model.neck.in_channels
    detector.model.pop('backbone')
    detector.model.neck.pop('in_channels')
    assert ours.to_dict() == detector.to_dict()


@pytest.mark.slow
def test_the_list_of_detectors_is_complete():
    assert all(detector.config.samefile(CONFIGS / f'{name}.py') for name, detector in DETECTORS.items())
    others = [file for file in CONFIGS.glob('*.py') if file.stem not in DETECTORS and 'digits' not in file.stem]
    assert not [file for file in others if Config.fromfile(file).default_scope == 'mmdet']


@pytest.mark.parametrize('network', ['rla_r50', 'rla_eca_r101', 'mrla_r101', 'mrla_base_r50'])
@pytest.mark.parametrize('detector, lr', [('faster_rcnn', 0.02), ('mask_rcnn', 0.02), ('retinanet', 0.01)])
def test_published_settings(detector, lr, network):
    cfg = Config.fromfile(CONFIGS / f'{detector}_{network}.py')
    assert (cfg.optim_wrapper.optimizer.type, cfg.optim_wrapper.optimizer.lr) == ('SGD', lr)
    assert (cfg.train_cfg.max_epochs, cfg.auto_scale_lr.base_batch_size) == (12, 16)
    backbone = cfg.model.backbone
    assert (backbone.frozen_stages, backbone.norm_eval, cfg.model.neck.type) == (1, True, 'FPN')
    assert str(backbone.depth) == network.split('_r')[-1]
    assert backbone.init_cfg.checkpoint == f'torchvision://resnet{backbone.depth}'


def test_the_documents_show_the_published_numbers():
    assert not outdated_documents(REPOSITORY), 'run python tools/update_tables.py'
