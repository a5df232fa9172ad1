"""Trained models, and what they predict for images of no data set."""
import warnings

from mmcv.transforms import Compose, LoadAnnotations
from mmdet.apis import inference_detector, init_detector
from mmdet.utils import get_test_pipeline_cfg
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.registry import DATASETS, init_default_scope
from mmengine.structures import BaseDataElement
from torch import nn

from ..checkpoints import plain_checkpoints
from ..configs import walk
from .checkpoint_checks import check_model

__all__ = ['load_model', 'metainfo_of', 'predict']


def load_model(cfg: Config, checkpoint: str | None, device: str | None = None) -> nn.Module:
    """Return the model of ``cfg`` with the weights of ``checkpoint``, or else those that training would start from.

    Args:
        cfg: of a detector or segmentor.
        checkpoint: file.
        device: on which it computes; by default a GPU, if there is one.

    Raises:
        InputError: the checkpoint is no plain data, or does not fit.
    """
    with plain_checkpoints():
        check_model(cfg, checkpoint)
        with warnings.catch_warnings(record=True):  # of classes that a checkpoint does not tell, which come from cfg
            # Without cfg_options, MMDetection forgets what the backbone starts from; without a palette, it builds the
            # data.
            model = init_detector(cfg, checkpoint, palette='random', device=device or get_device(), cfg_options={})
        if checkpoint is None:
            model.init_weights()
    return model


def predict(model: nn.Module, file: str) -> BaseDataElement:
    """Return what a detector or segmentor predicts for an image, of which its pipeline must load no truth."""
    transforms = Compose(get_test_pipeline_cfg(model.cfg)).transforms
    load_no_truth = [transform for transform in transforms if not isinstance(transform, LoadAnnotations)]
    return inference_detector(model, file, Compose(load_no_truth))


def metainfo_of(cfg: Config) -> dict:
    """Return what the test data of ``cfg`` say by their config of classes and colours; no file is read."""
    init_default_scope(cfg.get('default_scope', 'mmdet'))
    dataset = next(node for _, node in walk(cfg.test_dataloader.dataset) if 'pipeline' in node)
    return DATASETS.build(dict(dataset, lazy_init=True)).metainfo
