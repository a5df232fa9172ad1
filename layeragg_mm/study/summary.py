"""All that came out of a study, as plain data: what the report's tables and figures are made of."""
from collections.abc import Sequence

import numpy as np

from ..evaluation import GAIN_METRICS, without_nan
from .plan import Cell, Plan
from .schema import Arm
from .statistics import CONFIDENCE, paired_gains

__all__ = ['repetitions', 'summarize']


def summarize(plan: Plan, costs: dict[str, dict], failures: dict[str, str]) -> dict:
    """Return what the cells that are done say; every number of AP is within -1..1, None where there is no such object.

    Args:
        plan: of the study.
        costs: of the arms (:func:`.costs.measure_costs`).
        failures: why cells failed, by name.
    """
    study = plan.study
    done = {arm: {seed: cell for seed in study.seeds if (cell := plan.cell(arm, seed)).result() is not None}
            for arm in study.arms}
    first = next((cell.result() for cells in done.values() for cell in cells.values()), None)
    return dict(
        study=dict(
            title=study.title, limits=study.limits, file=study.path.name, sha256=study.sha256, commit=study.commit(),
            seeds=list(study.seeds), confidence=CONFIDENCE, cost_size=list(study.cost_size), gpus=study.gpus,
            digit_scenes=study.digit_scenes, cfg_options=study.cfg_options),
        data=first and dict({key: first[key] for key in ('images', 'objects', 'objects_of_class')},
                            images_with=dict(zip(GAIN_METRICS, first['images_with']))),
        environment=first and first['environment'],
        cells=len(plan.cells), done=sum(map(len, done.values())), failures=failures,
        arms=[dict(_described(arm), cost=costs.get(arm.name), **_measured(done[arm.name], done.get(arm.against, {})))
              for arm in study.arms.values()],
        repetitions=repetitions(plan))


def _described(arm: Arm) -> dict:
    return dict(name=arm.name, title=arm.title, config=arm.config.split('/')[-1], cfg_options=arm.cfg_options,
                init_from=arm.init_from, against=arm.against, ablation=arm.ablation)


def _measured(cells: dict[int, Cell], against: dict[int, Cell]) -> dict:
    """Return an arm's APs of all its seeds, and its gains over another arm by the seeds that both have."""
    results = [cell.result() for cell in cells.values()]
    if not results:
        return dict(seeds=[], iterations=None, ap={}, gains={}, curves={})
    paired = [seed for seed in cells if seed in against]
    return dict(
        seeds=list(cells),
        iterations=results[0]['iterations'],
        seconds_per_iteration=float(np.median([result['seconds_per_iteration'] for result in results])),
        ap={iou_type: _spread(results, iou_type) for iou_type in results[0]['ap']},
        gains=_gains([against[seed] for seed in paired], [cells[seed] for seed in paired]) if len(paired) > 1 else {},
        curves={key: [result['curves'][key] for result in results] for key in results[0]['curves']})


def _spread(results: Sequence[dict], iou_type: str) -> dict:
    """Return each AP's values, one a seed, with mean and standard deviation."""

    def spread(values: list[float | None]) -> dict:
        if None in values:
            return dict(values=values, mean=None, deviation=None)
        return dict(values=values, mean=float(np.mean(values)),
                    deviation=float(np.std(values, ddof=1)) if len(values) > 1 else None)

    ap = [result['ap'][iou_type] for result in results]
    return dict({name: spread([one[name] for one in ap]) for name in GAIN_METRICS},
                classes={name: spread([one['classes'][name] for one in ap]) for name in ap[0]['classes']})


def _gains(against: Sequence[Cell], ours: Sequence[Cell]) -> dict:
    result, gains = ours[0].result(), {}
    for iou_type, ap in result['ap'].items():
        stacks = [np.stack([np.load(cell.resamples_file)[iou_type] for cell in cells]) for cells in (against, ours)]
        values = [without_nan(gain) for gain in paired_gains(*stacks, result['images'])]
        gains[iou_type] = dict(zip(GAIN_METRICS, values), classes=dict(zip(ap['classes'], values[len(GAIN_METRICS):])),
                               of_seeds=(stacks[1] - stacks[0])[:, 0, 0].tolist())
    return gains


def repetitions(plan: Plan) -> list[dict]:
    """Return each cell that was run again in another folder, with the largest difference between the two's APs."""
    found = []
    for cell in plan.cells:
        first, second = cell.result(), plan.repetition(cell.arm.name, cell.seed).result()
        if first is not None and second is not None:
            pairs = [(ap, second['ap'][iou_type]) for iou_type, ap in first['ap'].items()]
            pairs += [(one['classes'], other['classes']) for one, other in pairs]
            differences = [abs(one[key] - other[key]) for one, other in pairs for key in one
                           if key != 'classes' and one[key] is not None]
            found.append(dict(arm=cell.arm.name, seed=cell.seed, difference=max(differences),
                              ap={iou_type: [one['AP'], second['ap'][iou_type]['AP']]
                                  for iou_type, one in first['ap'].items()}))
    return found
