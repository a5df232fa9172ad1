"""What tools/train.py makes of a config before it trains."""
from mmengine.config import Config

from ..configs import type_of
from ..errors import InputError

__all__ = ['is_by_epoch', 'protect_training', 'scale_lr_automatically']

# mmengine's classes, and those that take their place.
LOOPS = {'EpochBasedTrainLoop': 'ResumableEpochLoop', 'IterBasedTrainLoop': 'ResumableIterLoop'}


def loop_of(train_cfg: dict) -> str:
    """Return the name of the class of a ``train_cfg``, mmengine's where it says none."""
    return type_of(train_cfg) or ('EpochBasedTrainLoop' if train_cfg.get('by_epoch', True) else 'IterBasedTrainLoop')


def is_by_epoch(train_cfg: dict) -> bool:
    """Tell whether a ``train_cfg`` counts epochs; any other counts iterations."""
    return 'Epoch' in loop_of(train_cfg)


def protect_training(cfg: Config) -> None:
    """Let a run of ``cfg`` survive kills, full disks and losses that are not finite; what it computes stays the same.

    mmengine's loops and checkpoint hook become resumable ones; others, which a config names itself, stay.
    """
    cfg.train_cfg.type = LOOPS.get(loop_of(cfg.train_cfg), cfg.train_cfg.get('type'))
    cfg.train_cfg.pop('by_epoch', None)
    cfg.default_hooks = {'checkpoint': dict(type='CheckpointHook', interval=1), **(cfg.get('default_hooks') or {})}
    checkpoint = cfg.default_hooks.checkpoint
    if checkpoint is not None and type_of(checkpoint) in ('', 'CheckpointHook'):
        checkpoint.type = 'ResumableCheckpointHook'
    cfg.custom_hooks = [*(cfg.get('custom_hooks') or []), dict(type='StopOnInvalidLossHook')]


def scale_lr_automatically(cfg: Config) -> None:
    """Scale the learning rate by the real batch size (all processes') over ``auto_scale_lr.base_batch_size``.

    Raises:
        InputError: the config does not say it.
    """
    if 'base_batch_size' not in (cfg.get('auto_scale_lr') or {}):
        raise InputError('--auto-scale-lr: the config has no auto_scale_lr.base_batch_size',
                         'Add auto_scale_lr=dict(base_batch_size=N), N being the batch size that its lr is for.')
    cfg.auto_scale_lr.enable = True
