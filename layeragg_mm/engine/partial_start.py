"""A training that starts from the weights of another network: --partial."""
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.registry import HOOKS
from mmengine.runner import Runner

from ..checkpoints.loading import without_wrapper
from ..checkpoints.sharing import shared_weights
from ..errors import InputError

__all__ = ['PartialStartHook', 'start_partially']


@HOOKS.register_module()
class PartialStartHook(Hook):
    """Takes of ``load_from`` what the network shares with it by name and shape, and logs what stays new.

    Raises:
        CheckpointError: they share nothing.
    """

    priority = 'VERY_HIGH'  # before averaged weights are made of it (EMAHook)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        shared = shared_weights(model, without_wrapper(checkpoint))
        runner.logger.info(f'--partial: {shared}')
        checkpoint['state_dict'] = {**model.state_dict(), **shared.taken}


def start_partially(cfg: Config) -> None:
    """Let ``cfg`` take of its ``load_from`` what fits.

    Raises:
        InputError: it has none, or goes on from a checkpoint, or shares its weights out (FSDP).
    """
    if not cfg.get('load_from') or cfg.get('resume'):
        raise InputError('--partial is about the weights that a new training starts from, and there are none',
                         'Add --cfg-options load_from=CHECKPOINT, and leave --resume out.')
    if 'FSDPStrategy' in str((cfg.get('strategy') or {}).get('type')):
        raise InputError('--partial: with FSDP no process has the whole network to compare', 'Leave one of them out.')
    cfg.custom_hooks = [*(cfg.get('custom_hooks') or []), dict(type='PartialStartHook')]
