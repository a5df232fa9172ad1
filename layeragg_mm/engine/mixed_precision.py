"""Training with mixed precision."""
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps

import torch
from mmcv.ops import DeformConv2d, ModulatedDeformConv2d
from mmengine.config import Config
from mmengine.optim import OptimWrapper
from mmengine.registry import OPTIM_WRAPPERS
from mmengine.runner import autocast
from mmengine.utils import apply_to
from torch import nn

from ..configs import type_of
from ..errors import InputError

__all__ = ['BFloat16OptimWrapper', 'use_amp']


@OPTIM_WRAPPERS.register_module()
class BFloat16OptimWrapper(OptimWrapper):
    """Trains backbone and neck under autocast in bfloat16; weights, heads and losses are in float32.

    mmcv's RoIAlign, NMS, focal loss and deformable convolutions have no bfloat16, in which coordinates near 800 are
    multiples of 4; so the heads get float32 features, and deformable convolutions compute in float32. With float32's
    range no loss scale is needed. CPUs have bfloat16, too.

    Args: those of ``OptimWrapper``.

    Raises:
        InputError: the model computed its loss without MMDetection's or MMSegmentation's ``extract_feat``, of its own
            or a part's.
    """

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        extracted = []

        def in_bfloat16(extract_feat: Callable) -> Callable:
            def extract(*args, **kwargs):
                extracted.append(True)
                with autocast(dtype=torch.bfloat16):
                    features = extract_feat(*args, **kwargs)
                return _in_float32(features)
            return extract

        with ExitStack() as stack:
            stack.enter_context(super().optim_context(model))
            for module in model.modules():
                if hasattr(type(module), 'extract_feat'):
                    stack.enter_context(_replaced(module, 'extract_feat', in_bfloat16))
                elif isinstance(module, (DeformConv2d, ModulatedDeformConv2d)):
                    stack.enter_context(_replaced(module, 'forward', _without_autocast))
            yield
        if not extracted:
            raise InputError(f'--amp: {type(model).__name__} computes its loss without extract_feat, in which backbone '
                             'and neck would compute in bfloat16', 'Leave --amp out, and BFloat16OptimWrapper.')


@contextmanager
def _replaced(module: nn.Module, name: str, change: Callable[[Callable], Callable]) -> Iterator[None]:
    """Let an attribute of ``module`` hide the method ``name`` of its class."""
    method = getattr(module, name)
    setattr(module, name, wraps(method)(change(method)))
    try:
        yield
    finally:
        delattr(module, name)


def _without_autocast(forward: Callable) -> Callable:
    def in_float32(*args):
        with autocast(enabled=False):
            return forward(*_in_float32(args))
    return in_float32


def _in_float32(data):
    """Return tensors, in tuples, lists or dicts, in float32."""
    return apply_to(data, torch.is_tensor, torch.Tensor.float)


def use_amp(cfg: Config) -> None:
    """Train ``cfg`` with automatic mixed precision: bfloat16, or on a GPU without it float16 with a loss scale.

    Raises:
        InputError: the config trains with an optimizer wrapper that does more.
    """
    wrapper = cfg.optim_wrapper
    if type_of(wrapper) not in ('', 'OptimWrapper', 'AmpOptimWrapper', 'BFloat16OptimWrapper'):
        raise InputError(f'--amp would replace optim_wrapper.type={type_of(wrapper)}', 'Leave --amp out.')
    for argument in ('dtype', 'loss_scale', 'use_fsdp'):  # AmpOptimWrapper's
        wrapper.pop(argument, None)
    if torch.cuda.is_available() and torch.cuda.get_device_capability() < (8, 0):  # there torch would emulate bfloat16
        wrapper.update(type='AmpOptimWrapper', dtype='float16', loss_scale='dynamic')
    else:
        wrapper.type = 'BFloat16OptimWrapper'
