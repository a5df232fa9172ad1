"""What surrounds a training run: configs, checks at the door, hooks."""
from .config import add_config_arguments, load_config, set_data_root
from .door import check_testing, check_training
from .hooks import InvalidLossError, ProgressBarHook, StopOnInvalidLossHook

__all__ = [
    'InvalidLossError', 'ProgressBarHook', 'StopOnInvalidLossHook', 'add_config_arguments', 'check_testing',
    'check_training', 'load_config', 'set_data_root'
]
