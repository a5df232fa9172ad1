"""What tools/test.py does."""
import argparse

from mmdet.evaluation import DumpDetResults
from mmdet.utils import setup_cache_size_limit_of_dynamo
from mmengine.config import Config
from mmengine.runner import Runner

from ..checkpoints import plain_checkpoints, trust_checkpoints
from ..configs import walk
from ..deployment import ExportedFile, is_exported
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
from ..errors import InputError, tracebacks_in
from ..own_data.use import use_data
from ..paths import check_checkpoint_file
from ..words import some

__all__ = ['run']


def checkpoint_classes(args: argparse.Namespace) -> list[str] | None:
    check_checkpoint(args.checkpoint, 'CHECKPOINT')
    return trained_classes(args.checkpoint)


def exported_classes(cfg: Config, args: argparse.Namespace) -> list[str] | None:
    for option in ('tta', 'fuse'):
        if getattr(args, option):
            raise InputError(f'--{option} is for checkpoints, and {args.checkpoint} is an exported file',
                             f'Leave --{option} out.')
    check_checkpoint_file(args.checkpoint, 'CHECKPOINT')
    traits = ExportedFile(args.checkpoint).traits
    kind = 'segmenter' if is_segmentation(cfg) else 'detector'
    if traits.kind != kind:
        raise InputError(f'{args.checkpoint} is of a {traits.kind}, and {args.config} of a {kind}',
                         'Give the config that it was exported from.')
    return traits.classes or None


def check_count(cfg: Config, args: argparse.Namespace, classes: list[str] | None) -> None:
    """Raise an :class:`InputError` unless the model of ``cfg`` has as many classes as an exported file."""
    counts = {node['num_classes'] for _, node in walk(cfg.model) if 'num_classes' in node}
    if classes and counts and len(classes) not in counts:
        raise InputError(f'{args.checkpoint} has {len(classes)} classes ({some(classes)}), and the model of '
                         f'{args.config} {max(counts)}', 'Give the config that it was exported from.')


def run(args: argparse.Namespace) -> None:
    if args.trust_checkpoint:
        trust_checkpoints()
    cfg = load_config(args, 'model', 'test_dataloader', 'test_evaluator', 'test_cfg')
    segmentation = is_segmentation(cfg)
    if args.out is not None:
        check_out(args.out, segmentation=segmentation)
    exported = is_exported(args.checkpoint)
    classes = exported_classes(cfg, args) if exported else checkpoint_classes(args)
    use_data(cfg, args, classes)
    if exported:
        check_count(cfg, args, classes)
    cfg = config_of_run(cfg, args)
    cfg.load_from = None if exported else args.checkpoint
    if args.out is not None and segmentation:
        write_maps(cfg, args.out)
    if args.show or args.show_dir:
        paint_pictures(cfg, args.show, args.show_dir, args.wait_time)
    model = check_config(cfg, 'test')
    with plain_checkpoints(), tracebacks_in(cfg.work_dir), naming_images(cfg), naming_nodes(cfg):
        check_testing(cfg, model)
        if exported:
            cfg.model = dict(type='ExportedModel', file=args.checkpoint)
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
