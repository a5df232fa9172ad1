"""A model of any mm library from a config and a checkpoint, and what it says of an image."""
import copy
from pathlib import Path

import torch
from mmdet.utils import get_test_pipeline_cfg
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.device import get_device
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import DATASETS, MODELS, init_default_scope
from mmengine.structures import BaseDataElement
from torch import nn

from ..checkpoints import plain_checkpoints
from ..checkpoints.loading import load_whole
from ..configs import walk
from .checks import check_checkpoint, check_pretrained

__all__ = ['classes_of', 'load_model', 'predict']


def load_model(cfg: Config, checkpoint: str | None = None) -> nn.Module:
    """Return the model of ``cfg`` in evaluation mode, with the weights of ``checkpoint`` or else those of a start.

    Raises:
        InputError: the checkpoint is missing, or it is none, or not one of this very model.
    """
    if checkpoint is None:
        check_pretrained(cfg.model)
    else:
        check_checkpoint(checkpoint, 'CHECKPOINT')
    init_default_scope(cfg.get('default_scope', 'mmdet'))
    model = revert_sync_batchnorm(MODELS.build(copy.deepcopy(cfg.model)))
    if checkpoint is None:
        model.init_weights()
    else:
        with plain_checkpoints():
            load_whole(model, checkpoint)
    model.cfg = cfg
    model.to(get_device())
    model.eval()
    return model


@torch.no_grad()
def predict(model: nn.Module, image: str | Path) -> BaseDataElement:
    """Return what a model of :func:`load_model` predicts for an image file, through its config's test pipeline."""
    pipeline = Compose([transform for transform in get_test_pipeline_cfg(model.cfg)
                        if not transform['type'].endswith('LoadAnnotations')])
    data = pipeline(dict(img_path=str(image), img_id=0))
    return model.test_step(pseudo_collate([data]))[0]


def classes_of(cfg: Config) -> tuple[str, ...]:
    """Return the classes that the test data of ``cfg`` have by their config; no file is read."""
    dataset = next(node for _, node in walk(cfg.test_dataloader.dataset) if 'pipeline' in node)
    return tuple(DATASETS.build(dict(dataset, lazy_init=True)).metainfo['classes'])
