"""The installed libraries' configs with a ResNet-50, a family each, and what a test needs to run one on random data."""
import copy
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import mmseg
import torch
from mmdet.testing import demo_mm_inputs
from mmengine.config import Config
from mmengine.logging import MessageHub
from mmengine.registry import MODELS, init_default_scope
from mmengine.structures import InstanceData, PixelData
from mmseg.structures import SegDataSample

from layeragg_mm.configs import walk

RESNETS = 'ResNet', 'ResNetV1c', 'ResNetV1d'
FEW = dict(nms_pre=20, max_per_img=5, num_queries=20, topk=20, max_num=20, num_points=64)


def resnets_of(model: dict) -> Iterator[dict]:
    """Return the configs of all ResNets in that of a model, a teacher's and its student's, say."""
    return (node for _, node in walk(model) if node.get('type') in RESNETS and 'depth' in node)


def families(library: ModuleType) -> dict[str, str]:
    """Return the first config of each family that has a ResNet-50, from the installed package's files."""
    found = {}
    for folder in sorted((Path(library.__file__).parent / '.mim/configs').iterdir()):
        for file in sorted(folder.glob('*r50*.py'), key=lambda file: (len(file.name), file.name)):
            if folder.name != '_base_' and '_base_' in file.read_text() and 'mmpretrain' not in file.read_text():
                found[folder.name] = file.name
                break
    return found


def config_of(library: ModuleType, family: str, name: str) -> Config:
    return Config.fromfile(Path(library.__file__).parent / '.mim/configs' / family / name)


def small(model: dict) -> dict:
    """Return a model's config with few proposals and queries, for one process, and nothing to be fetched."""
    model = copy.deepcopy(model)
    for _, node in walk(model):
        node.update({key: min(few, node[key]) for key, few in FEW.items() if isinstance(node.get(key), int)})
        if node.get('type') in ('RandomSampler', 'InstanceBalancedPosSampler', 'OHEMSampler', 'ScoreHLRSampler'):
            node['num'] = 16
        if 'batch_augments' in node:  # which pad to the size of training
            node['batch_augments'] = None
        if node.get('type') == 'SyncBN':
            node['type'] = 'BN'
        if isinstance(node.get('init_cfg'), dict) and node['init_cfg'].get('type') == 'Pretrained':
            node['init_cfg'] = None
    if 'pretrained' in model:
        model.pretrained = None
    return model


def detection_data(size: int, network: torch.nn.Module) -> dict:
    shapes = [[3, size, size]] * 2
    masks = network.with_mask or hasattr(network, 'panoptic_head')
    data = demo_mm_inputs(2, image_shapes=shapes, num_items=[3, 3], num_classes=5, with_mask=masks, with_semantic=masks)
    if not getattr(network, 'with_rpn', True):  # proposals come from a file
        for sample in data['data_samples']:
            sample.proposals = InstanceData(bboxes=sample.gt_instances.bboxes, scores=torch.ones(3))
    return data


def segmentation_data(size: int, classes: int) -> dict:
    generator = torch.Generator().manual_seed(0)
    inputs, samples = [], []
    for _ in range(2):
        inputs.append(torch.randint(0, 255, (3, size, size), dtype=torch.uint8, generator=generator))
        shape = (size, size)
        samples.append(SegDataSample(metainfo=dict(
            img_shape=shape, ori_shape=shape, pad_shape=shape, padding_size=[0] * 4)))
        samples[-1].gt_sem_seg = PixelData(data=torch.randint(0, classes, (1, *shape), generator=generator))
    return dict(inputs=inputs, data_samples=samples)


def learn_and_predict(library: ModuleType, model: dict, size: int) -> tuple[torch.nn.Module, list]:
    """Build a model, take the gradients of its loss on random data, and predict; return it and the predictions."""
    init_default_scope(library.__name__)
    torch.manual_seed(0)
    MessageHub.get_current_instance().update_info('epoch', 0)  # which some heads ask for
    if library is mmseg:
        model.data_preprocessor.update(size=(size, size))
        model.data_preprocessor.pop('size_divisor', None)
        model.test_cfg.update(mode='whole')
    network = MODELS.build(model)
    network.init_weights()  # some have weights that nothing else sets
    if library is mmseg:
        heads = model.decode_head if isinstance(model.decode_head, list) else [model.decode_head]
        data = segmentation_data(size, next(node.num_classes for _, node in walk(heads) if 'num_classes' in node))
    else:
        data = detection_data(size, network)
    losses = network(**network.data_preprocessor(copy.deepcopy(data), True), mode='loss')
    total, _ = network.parse_losses(losses)
    total.backward()
    with torch.no_grad():
        return network, network.eval().test_step(data)
