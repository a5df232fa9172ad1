"""A training that ends after its first batch and an evaluation of two images, and leaves nothing."""
import copy
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory

import torch
from mmengine.config import Config
from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner

from .model_checks import learns_from_one

__all__ = ['DryRunHook', 'shortened']

EVALUATED = 2  # images
LARGEST_BATCH = 2  # images of a batch where there is no GPU


@contextmanager
def shortened(cfg: Config) -> Iterator[Config]:
    """Yield ``cfg`` for a run of one batch, in a folder that is removed at the end; it prints what comes out.

    Without a GPU, where a whole batch could take minutes, it is cut to two images, and the model learns from one of
    them, if it can. Data are loaded without workers.
    """
    with TemporaryDirectory() as folder:
        cfg = copy.deepcopy(cfg)
        cfg.work_dir, cfg.resume, cfg.log_level = folder, False, 'WARNING'
        cfg.train_cfg = dict(type='IterBasedTrainLoop', max_iters=1, val_interval=1)
        cfg.log_processor = dict(cfg.get('log_processor') or {}, by_epoch=False)
        cfg.default_hooks = {**(cfg.get('default_hooks') or {}), 'checkpoint': None}
        cfg.custom_hooks = [*(cfg.get('custom_hooks') or []), dict(type='DryRunHook')]
        for name in ('train_dataloader', 'val_dataloader'):
            if cfg.get(name):
                cfg[name].update(num_workers=0, persistent_workers=False)
                cfg[name].pop('prefetch_factor', None)
        if not torch.cuda.is_available() and cfg.train_dataloader.get('batch_size'):
            cfg.train_dataloader.batch_size = min(cfg.train_dataloader.batch_size, LARGEST_BATCH)
        yield cfg


@HOOKS.register_module()
class DryRunHook(Hook):
    """Cuts the validation to two images and without a GPU a batch to one, and prints losses and scores at the end."""

    priority = 'VERY_LOW'

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: dict | None = None) -> None:
        model = getattr(runner.model, 'module', runner.model)  # of DDP
        parts = [data_batch.get(key) for key in ('inputs', 'data_samples')] if isinstance(data_batch, dict) else []
        if not torch.cuda.is_available() and parts and all(isinstance(part, list) for part in parts):
            model.data_preprocessor(copy.deepcopy(data_batch), True)  # whether they can be stacked
            if learns_from_one(runner.cfg, model):
                for part in parts:
                    del part[1:]

    def before_train(self, runner: Runner) -> None:
        if runner.val_loop is not None:
            loader = runner.val_loop.dataloader
            first = [[index] for index in range(min(EVALUATED, len(loader.dataset)))]
            vars(loader).update(batch_sampler=first)  # its __setattr__ refuses

    @master_only
    def after_train(self, runner: Runner) -> None:
        scalars = {name: buffer.current() for name, buffer in runner.message_hub.log_scalars.items()}
        losses = [f'{name.removeprefix("train/")} {value:.3g}' for name, value in scalars.items() if 'loss' in name]
        scores = [f'{name.removeprefix("val/")} {value:.3g}' for name, value in scalars.items()
                  if name.startswith('val/') and not name.endswith('time')]
        print(f'dry run: one batch went through model and loss: {", ".join(losses)}')
        if runner.val_loop is not None:
            print(f'dry run: {len(runner.val_loop.dataloader)} images were evaluated: '
                  f'{", ".join(scores) or "nothing was found in them"}')
        print('dry run: nothing was written; leave --dry-run out to train')
