"""What tools/demo.py does."""
import argparse
from pathlib import Path

from mmdet.apis import inference_detector
from mmengine.runner import Runner
from rich.table import Table

from ..engine.demo import run_demo
from ..visualization import Scene, load_labelled, predicted_objects, save_sheet, save_training_curves

__all__ = ['run']

ROWS = {'AP': 'mAP', 'AP50': 'mAP_50', 'AP75': 'mAP_75', 'AP small': 'mAP_s', 'AP medium': 'mAP_m'}


def predict_scenes(runner: Runner, count: int) -> list[Scene]:
    """Run the trained model on the first images of the validation data."""
    dataset = runner.val_dataloader.dataset
    runner.model.cfg = runner.cfg
    scenes = []
    for index in range(min(count, len(dataset))):
        image, truth = load_labelled(dataset, index)
        found = inference_detector(runner.model, dataset.get_data_info(index)['img_path'])
        scenes.append(Scene(image, dict(truth=truth, prediction=predicted_objects(found, min_score=.5))))
    return scenes


def draw(runner: Runner, scalars: list[dict]) -> list[Path]:
    pictures = [Path(runner.work_dir, name) for name in ('predictions.png', 'curves.png')]
    save_sheet(predict_scenes(runner, 12), runner.val_dataloader.dataset.metainfo['classes'], pictures[0])
    save_training_curves(scalars, pictures[1])
    return pictures


def tabulate(metrics: dict[str, float]) -> Table:
    table = Table('', 'box', 'mask')
    for title, name in ROWS.items():
        values = (metrics[f'{kind}_{name}'] for kind in ('bbox', 'segm'))
        table.add_row(title, *(f'{value:.3f}' if value >= 0 else 'no such object' for value in values))
    return table


def run(args: argparse.Namespace) -> None:
    run_demo('mask_rcnn_mrla_r50_digits', 'Mask R-CNN, MRLA-ResNet-50 (light)', args.work_dir, args.iters, draw=draw,
             tabulate=tabulate)
