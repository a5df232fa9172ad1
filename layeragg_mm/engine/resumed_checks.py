"""Whether a run that goes on from a checkpoint is the one that saved it: what differs is told."""
import ast
import copy
import itertools
from collections.abc import Iterator
from pathlib import Path

from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from torch import nn

from ..checkpoints.loading import without_wrapper
from ..checkpoints.sharing import patterns
from ..configs import type_of, walk
from ..errors import InputError
from .build_errors import saying_nothing
from .launchers import number_of_processes
from .loops import EPOCH_LENGTH
from .training import is_by_epoch

__all__ = ['check_same_training']

# What a checkpoint's state would replace: a new value would have no effect.
KEPT = ('optim_wrapper.optimizer', 'optim_wrapper.constructor', 'optim_wrapper.paramwise_cfg', 'param_scheduler')
MOST = 5  # differences that are told


def check_same_training(cfg: Config, content: dict, path: Path, model: nn.Module | None) -> None:
    """Raise an :class:`InputError` if ``cfg`` trains something else than the run that saved a checkpoint.

    Something else is another model, optimizer or schedule, averaged weights (EMAHook) that would be left, or in the
    middle of an epoch, or by iterations, another batch size. At an epoch's end the batch size may change, unless the
    learning rate still follows iterations.

    Args:
        cfg: of the run that is to go on.
        content: of the checkpoint.
        path: of the checkpoint.
        model: of ``cfg``; without it, only configs are compared.
    """
    before = config_in(content['meta'].get('cfg') or '')
    now = config_in(Config(cfg.to_dict(), format_python_code=False).pretty_text)  # as the other was written
    found = []
    if model is not None:
        found += model_differences(content, before, now, model)
    if before:
        found += [each for key in KEPT for each in differences(at(before, key), at(now, key), key)]
        found += loop_differences(cfg, content, before)
    if model is not None and not found:
        found += optimizer_differences(cfg, content, model, named=bool(before))
    averaged = any(type_of(hook) == 'EMAHook' for hook in cfg.get('custom_hooks') or ())
    if 'ema_state_dict' in content and not averaged:
        found.append('custom_hooks: EMAHook averaged its weights, now none does')
    if found:
        more = f'; and {len(found) - MOST} more' if len(found) > MOST else ''
        raise InputError(f'--resume: {path} is of another training: {"; ".join(found[:MOST])}{more}',
                         'Go on with what it was, or start a new training from its weights: --cfg-options '
                         f'load_from={path}, without --resume.')


def model_differences(content: dict, before: dict, now: dict, model: nn.Module) -> list[str]:
    """Return what differs if ``model`` has other weights than the checkpoint: in the config's words where it can."""
    own, state = model.state_dict(), without_wrapper(content)
    shapes = [f'{key} has shape {tuple(state[key].shape)}, now {tuple(own[key].shape)}' for key in own
              if key in state and state[key].shape != own[key].shape]
    names = [f'{title} {patterns(keys)}' for title, keys in (
        ('lacks', [key for key in own if key not in state and not key.endswith('num_batches_tracked')]),
        ('has beside', [key for key in state if key not in own])) if keys]
    if not shapes and not names:
        return list(differences(classes_in(before), classes_in(now), 'metainfo.classes')) if before else []
    said = differences(at(before, 'model'), at(now, 'model'), 'model') if before else ()
    return [each for each in said if not each.startswith('model.test_cfg')] or [*names, *shapes]


def classes_in(config: dict) -> list:
    """Return the names of the classes, which the weights do not tell, of each training data set that names some."""
    return [node['metainfo']['classes'] for _, node in walk(config.get('train_dataloader'))
            if isinstance(node.get('metainfo'), dict) and 'classes' in node['metainfo']]


def optimizer_differences(cfg: Config, content: dict, model: nn.Module, named: bool) -> list[str]:
    """Return what differs in the groups of parameters and, where no config ``named`` the optimizer, their settings."""
    if 'FSDPStrategy' in str((cfg.get('strategy') or {}).get('type')):
        return []
    with saying_nothing():
        now = groups_in(build_optim_wrapper(model, copy.deepcopy(cfg.optim_wrapper)).state_dict())
    before = groups_in(content['optimizer'])
    found = list(differences([len(group['params']) for group in before], [len(group['params']) for group in now],
                             'parameters of the optimizer\'s groups'))
    unknown = {key for group in before for key in group if not key.startswith('initial_')}.difference(*now)
    if unknown and not named:
        found.append(f'its optimizer has {", ".join(sorted(unknown))}, which is unknown now')
    return found


def groups_in(state: dict) -> list[dict]:
    """Return the groups of parameters in the state of an optimizer, or of several."""
    if 'param_groups' in state:
        return state['param_groups']
    return [group for part in state.values() if isinstance(part, dict) for group in groups_in(part)]


def loop_differences(cfg: Config, content: dict, before: dict) -> list[str]:
    """Return what differs if the images that were used are not those that are passed over."""
    loop = at(before, 'train_cfg') or {}
    if is_by_epoch(loop) != is_by_epoch(cfg.train_cfg):
        return [f'train_cfg: by {"epoch" if is_by_epoch(loop) else "iteration"}, now the other']
    old, new = at(before, 'train_dataloader.batch_size'), cfg.train_dataloader.get('batch_size')
    processes = len(content.get('random_states') or [0]), number_of_processes(cfg.get('launcher', 'none'))
    if not isinstance(old, int) or not isinstance(new, int) or old * processes[0] == new * processes[1]:
        return []
    text = f'train_dataloader.batch_size: {old} of {processes[0]} processes, now {new} of {processes[1]}'
    if processes == (1, 1):
        text = f'train_dataloader.batch_size: {old}, now {new}'
    if not is_by_epoch(cfg.train_cfg):
        return [text]
    meta, length = content['meta'], content['message_hub'].get('runtime_info', {}).get(EPOCH_LENGTH)
    if length and (meta['iter'] - meta['epoch'] * length) % length:
        return [f'{text}, in the middle of an epoch']
    schedules = content.get('param_schedulers') or []
    schedules = itertools.chain(*schedules.values()) if isinstance(schedules, dict) else schedules
    if any(not each['by_epoch'] and each['last_step'] + 1 < each['end'] for each in schedules):
        return [f'{text}, and the learning rate follows iterations, of which an epoch has another number']
    return []


# Configs as text, which is not run

def config_in(text: str) -> dict:
    """Return what a dumped config says, types without their modules; {} if it is no such text."""
    try:
        lines = ast.parse(text).body
    except SyntaxError:
        return {}
    return {line.targets[0].id: value_of(line.value) for line in lines
            if isinstance(line, ast.Assign) and isinstance(line.targets[0], ast.Name)}


def value_of(node: ast.expr):
    """Return the value that is written: dicts, lists (also for tuples), numbers and text; all else as it is written."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == 'dict':
        items = [item for argument in node.args for item in value_of(argument).items()]
        items += [(keyword.arg, value_of(keyword.value)) for keyword in node.keywords if keyword.arg]
    elif isinstance(node, ast.Dict):
        items = [(value_of(key), value_of(value)) for key, value in zip(node.keys, node.values) if key]
    elif isinstance(node, (ast.List, ast.Tuple)):
        return [value_of(element) for element in node.elts]
    else:
        try:
            return ast.literal_eval(node)
        except ValueError:
            return ast.unparse(node)
    return {key: str(value).split('.')[-1] if key == 'type' else value for key, value in items}


def at(section, key: str):
    """Return what stands at a dotted ``key``; None if nothing does."""
    for step in key.split('.'):
        section = section.get(step) if isinstance(section, dict) else None
    return section


def differences(before, now, key: str) -> Iterator[str]:
    """Yield each value that differs, by its place in the config; of what has another type, that alone."""
    types = [value['type'] if isinstance(value, dict) and 'type' in value else None for value in (before, now)]
    if None not in types and types[0] != types[1]:
        yield f'{key}.type: {types[0]}, now {types[1]}'
    elif isinstance(before, dict) and isinstance(now, dict):
        for name in dict.fromkeys([*before, *now]):
            yield from differences(before.get(name), now.get(name), f'{key}.{name}')
    elif isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        for index, pair in enumerate(zip(before, now)):
            yield from differences(*pair, f'{key}.{index}')
    elif before != now:
        yield f'{key}: {told(before)}, now {told(now)}'


def told(value) -> str:
    text = value.get('type') or str(value) if isinstance(value, dict) else repr(value)
    return text if len(text) <= 80 else f'{text[:77]}...'
