"""What tools/test.py does."""
import argparse

from mmdet.evaluation import DumpDetResults
from mmdet.utils import setup_cache_size_limit_of_dynamo
from mmengine.runner import Runner

from ..checkpoints import plain_checkpoints, trust_checkpoints
from ..engine import (
    NameUnfitFilesHook,
    check_checkpoint,
    check_config,
    check_testing,
    config_of_run,
    join_processes_without_gpu,
    load_config,
    naming_images,
    naming_nodes,
    trained_classes,
)
from ..engine.segmentation import is_segmentation
from ..engine.test_outputs import check_out, paint_pictures, write_maps
from ..engine.tta import use_tta
from ..errors import tracebacks_in
from ..own_data.use import use_data

__all__ = ['run']


def run(args: argparse.Namespace) -> None:
    if args.trust_checkpoint:
        trust_checkpoints()
    cfg = load_config(args, 'model', 'test_dataloader', 'test_evaluator', 'test_cfg')
    segmentation = is_segmentation(cfg)
    if args.out is not None:
        check_out(args.out, segmentation=segmentation)
    check_checkpoint(args.checkpoint, 'CHECKPOINT')
    use_data(cfg, args, trained_classes(args.checkpoint))
    cfg = config_of_run(cfg, args)
    cfg.load_from = args.checkpoint
    if args.out is not None and segmentation:
        write_maps(cfg, args.out)
    if args.show or args.show_dir:
        paint_pictures(cfg, args.show, args.show_dir, args.wait_time)
    model = check_config(cfg, 'test')
    with plain_checkpoints(), tracebacks_in(cfg.work_dir), naming_images(cfg), naming_nodes(cfg):
        check_testing(cfg, model)
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
