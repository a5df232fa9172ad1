"""Test a detector: python tools/test.py CONFIG CHECKPOINT --data-root /data/coco --show-dir pictures"""
import argparse
from copy import deepcopy

from mmdet.engine.hooks.utils import trigger_visualization_hook
from mmdet.evaluation import DumpDetResults
from mmdet.utils import setup_cache_size_limit_of_dynamo
from mmengine.config import Config, ConfigDict
from mmengine.runner import Runner

import layeragg_mm  # noqa: F401  (registers)
from layeragg_mm.engine import add_config_arguments, check_testing, load_config
from layeragg_mm.errors import InputError, run_tool


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add_config_arguments(parser)
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('--out', metavar='FILE.pkl', help='write the predictions here')
    parser.add_argument('--show', action='store_true', help='show the predictions')
    parser.add_argument('--show-dir', help='write painted images to WORK_DIR/TIMESTAMP/SHOW_DIR')
    parser.add_argument('--wait-time', type=float, default=2, help='seconds that --show waits at an image')
    parser.add_argument('--tta', action='store_true', help='test-time augmentation')
    return parser.parse_args()


def use_tta(cfg: Config) -> None:
    """Wrap the model for test-time augmentation; where the config says nothing of it, by flipping."""
    if 'tta_model' not in cfg:
        if 'segm' in cfg.test_evaluator.get('metric', ()):
            raise InputError('--tta: MMDetection merges boxes only, and this config evaluates masks',
                             'Evaluate boxes with --cfg-options test_evaluator.metric=bbox, or leave --tta out.')
        cfg.tta_model = dict(
            type='DetTTAModel', tta_cfg=dict(nms=dict(type='nms', iou_threshold=0.5), max_per_img=100))
    if 'tta_pipeline' not in cfg:
        *loading, packing = deepcopy(cfg.test_dataloader.dataset.pipeline)
        packing.meta_keys = ('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor', 'flip', 'flip_direction')
        flips = [dict(type='RandomFlip', prob=1.), dict(type='RandomFlip', prob=0.)]
        cfg.tta_pipeline = [*loading, dict(type='TestTimeAug', transforms=[flips, [packing]])]
    cfg.model = ConfigDict(**cfg.tta_model, module=cfg.model)
    cfg.test_dataloader.dataset.pipeline = cfg.tta_pipeline


def main() -> None:
    args = parse_args()
    if args.out is not None and not args.out.endswith(('.pkl', '.pickle')):
        raise InputError(f'--out {args.out} is no pickle file', 'Give a name that ends in .pkl.')
    cfg = load_config(args)
    cfg.load_from = args.checkpoint
    if args.show or args.show_dir:
        cfg = trigger_visualization_hook(cfg, args)
    check_testing(cfg)
    if args.tta:
        use_tta(cfg)

    setup_cache_size_limit_of_dynamo()
    runner = Runner.from_cfg(cfg)
    if args.out is not None:
        runner.test_evaluator.metrics.append(DumpDetResults(out_file_path=args.out))
    runner.test()


if __name__ == '__main__':
    run_tool(main)
