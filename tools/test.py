"""Test a detector or segmentor: python tools/test.py CONFIG CHECKPOINT --data-root /data/coco --show-dir pictures"""
import argparse

from mmdet.engine.hooks.utils import trigger_visualization_hook
from mmdet.evaluation import DumpDetResults
from mmdet.utils import setup_cache_size_limit_of_dynamo
from mmengine.runner import Runner

import layeragg_mm  # noqa: F401  (registers)
from layeragg_mm.checkpoints import plain_checkpoints, trust_checkpoints
from layeragg_mm.engine import (
    NameUnfitFilesHook,
    add_config_arguments,
    check_config,
    check_testing,
    join_processes_without_gpu,
    load_config,
    naming_images,
    naming_nodes,
)
from layeragg_mm.engine.segmentation import is_segmentation, paint_maps, write_maps
from layeragg_mm.engine.tta import use_tta
from layeragg_mm.errors import InputError, run_tool


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add_config_arguments(parser)
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('--out', metavar='FILE.pkl', help='write the predictions here; of a segmentor: to this folder')
    parser.add_argument('--show', action='store_true', help='show the predictions')
    parser.add_argument('--show-dir', help='write painted images to WORK_DIR/TIMESTAMP/SHOW_DIR, of a segmentor to '
                        'WORK_DIR/SHOW_DIR')
    parser.add_argument('--wait-time', type=float, default=2, help='seconds that --show waits at an image')
    parser.add_argument('--tta', action='store_true', help='test-time augmentation')
    parser.add_argument('--fuse', action='store_true', help='join norms and convolutions first, which is faster')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    if args.trust_checkpoint:
        trust_checkpoints()
    cfg = load_config(args, 'model', 'test_dataloader', 'test_evaluator', 'test_cfg')
    cfg.load_from = args.checkpoint
    segmentation = is_segmentation(cfg)
    if args.out is not None and segmentation:
        write_maps(cfg, args.out)
    elif args.out is not None and not args.out.endswith(('.pkl', '.pickle')):
        raise InputError(f'--out {args.out} is no pickle file', 'Give a name that ends in .pkl.')
    if args.show or args.show_dir:
        if segmentation:
            paint_maps(cfg, args.show, args.show_dir, args.wait_time)
        else:
            trigger_visualization_hook(cfg, args)
    check_config(cfg, 'test')
    with plain_checkpoints(), naming_images(cfg), naming_nodes(cfg):
        check_testing(cfg)
        if args.tta:
            use_tta(cfg)
        if args.fuse:
            cfg.custom_hooks = [*cfg.get('custom_hooks', []), dict(type='FuseHook')]
        join_processes_without_gpu(cfg)
        setup_cache_size_limit_of_dynamo()
        runner = Runner.from_cfg(cfg)
        runner.register_hook(NameUnfitFilesHook())
        if args.out is not None and not segmentation:
            runner.test_evaluator.metrics.append(DumpDetResults(out_file_path=args.out))
        runner.test()


if __name__ == '__main__':
    run_tool(main)
