"""What tools/train.py makes of a config before it trains."""
from mmengine.config import Config

from ..errors import InputError

__all__ = ['protect_training', 'scale_lr_automatically']

# mmengine's classes, and those that take their place.
LOOPS = {'EpochBasedTrainLoop': 'ResumableEpochLoop', 'IterBasedTrainLoop': 'ResumableIterLoop'}


def protect_training(cfg: Config) -> None:
    """Let a run of ``cfg`` survive kills, full disks and losses that are not finite; what it computes stays the same.

    mmengine's loops and checkpoint hook become resumable ones; others, which a config names itself, stay.
    """
    by_epoch = cfg.train_cfg.pop('by_epoch', True)
    name = str(cfg.train_cfg.get('type', 'EpochBasedTrainLoop' if by_epoch else 'IterBasedTrainLoop')).split('.')[-1]
    cfg.train_cfg.type = LOOPS.get(name, cfg.train_cfg.get('type'))
    cfg.default_hooks = {'checkpoint': dict(type='CheckpointHook', interval=1), **(cfg.get('default_hooks') or {})}
    checkpoint = cfg.default_hooks.checkpoint
    if checkpoint is not None and checkpoint.get('type', 'CheckpointHook') == 'CheckpointHook':
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
