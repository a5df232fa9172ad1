"""Train a detector or segmentor: python tools/train.py configs/mask_rcnn_mrla_r50.py --data-root /data/coco"""
import argparse
import sys

from mmdet.utils import setup_cache_size_limit_of_dynamo
from mmengine.config import Config
from mmengine.registry import RUNNERS
from mmengine.runner import find_latest_checkpoint

import layeragg_mm  # noqa: F401  (registers)
from layeragg_mm.checkpoints import plain_checkpoints, trust_checkpoints
from layeragg_mm.engine import (
    NameUnfitFilesHook,
    add_config_arguments,
    check_config,
    check_training,
    join_processes_without_gpu,
    load_config,
    naming_images,
    naming_nodes,
    protect_training,
    resume,
    scale_lr_automatically,
    use_amp,
)
from layeragg_mm.errors import run_tool


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add_config_arguments(parser)
    parser.add_argument('--amp', action='store_true',
                        help='train with automatic mixed precision: bfloat16, or float16 on a GPU without it')
    parser.add_argument('--auto-scale-lr', action='store_true',
                        help='scale the learning rate by the real batch size over auto_scale_lr.base_batch_size')
    parser.add_argument('--resume', nargs='?', const='auto', metavar='CHECKPOINT',
                        help='resume from a checkpoint; without one, from the last whole one in the work dir, if any')
    parser.add_argument('--skip-bad-images', action='store_true',
                        help='train without the images that cannot be read, and list them at the end')
    return parser.parse_args()


def train(cfg: Config) -> None:
    setup_cache_size_limit_of_dynamo()
    with naming_nodes(cfg):
        runner = RUNNERS.build(cfg)
    runner.register_hook(NameUnfitFilesHook())
    try:
        with naming_nodes(cfg):
            runner.train()
    except KeyboardInterrupt:
        last = find_latest_checkpoint(runner.work_dir)
        print(f'\nInterrupted at iteration {runner.iter}; '
              + (f'last checkpoint: {last} (go on with --resume)' if last else 'no checkpoint was written yet'),
              file=sys.stderr)
        sys.exit(130)


def main() -> None:
    args = parse_args()
    if args.trust_checkpoint:
        trust_checkpoints()
    cfg = load_config(args, 'model', 'train_dataloader', 'train_cfg', 'optim_wrapper')
    check_config(cfg, 'train', 'val')
    if args.amp:
        use_amp(cfg)
    if args.auto_scale_lr:
        scale_lr_automatically(cfg)
    if args.resume is not None or cfg.get('resume'):
        resume(cfg, args.resume or cfg.get('load_from') or 'auto')
    protect_training(cfg)
    with plain_checkpoints():
        check_training(cfg, skip=args.skip_bad_images)
        with naming_images(cfg, skip=args.skip_bad_images):
            join_processes_without_gpu(cfg)
            train(cfg)


if __name__ == '__main__':
    run_tool(main)
