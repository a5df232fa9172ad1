"""The smallest training with everything that a resumed run must find again; and several processes of it."""
import itertools
import os
import random
import signal
import socket
from collections.abc import Callable

import numpy as np
import torch
from mmengine.config import Config
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.registry import DATASETS, HOOKS, METRICS, MODELS
from mmengine.runner import Runner
from mmengine.structures import BaseDataElement
from torch.utils.data import Dataset

from layeragg_mm.engine import join_processes_without_gpu, protect_training
from layeragg_mm.engine.process_server import PROCESSES

NUMBERS = itertools.count()  # mmengine tells runs of one second apart by their names only


@MODELS.register_module()
class ToyModel(BaseModel):
    def __init__(self, **kwargs) -> None:
        super().__init__(**kwargs)
        self.net = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Dropout(.5), torch.nn.Linear(8, 1))

    def forward(self, inputs, data_samples=None, mode='tensor'):
        out = self.net(torch.stack(inputs))
        return dict(loss=out.square().mean()) if mode == 'loss' else list(out)


@DATASETS.register_module()
class ToyData(Dataset):
    """Ten vectors, augmented with random numbers of all three generators."""

    def __init__(self, length: int = 10) -> None:
        self.length = length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> dict:
        noise = [random.random(), np.random.rand(), float(torch.rand(())), 0.]
        return dict(inputs=torch.tensor(noise, dtype=torch.float32) + index / 10,
                    data_samples=BaseDataElement(metainfo=dict(img_path=f'{index}.png')))


@METRICS.register_module()
class ToyMetric(BaseMetric):
    """A score that is better each time; and a validation that draws random numbers."""

    calls = itertools.count()

    def process(self, data_batch, data_samples) -> None:
        self.results.append(random.random() + np.random.rand() + float(torch.rand(())))

    def compute_metrics(self, results) -> dict:
        return dict(score=next(self.calls))


@HOOKS.register_module()
class SignalHook(Hook):
    """Sends SIGTERM to its process, or another, in the middle of an iteration; of several processes, the last alone."""

    def __init__(self, iteration: int, process: int | None = None) -> None:
        self.iteration, self.process = iteration, process

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch=None) -> None:
        if runner.iter + 1 == self.iteration and runner.rank == runner.world_size - 1:
            os.kill(os.getpid() if self.process is None else self.process, signal.SIGTERM)


@HOOKS.register_module()
class PoisonHook(Hook):
    """Puts NaN into a batch; of several processes, the last one's alone."""

    def __init__(self, iteration: int) -> None:
        self.iteration = iteration

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch=None) -> None:
        if runner.iter + 1 == self.iteration and runner.rank == runner.world_size - 1:
            data_batch['inputs'][0].fill_(float('nan'))


def toy_config(work_dir, by_epoch: bool, *hooks: dict, **checkpoint) -> Config:
    """20 iterations, 5 to an epoch, with momentum, a schedule and averaged weights; as tools/train.py protects it."""
    length = dict(max_epochs=4) if by_epoch else dict(max_iters=20)
    cfg = Config(dict(
        work_dir=str(work_dir),
        model=dict(type='ToyModel'),
        train_dataloader=dict(
            batch_size=2, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=True),
            dataset=dict(type='ToyData')),
        train_cfg=dict(by_epoch=by_epoch, **length),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=.01, momentum=.9)),
        param_scheduler=dict(type='CosineAnnealingLR', by_epoch=False, T_max=20),
        default_hooks=dict(checkpoint=dict(type='CheckpointHook', by_epoch=by_epoch, **checkpoint)),
        custom_hooks=[dict(type='EMAHook', momentum=.1), *hooks],
        default_scope='mmengine', launcher='none', log_level='WARNING',
        experiment_name=f'toy_{next(NUMBERS)}', randomness=dict(seed=0)))
    protect_training(cfg)
    return cfg


def validate_toy(cfg: Config, interval: int) -> None:
    """Let ``cfg`` validate every ``interval`` iterations."""
    cfg.train_cfg.val_interval = interval
    cfg.val_cfg = {}
    cfg.val_evaluator = dict(type='ToyMetric')
    cfg.val_dataloader = dict(batch_size=2, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=False),
                              dataset=dict(type='ToyData'))


def train(cfg: Config) -> int:
    """Train, and return the exit code."""
    join_processes_without_gpu(cfg)
    try:
        Runner.from_cfg(cfg).train()
    except SystemExit as stop:
        return stop.code
    return 0


def run_processes(count: int, target: Callable, *args) -> list[int]:
    """Run ``target(*args)`` in processes that can form a group; return their exit codes."""
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    processes = [PROCESSES.Process(target=_run, args=(rank, count, port, target, args)) for rank in range(count)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    return [process.exitcode for process in processes]


def _run(rank: int, count: int, port: int, target: Callable, args: tuple) -> None:
    torch.set_num_threads(1)
    os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(count), MASTER_ADDR='127.0.0.1',
                      MASTER_PORT=str(port))
    target(*args)
