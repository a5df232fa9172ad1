"""The demo: make DigitScenes, train Mask R-CNN with an MRLA-ResNet-50 on it from scratch, score it, draw pictures."""
import argparse
import json
from pathlib import Path

import mmcv
import torch
from mmdet.apis import inference_detector
from mmengine.config import Config
from mmengine.runner import Runner, find_latest_checkpoint
from rich.console import Console
from rich.progress import track
from rich.table import Table

import layeragg_mm
from layeragg_mm.datasets import make_digit_scenes
from layeragg_mm.engine import check_training, set_data_root
from layeragg_mm.errors import run_tool
from layeragg_mm.visualization import Objects, Scene, read_scalars, save_prediction_sheet, save_training_curves

CONFIG = Path(layeragg_mm.__file__).parent / '.mim/configs/mask_rcnn_mrla_r50_digits.py'
ROWS = {'AP': 'mAP', 'AP50': 'mAP_50', 'AP75': 'mAP_75', 'AP small': 'mAP_s', 'AP medium': 'mAP_m'}


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--work-dir', type=Path, default=Path('work_dirs/demo'), help='where everything is written')
    parser.add_argument('--iters', type=int, help='training iterations, in place of the config\'s')
    return parser.parse_args()


def load_config(data: Path, work_dir: Path, iters: int | None) -> Config:
    cfg = Config.fromfile(CONFIG)
    set_data_root(cfg, str(data))
    cfg.work_dir = str(work_dir)
    cfg.custom_hooks = [dict(type='StopOnInvalidLossHook'), dict(type='ProgressBarHook')]
    if iters is not None:
        cfg.train_cfg.update(max_iters=iters, val_interval=iters)
        cfg.default_hooks.checkpoint.interval = iters
        cfg.param_scheduler[-1].update(begin=iters * 2 // 3, end=iters)
    return cfg


def predict_scenes(runner: Runner, count: int, min_score: float = .5) -> list[Scene]:
    """Run the trained model on the first images of the validation data."""
    dataset = runner.val_dataloader.dataset
    runner.model.cfg = runner.cfg
    scenes = []
    for index in range(min(count, len(dataset))):
        truth = dataset[index]['data_samples']
        found = inference_detector(runner.model, truth.img_path).pred_instances.numpy()
        found = found[found.scores >= min_score]
        true = truth.gt_instances
        scenes.append(Scene(
            mmcv.imread(truth.img_path, channel_order='rgb'),
            Objects(true.bboxes.numpy(), true.labels.numpy(), true.masks.to_ndarray().astype(bool)),
            Objects(found.bboxes, found.labels, found.masks.astype(bool), found.scores)))
    return scenes


def main() -> None:
    args = parse_args()
    data = args.work_dir / 'data'
    if not data.exists():
        make_digit_scenes(data, track=lambda scenes: track(list(scenes), 'making DigitScenes'))
    cfg = load_config(data, args.work_dir, args.iters)
    check_training(cfg)
    runner = Runner.from_cfg(cfg)
    runner.train()
    minutes = runner.message_hub.get_scalar('train/time').data[0].sum() / 60

    scalars = read_scalars(Path(runner.log_dir) / 'vis_data/scalars.json')
    metrics = {key.removeprefix('coco/'): value for key, value in scalars[-1].items() if key.startswith('coco/')}
    summary = dict(
        config=CONFIG.stem,
        iterations=runner.max_iters,
        training_minutes=round(float(minutes), 2),
        parameters=sum(p.numel() for p in runner.model.parameters()),
        torch_threads=torch.get_num_threads(),
        metrics=metrics)
    pictures = args.work_dir / 'predictions.png', args.work_dir / 'curves.png'
    save_prediction_sheet(predict_scenes(runner, 12), runner.val_dataloader.dataset.metainfo['classes'], pictures[0])
    save_training_curves(scalars, pictures[1])
    summary_file = args.work_dir / 'summary.json'
    summary_file.write_text(json.dumps(summary, indent=2) + '\n')

    console = Console()
    console.print('Mask R-CNN, MRLA-ResNet-50 (light), on held-out DigitScenes')
    table = Table('', 'box', 'mask')
    for title, name in ROWS.items():
        values = (metrics[f'{kind}_{name}'] for kind in ('bbox', 'segm'))
        table.add_row(title, *(f'{value:.3f}' if value >= 0 else 'no such object' for value in values))
    console.print(table)
    console.print(f'{runner.max_iters} iterations in {minutes:.1f} minutes (without validation), '
                  f'{summary["parameters"] / 1e6:.1f} M parameters', soft_wrap=True)
    for path in (*pictures, summary_file, find_latest_checkpoint(args.work_dir)):
        console.print(f'wrote {path}', soft_wrap=True)


if __name__ == '__main__':
    run_tool(main)
