"""Train a detector: python tools/train.py configs/mask_rcnn_mrla_r50.py --data-root /data/coco"""
import argparse
import sys

from mmdet.utils import setup_cache_size_limit_of_dynamo
from mmengine.runner import Runner, find_latest_checkpoint

import layeragg_mm  # noqa: F401  (registers)
from layeragg_mm.engine import InvalidLossError, add_config_arguments, check_training, load_config
from layeragg_mm.errors import InputError, run_tool


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add_config_arguments(parser)
    parser.add_argument('--amp', action='store_true', help='train with automatic mixed precision')
    parser.add_argument('--auto-scale-lr', action='store_true',
                        help='scale the learning rate by the real batch size over auto_scale_lr.base_batch_size')
    parser.add_argument('--resume', nargs='?', const='auto', metavar='CHECKPOINT',
                        help='resume from a checkpoint; without one, from the latest in the work dir')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    cfg = load_config(args)
    if args.amp:
        cfg.optim_wrapper.type = 'AmpOptimWrapper'
        cfg.optim_wrapper.loss_scale = 'dynamic'
    if args.auto_scale_lr:
        if 'base_batch_size' not in (cfg.get('auto_scale_lr') or {}):
            raise InputError(f'--auto-scale-lr: {args.config} has no auto_scale_lr.base_batch_size',
                             'Add auto_scale_lr=dict(base_batch_size=N), N being the batch size that its lr is for.')
        cfg.auto_scale_lr.enable = True
    if args.resume is not None:
        cfg.resume = True
        cfg.load_from = None if args.resume == 'auto' else args.resume
    cfg.custom_hooks = [*cfg.get('custom_hooks', []), dict(type='StopOnInvalidLossHook')]
    check_training(cfg)

    setup_cache_size_limit_of_dynamo()
    runner = Runner.from_cfg(cfg)
    try:
        runner.train()
    except InvalidLossError as error:
        sys.exit(f'error: {error}\nLower the learning rate or look at these images, then go on with --resume.')
    except KeyboardInterrupt:
        last = find_latest_checkpoint(runner.work_dir)
        print(f'\nInterrupted at iteration {runner.iter}; '
              + (f'last checkpoint: {last} (go on with --resume)' if last else 'no checkpoint was written yet'),
              file=sys.stderr)
        sys.exit(130)


if __name__ == '__main__':
    run_tool(main)
