"""What tools/demo_seg.py does."""
import argparse
from pathlib import Path

import mmcv
from mmengine.dataset import pseudo_collate
from mmengine.runner import Runner
from rich.table import Table

from ..engine.demo import run_demo
from ..visualization import LabelledImage, save_label_sheet, save_training_curves

__all__ = ['run']

SCORES = {'mIoU': 'mean IoU', 'mAcc': 'mean accuracy of the classes', 'aAcc': 'accuracy of the pixels'}


def predict_images(runner: Runner, count: int) -> list[LabelledImage]:
    """Run the trained model on the first images of the validation data."""
    dataset = runner.val_dataloader.dataset
    samples = [runner.model.test_step(pseudo_collate([dataset[i]]))[0] for i in range(min(count, len(dataset)))]
    return [LabelledImage(mmcv.imread(sample.img_path, channel_order='rgb'), dict(
        truth=sample.gt_sem_seg.data[0].numpy(), prediction=sample.pred_sem_seg.data[0].cpu().numpy()))
        for sample in samples]


def draw(runner: Runner, scalars: list[dict]) -> list[Path]:
    pictures = [Path(runner.work_dir, name) for name in ('predictions.png', 'curves.png')]
    metainfo = runner.val_dataloader.dataset.metainfo
    save_label_sheet(predict_images(runner, 12), metainfo['classes'], metainfo['palette'], pictures[0])
    save_training_curves(scalars, pictures[1], scores=SCORES, best=100.)
    return pictures


def tabulate(metrics: dict[str, float]) -> Table:
    table = Table('', '%')
    for name, title in SCORES.items():
        table.add_row(title, f'{metrics[name]:.1f}')
    return table


def run(args: argparse.Namespace) -> None:
    run_demo('dla34_ida_digits', 'DLA-34 with IDA upsampling', args.work_dir, args.iters, draw=draw, tabulate=tabulate,
             semantic=True)
