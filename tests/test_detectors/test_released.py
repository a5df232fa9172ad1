"""A released whole detector, in the layout of MMDetection 2, gives the same detections here as there."""
import pickle
from functools import cache

import cv2
import golden
import mmdet2
import numpy as np
import pytest
import torch
from conftest import CONFIGS
from mmdet.structures.mask import encode_mask_results
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import DATASETS, MODELS, init_default_scope

from layeragg_mm.engine import set_data_root

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group('released')]  # share the weights

RELEASED = {
    'retinanet_rla_r50': 'rla_resnet50',
    'faster_rcnn_rla_eca_r50': 'rla_resnet50_eca',
    'mask_rcnn_mrla_r50': 'mrla_light_resnet50',
}
SMALL = {'test_dataloader.dataset.pipeline.1.scale': (64, 64), 'test_dataloader.dataset.indices': 2,
         'test_dataloader.num_workers': 0, 'test_dataloader.persistent_workers': False}
TWO_STAGE = SMALL | {'model.test_cfg.rpn.max_per_img': 20, 'model.test_cfg.rcnn.score_thr': 0.,
                     'model.test_cfg.rcnn.max_per_img': 10}


@cache
def released(name):
    """Return a detector's seeded checkpoint; the backbone's weights are those behind the golden outputs."""
    backbone = {f'backbone.{key}': value for key, value in golden.state_dict(golden.load(RELEASED[name])).items()
                if not key.startswith(('fc.', 'bn2.'))}
    heads = mmdet2.LAYOUTS[next(kind for kind in mmdet2.LAYOUTS if name.startswith(kind))]
    state = backbone | {key: golden.weight(key, shape) for key, shape in heads.items()}
    if name.startswith('retinanet'):  # few objects, as trained weights find
        state['bbox_head.retina_cls.weight'] *= 10
        state['bbox_head.retina_cls.bias'] -= 6
    return state


def part(name, state, dtype=torch.float32):
    return {key.removeprefix(f'{name}.'): value.to(dtype) for key, value in state.items() if key.startswith(f'{name}.')}


def found(name, options, data_root, run, folder):
    """Return what tools/test.py finds with the checkpoint of ``name``, and the config that it runs."""
    file = folder / 'released.pth'
    torch.save(dict(meta=dict(mmdet_version='2.18.0', epoch=12),
                    state_dict={key: value.float() for key, value in released(name).items()}), file)
    assert run('test', CONFIGS / f'{name}.py', file, '--data-root', data_root, '--work-dir', folder,
               '--out', folder / 'out.pkl', '--cfg-options', *(f'{key}={value}' for key, value in options.items())) == 0
    cfg = Config.fromfile(CONFIGS / f'{name}.py')
    set_data_root(cfg, str(data_root))
    cfg.merge_from_dict(options)
    samples = pickle.loads((folder / 'out.pkl').read_bytes())
    assert len(samples) == 2
    return samples, cfg


@pytest.mark.parametrize('name', RELEASED)
def test_the_backbone_of_a_whole_detector_is_the_published_one(name):
    init_default_scope('mmdet')
    model = MODELS.build(Config.fromfile(CONFIGS / f'{name}.py').model).double().eval()
    model.load_state_dict(released(name))
    description = golden.load(RELEASED[name])
    for i, out in enumerate(model.backbone(golden.image(description['input'])), 1):
        golden.check(out, description['outputs'][f'stage{i}'])


def test_retinanet_finds_what_it_finds_written_out(coco, run, tmp_path):
    name = 'retinanet_rla_r50'
    samples, cfg = found(name, SMALL, coco, run, tmp_path)
    state = {key: value.float() for key, value in released(name).items()}
    backbone = MODELS.build(cfg.model.backbone).eval()
    backbone.load_state_dict(part('backbone', state))
    for sample in samples:
        image = cv2.imread(sample['img_path'])[..., ::-1]
        image = (image - np.array([123.675, 116.28, 103.53])) / [58.395, 57.12, 57.375]
        with torch.no_grad():
            features = backbone(torch.from_numpy(image.transpose(2, 0, 1)).float()[None])
            expected = mmdet2.retinanet(features, state)
        instances = sample['pred_instances']
        assert len(instances['scores']) == len(expected) > 10
        torch.testing.assert_close(instances['bboxes'], expected[:, :4], rtol=1e-4, atol=1e-3)
        torch.testing.assert_close(instances['scores'], expected[:, 4], rtol=1e-4, atol=1e-5)
        assert instances['labels'].tolist() == expected[:, 5].tolist()


@pytest.mark.parametrize('name', ['faster_rcnn_rla_eca_r50', 'mask_rcnn_mrla_r50'])
def test_two_stage_detectors_find_what_their_parts_find(name, coco, run, tmp_path):
    """The parts: the published backbone, and MMDetection's neck and heads, each given its weights by itself."""
    samples, cfg = found(name, TWO_STAGE, coco, run, tmp_path)
    model = MODELS.build(cfg.model).eval()
    for module in ('backbone', 'neck', 'rpn_head', 'roi_head'):
        getattr(model, module).load_state_dict(part(module, released(name)))
    dataset = DATASETS.build(cfg.test_dataloader.dataset)
    for i, sample in enumerate(samples):
        expected, = model.test_step(pseudo_collate([dataset[i]]))
        expected, instances = expected.pred_instances, sample['pred_instances']
        assert len(expected) == 10
        for key in ('bboxes', 'scores', 'labels'):
            torch.testing.assert_close(instances[key], expected[key])
        if 'masks' in expected:
            assert instances['masks'] == encode_mask_results(expected.masks.numpy())
