"""What tools/train.py does."""
import argparse
import sys
from contextlib import nullcontext

from mmdet.utils import setup_cache_size_limit_of_dynamo
from mmengine.config import Config
from mmengine.registry import RUNNERS

from ..checkpoints import plain_checkpoints, trust_checkpoints
from ..engine import (
    NameUnfitFilesHook,
    check_config,
    check_training,
    config_of_run,
    join_processes_without_gpu,
    load_config,
    name_last_checkpoint,
    naming_images,
    naming_nodes,
    protect_training,
    resume,
    scale_lr_automatically,
    shortened,
    start_from,
    start_partially,
    use_amp,
)
from ..errors import tracebacks_in
from ..own_data.use import use_data
from ..tracebacks import interrupted

__all__ = ['run']


def train(cfg: Config) -> None:
    setup_cache_size_limit_of_dynamo()
    with naming_nodes(cfg):
        runner = RUNNERS.build(cfg)
    runner.register_hook(NameUnfitFilesHook())
    try:
        with naming_nodes(cfg):
            runner.train()
    except BaseException as error:
        if not interrupted(error):
            raise
        last = name_last_checkpoint(runner.work_dir)
        print(f'\nInterrupted at iteration {runner.iter}; '
              + (f'last checkpoint: {last} (go on with --resume)' if last else 'no checkpoint was written yet'),
              file=sys.stderr)
        sys.exit(130)


def run(args: argparse.Namespace) -> None:
    if args.trust_checkpoint:
        trust_checkpoints()
    cfg = load_config(args, 'model', 'train_dataloader', 'train_cfg', 'optim_wrapper')
    use_data(cfg, args)
    if args.pretrained is not None:
        start_from(cfg, args)
    model = check_config(cfg, 'train', 'val')
    if args.amp:
        use_amp(cfg)
    if args.auto_scale_lr:
        scale_lr_automatically(cfg)
    cfg = config_of_run(cfg, args)
    if args.resume is not None or cfg.get('resume'):
        resume(cfg, args.resume or cfg.get('load_from') or 'auto', model)
    if args.partial:
        start_partially(cfg)
    protect_training(cfg)
    with plain_checkpoints():
        check_training(cfg, args.skip_bad_images, model, args.partial)
        run_cfg = shortened(cfg) if args.dry_run else nullcontext(cfg)
        with tracebacks_in(cfg.work_dir), run_cfg as cfg, naming_images(cfg, skip=args.skip_bad_images):
            join_processes_without_gpu(cfg)
            train(cfg)
