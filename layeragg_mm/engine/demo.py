"""What the demos share: make DigitScenes, train a network on it from scratch, score it, draw pictures."""
import json
from collections.abc import Callable
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.runner import Runner
from rich.console import Console
from rich.progress import track
from rich.table import Table

from ..configs import config
from ..datasets import make_digit_scenes
from ..visualization import read_scalars
from .checks import check_training
from .config import set_data_root
from .free_cores import use_free_cores
from .resuming import name_last_checkpoint

__all__ = ['run_demo']


def run_demo(name: str,
             title: str,
             work_dir: Path,
             iters: int | None = None,
             *,
             draw: Callable[[Runner, list[dict]], list[Path]],
             tabulate: Callable[[dict[str, float]], Table],
             semantic: bool = False) -> None:
    """Run a demo.

    Args:
        name: of the config.
        title: what was trained, above the results.
        work_dir: folder for all that is written.
        iters: training iterations, in place of the config's.
        draw: writes pictures for the trained runner and its scalars, and returns their paths.
        tabulate: makes the table of results of the last validation's metrics.
        semantic: the data have label maps.
    """
    use_free_cores()
    data = work_dir / 'data'
    if not data.exists():
        make_digit_scenes(data, semantic=semantic, track=lambda scenes: track(list(scenes), 'making DigitScenes'))
    cfg = _load_config(name, data, work_dir, iters)
    check_training(cfg)
    runner = Runner.from_cfg(cfg)
    runner.train()
    minutes = runner.message_hub.get_scalar('train/time').data[0].sum() / 60

    scalars = read_scalars(Path(runner.log_dir) / 'vis_data/scalars.json')
    metrics = {key.removeprefix('coco/'): value for key, value in scalars[-1].items()
               if key not in ('step', 'time', 'data_time')}
    summary = dict(
        config=name,
        iterations=runner.max_iters,
        training_minutes=round(float(minutes), 2),
        parameters=sum(p.numel() for p in runner.model.parameters()),
        torch_threads=torch.get_num_threads(),
        metrics=metrics)
    pictures = draw(runner, scalars)
    summary_file = work_dir / 'summary.json'
    summary_file.write_text(json.dumps(summary, indent=2) + '\n')

    console = Console()
    console.print(f'{title}, on held-out DigitScenes')
    console.print(tabulate(metrics))
    console.print(f'{runner.max_iters} iterations in {minutes:.1f} minutes (without validation), '
                  f'{summary["parameters"] / 1e6:.1f} M parameters', soft_wrap=True)
    for path in (*pictures, summary_file, name_last_checkpoint(work_dir)):
        console.print(f'wrote {path}', soft_wrap=True)


def _load_config(name: str, data: Path, work_dir: Path, iters: int | None) -> Config:
    cfg = Config.fromfile(config(name))
    set_data_root(cfg, str(data))
    cfg.work_dir = str(work_dir)
    cfg.custom_hooks = [dict(type='StopOnInvalidLossHook'), dict(type='ProgressBarHook')]
    if iters is not None:
        cfg.train_cfg.update(max_iters=iters, val_interval=iters)
        cfg.default_hooks.checkpoint.interval = iters
        cfg.param_scheduler[-1].update(begin=iters * 2 // 3, end=iters)
    return cfg
