"""What a training has logged."""
import json
from pathlib import Path

from ..visualization import read_scalars

__all__ = ['fraction_trained', 'logged_scalars']


def logged_scalars(train_dir: Path) -> list[dict]:
    """Return the records of a finished training by step; of what was logged twice, being resumed, the later one."""
    records = {}
    for path in _logs(train_dir):
        for record in read_scalars(path):
            records['loss' in record, record['step']] = record
    return sorted(records.values(), key=lambda record: record['step'])


def fraction_trained(train_dir: Path, train_cfg: dict) -> float:
    """Return how much of a training, which may be going on, is done, 0..1: by iterations, or by whole epochs."""
    logs = _logs(train_dir)
    lines = logs[-1].read_text().split('\n')[:-1] if logs else []  # the last line may be half written
    trained = [record for record in map(json.loads, lines[-2:]) if 'loss' in record]
    if not trained:
        return 0.
    if 'max_iters' in train_cfg:
        return trained[-1]['step'] / train_cfg['max_iters']
    return (trained[-1]['epoch'] - 1) / train_cfg['max_epochs']


def _logs(train_dir: Path) -> list[Path]:
    return sorted(train_dir.glob('*/vis_data/scalars.json'))  # folders are named by the time
