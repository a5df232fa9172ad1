"""What the networks of a study cost beside its baseline."""
import hashlib
import json
import logging
import os
from collections.abc import Callable

import torch
from mmengine.logging import MMLogger
from mmengine.registry import MODELS, init_default_scope
from torch import nn

from ..analysis import Entrant, Setting, compare, complexity, write_costs
from .plan import Plan

__all__ = ['measure_costs']

ROUNDS = 7


def measure_costs(plan: Plan, track: Callable) -> dict[str, dict]:
    """Return the cost of each arm that is no ablation, as :func:`~layeragg_mm.analysis.write_costs` writes it.

    ``flops`` are those of backbone and neck: what untrained RoI heads do depends on what they happen to find.

    All detectors are measured in turns in one process, at ``cost_size`` and the training's batch; the measurements stay
    in the work dir, and are made anew where a model has changed. Arms with the same model are measured once.

    Args:
        plan: of the study.
        track: wraps the steps, to show progress.
    """
    arms = [arm for arm in plan.study.arms.values() if not arm.ablation]
    configs = {arm.name: plan.arm_config(arm) for arm in arms}
    models = {name: json.dumps(cfg.model.to_dict(), sort_keys=True, default=str) for name, cfg in configs.items()}
    batch = configs[plan.study.baseline.name].train_dataloader.batch_size
    content = json.dumps([models, batch, plan.study.cost_size, ROUNDS])
    file = plan.work_dir / f'costs_{hashlib.sha256(content.encode()).hexdigest()[:8]}.json'
    distinct = {}
    for name, model in models.items():
        distinct.setdefault(model, name)
    if not file.is_file():
        init_default_scope('mmdet')
        MMLogger.get_current_instance().setLevel(logging.ERROR)  # it tells of every operator that is not counted
        device = torch.device('cuda' if torch.cuda.is_available() else 'cpu')
        torch.set_num_threads(1)  # as in training
        entrants = [Entrant(name, MODELS.build(configs[name].model)) for name in distinct.values()]
        costs = compare(entrants, Setting(device, plan.study.cost_size, batch), rounds=ROUNDS, track=track)
        for entrant, cost in zip(entrants, costs):
            cost.flops = _trunk_flops(entrant.model, plan.study.cost_size)
        part = file.with_suffix('.part')
        write_costs({'costs': costs}, part, setting=f'batch {batch}, {device.type}')
        os.replace(part, file)
    measured = {cost['name']: cost for cost in json.loads(file.read_text())['comparisons']['costs']}
    return {name: measured[distinct[model]] for name, model in models.items()}


def _trunk_flops(detector: nn.Module, size: tuple[int, int]) -> int:
    parts = [detector.backbone, detector.neck] if detector.with_neck else [detector.backbone]
    return complexity(nn.Sequential(*parts), size)[1]
