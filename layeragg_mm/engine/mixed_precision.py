"""Training with mixed precision."""
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from mmengine.config import Config
from mmengine.model import is_model_wrapper
from mmengine.optim import OptimWrapper
from mmengine.registry import OPTIM_WRAPPERS
from mmengine.runner import autocast
from torch import Tensor, nn

__all__ = ['BFloat16OptimWrapper', 'use_amp']


@OPTIM_WRAPPERS.register_module()
class BFloat16OptimWrapper(OptimWrapper):
    """Trains backbone and neck under autocast in bfloat16; weights, heads and losses are in float32.

    mmcv's RoIAlign, NMS and focal loss have no bfloat16, which near pixel 800 knows every fourth pixel only; so the
    heads get float32 features. With float32's range no loss scale is needed. CPUs have bfloat16, too.

    Args: those of ``OptimWrapper``. The model must have MMDetection's or MMSegmentation's ``extract_feat``.
    """

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        network = model.module if is_model_wrapper(model) else model
        in_float32 = network.extract_feat

        def in_bfloat16(*args, **kwargs) -> tuple[Tensor, ...]:
            with autocast(dtype=torch.bfloat16):
                features = in_float32(*args, **kwargs)
            return tuple(feature.float() for feature in features)

        with super().optim_context(model):
            network.extract_feat = in_bfloat16  # hides the method of the class
            try:
                yield
            finally:
                del network.extract_feat


def use_amp(cfg: Config) -> None:
    """Train ``cfg`` with automatic mixed precision: bfloat16, or on a GPU without it float16 with a loss scale."""
    cfg.optim_wrapper.pop('loss_scale', None)
    cfg.optim_wrapper.pop('dtype', None)
    if torch.cuda.is_available() and torch.cuda.get_device_capability() < (8, 0):  # there torch would emulate bfloat16
        cfg.optim_wrapper.update(type='AmpOptimWrapper', dtype='float16', loss_scale='dynamic')
    else:
        cfg.optim_wrapper.type = 'BFloat16OptimWrapper'
