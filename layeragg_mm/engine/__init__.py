"""What surrounds a training run: configs, checks at the door, loops and hooks that survive what happens to it."""
from .checkpointing import ResumableCheckpointHook, find_checkpoint, resume
from .config import add_config_arguments, load_config, set_data_root
from .distributed import any_process, join_processes_without_gpu
from .door import check_testing, check_training
from .fsdp import ResumableFSDPStrategy
from .hooks import FuseHook, InvalidLossError, ProgressBarHook, StopOnInvalidLossHook
from .images import LoadReadableImage, UnreadableImageError, naming_images
from .loops import ResumableEpochLoop, ResumableIterLoop
from .mixed_precision import BFloat16OptimWrapper, use_amp
from .training import protect_training, scale_lr_automatically

__all__ = [
    'BFloat16OptimWrapper', 'FuseHook', 'InvalidLossError', 'LoadReadableImage', 'ProgressBarHook',
    'ResumableCheckpointHook', 'ResumableEpochLoop', 'ResumableFSDPStrategy', 'ResumableIterLoop',
    'StopOnInvalidLossHook', 'UnreadableImageError', 'add_config_arguments', 'any_process', 'check_testing',
    'check_training', 'find_checkpoint', 'join_processes_without_gpu', 'load_config', 'naming_images',
    'protect_training', 'resume', 'scale_lr_automatically', 'set_data_root', 'use_amp'
]
