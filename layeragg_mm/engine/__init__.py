"""What surrounds a training run: configs, checks before it, loops and hooks that survive what happens to it.

Importing it registers what a training's config names, and lets torch load the training state that mmengine saves:
``custom_imports = dict(imports=['layeragg_mm.engine'], allow_failed_imports=False)``.
"""
from ..checkpoints.training_state import allow_training_state
from .build_errors import naming_nodes
from .checkpoint_checks import check_checkpoint, trained_classes
from .checkpointing import ResumableCheckpointHook
from .checks import check_config, check_testing, check_training
from .config import load_config, set_data_root
from .distributed import any_process, join_processes_without_gpu
from .dry_run import DryRunHook, shortened
from .fsdp import ResumableFSDPStrategy
from .hooks import (
    DynamicGroupHook,
    FuseHook,
    InvalidLossError,
    NameUnfitFilesHook,
    ProgressBarHook,
    StopOnInvalidLossHook,
)
from .loops import ResumableEpochLoop, ResumableIterLoop
from .mixed_precision import BFloat16OptimWrapper, use_amp
from .naming_images import naming_images
from .partial_start import PartialStartHook, start_partially
from .resuming import find_checkpoint, name_last_checkpoint, resume
from .run_config import RunConfig, config_of_run
from .start_weights import start_from
from .training import protect_training, scale_lr_automatically

allow_training_state()

__all__ = [
    'BFloat16OptimWrapper', 'DryRunHook', 'DynamicGroupHook', 'FuseHook', 'InvalidLossError', 'NameUnfitFilesHook',
    'PartialStartHook', 'ProgressBarHook', 'ResumableCheckpointHook', 'ResumableEpochLoop', 'ResumableFSDPStrategy',
    'ResumableIterLoop', 'RunConfig', 'StopOnInvalidLossHook', 'any_process', 'check_checkpoint', 'check_config',
    'check_testing', 'check_training', 'config_of_run', 'find_checkpoint', 'join_processes_without_gpu', 'load_config',
    'name_last_checkpoint', 'naming_images', 'naming_nodes', 'protect_training', 'resume', 'scale_lr_automatically',
    'set_data_root', 'shortened', 'start_from', 'start_partially', 'trained_classes', 'use_amp'
]
