"""Hooks of the training loop."""
import atexit
import logging
import sys

import torch
from mmengine.dist import all_gather_object, is_main_process
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.registry import HOOKS
from mmengine.runner import Runner
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from ..datasets.checked_pipeline import name_unfit_files
from ..errors import RunError
from ..fusion import fuse
from ..layers import DGConv2d
from .distributed import any_process
from .resuming import name_last_checkpoint

__all__ = ['DynamicGroupHook', 'FuseHook', 'InvalidLossError', 'NameUnfitFilesHook', 'ProgressBarHook',
           'StopOnInvalidLossHook']


class InvalidLossError(RunError):
    """The loss became NaN or infinite."""


@HOOKS.register_module()
class StopOnInvalidLossHook(Hook):
    """Stops training as soon as a loss is NaN or infinite, before another checkpoint is written.

    Of several processes, all stop at this iteration, whichever has the loss; the first tells of it.

    Raises:
        InvalidLossError: names the losses, the iteration, the batch's images and the last checkpoint.
    """

    priority = 'VERY_HIGH'

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch=None, outputs=None) -> None:
        finite = bool(torch.isfinite(outputs['loss']).all())
        if not any_process(not finite):
            return
        losses = {name: torch.as_tensor(value).item() for name, value in outputs.items()
                  if not torch.isfinite(torch.as_tensor(value)).all()}
        images = ', '.join(sample.get('img_path', '(unnamed)') for sample in data_batch['data_samples'])
        found = [text for text in all_gather_object('' if finite else f'{losses}; images: {images}') if text]
        if not is_main_process():
            sys.exit(1)
        last = name_last_checkpoint(runner.work_dir) or 'none was written yet'
        raise InvalidLossError(
            f'the loss is not finite at iteration {runner.iter + 1}: {"; ".join(found)}; last good checkpoint: {last}',
            'Lower the learning rate or look at these images, then go on with --resume.')


@HOOKS.register_module()
class NameUnfitFilesHook(Hook):
    """Lets the data sets of a run name the files that their pipelines cannot take (``CheckedPipeline``)."""

    def before_train(self, runner: Runner) -> None:
        name_unfit_files(runner.train_dataloader.dataset)

    def before_val(self, runner: Runner) -> None:
        name_unfit_files(runner.val_dataloader.dataset)

    def before_test(self, runner: Runner) -> None:
        name_unfit_files(runner.test_dataloader.dataset)


@HOOKS.register_module()
class ProgressBarHook(Hook):
    """Shows training as one bar with the time left, in place of log lines; the log file keeps them.

    Where the output is no terminal, the log lines, which tell the time left too, stay.
    """

    def before_train(self, runner: Runner) -> None:
        self.progress = Progress(
            TextColumn('{task.description}'), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
            TextColumn('left'), TimeRemainingColumn(), refresh_per_second=2)
        self.progress.disable = not self.progress.console.is_terminal
        if self.progress.disable:
            return
        for handler in runner.logger.handlers:
            if not isinstance(handler, logging.FileHandler):
                handler.setLevel(logging.WARNING)
        self.task = self.progress.add_task('training', total=runner.max_iters, completed=runner.iter)
        self.progress.start()
        atexit.register(self.progress.stop)  # an error must not leave the cursor hidden

    def _describe(self, text: str, advance: int = 0) -> None:
        if not self.progress.disable:
            self.progress.update(self.task, advance=advance, description=text)

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch=None, outputs=None) -> None:
        self._describe(f'training, loss {outputs["loss"].item():.2f}', advance=1)

    def before_val_epoch(self, runner: Runner) -> None:
        self._describe('validation')

    def after_train(self, runner: Runner) -> None:
        self.progress.stop()


@HOOKS.register_module()
class FuseHook(Hook):
    """Tests the model in its fused form (:func:`layeragg_mm.fuse`)."""

    priority = 'VERY_LOW'  # after whatever else changes the weights for the test (EMAHook)

    def before_test_epoch(self, runner: Runner) -> None:
        runner.model.eval()
        if is_model_wrapper(runner.model):
            runner.model.module = fuse(runner.model.module)
        else:
            runner.model = fuse(runner.model)


@HOOKS.register_module()
class DynamicGroupHook(Hook):
    """Tells the dynamic group convolutions (DGC) of a model how far its training is, and adds their lasso term.

    The term's gradient joins that of the loss in the layers, so that no detector knows of it; as the loss is, it is
    scaled for mixed precision and divided where gradients are accumulated.

    Args:
        lasso_weight: weight of the sum of all layers' lasso terms in the loss; published is 1e-5.
    """

    def __init__(self, lasso_weight: float = 1e-5) -> None:
        self.lasso_weight = lasso_weight

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch=None) -> None:
        wrapper = runner.optim_wrapper
        weight = self.lasso_weight * wrapper.scale_loss(torch.ones(())).item()
        if hasattr(wrapper, 'loss_scaler'):
            weight *= wrapper.loss_scaler.get_scale()
        for module in runner.model.modules():
            if isinstance(module, DGConv2d):
                module.set_progress(runner.iter / runner.max_iters)
                module.lasso_weight = weight
