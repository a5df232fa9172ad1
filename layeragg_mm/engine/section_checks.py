"""The sections of a config beside its model and optimizer, held against what they name: nothing is read or written."""
import copy
import inspect
from importlib.util import find_spec
from pathlib import Path

from mmengine.config import Config
from mmengine.evaluator import BaseMetric
from mmengine.hooks import CheckpointHook, EMAHook
from mmengine.registry import (
    DATA_SAMPLERS,
    DATASETS,
    EVALUATOR,
    FUNCTIONS,
    HOOKS,
    LOG_PROCESSORS,
    LOOPS,
    METRICS,
    MODELS,
    TRANSFORMS,
    VISBACKENDS,
    VISUALIZERS,
)
from mmengine.runner import Runner, get_priority
from torch.utils.data import DataLoader

from ..datasets.checks import takes
from ..errors import InputError
from ..paths import check_paths
from ..registered import check_arguments, find_registered, own_arguments
from ..words import did_you_mean
from .build_errors import naming_nodes, saying_nothing
from .key_checks import LOADER_KEYS, check_loader_keys
from .overrides import STANDARD_HOOKS

__all__ = ['build_metrics', 'check_loader', 'check_scope', 'check_sections', 'nodes_in']

LOOP_COUNTS = 'max_epochs', 'max_iters', 'val_interval'
# Files that a metric reads or makes when it is built.
METRIC_FILES = 'ann_file', 'output_dir'


def check_sections(cfg: Config, *modes: str) -> None:
    """Raise an :class:`InputError` where a section of ``cfg`` cannot be built; ``modes`` are train, val, test."""
    for mode in modes:
        if cfg.get(f'{mode}_dataloader') is not None:
            check_loop(cfg, mode)
            check_loader(cfg[f'{mode}_dataloader'], f'{mode}_dataloader')
            if mode != 'train':
                build_metrics(cfg[f'{mode}_evaluator'], f'{mode}_evaluator')
    check_hooks(cfg)
    visualizer = cfg.get('visualizer')
    if visualizer:
        check_arguments(VISUALIZERS, visualizer, 'visualizer')
        for path, backend in nodes_in(visualizer.get('vis_backends'), 'visualizer.vis_backends'):
            check_arguments(VISBACKENDS, backend, path, given=['save_dir'])
    if cfg.get('log_processor'):
        check_arguments(LOG_PROCESSORS, dict(dict(type='LogProcessor'), **cfg.log_processor), 'log_processor')


def check_scope(cfg: Config) -> None:
    scope = cfg.get('default_scope', 'mmdet')
    if find_spec(scope) is None or find_spec(f'{scope}.registry') is None:
        hint = did_you_mean(scope, ['mmdet', 'mmseg', 'mmengine'])
        raise InputError(f'default_scope={scope!r}: there is no library of this name{hint}',
                         'Correct it, or install the library.')


def nodes_in(section, path: str) -> list[tuple[str, dict]]:
    """Return the dicts of a section that is one or several of them, with their paths."""
    if section is None:
        return []
    if isinstance(section, dict):
        return [(path, section)]
    for index, node in enumerate(section):
        if not isinstance(node, dict):
            raise InputError(f'{path}.{index} is {node!r}, and should be a dict with a type', 'Correct the config.')
    return [(f'{path}.{index}', node) for index, node in enumerate(section)]


def check_loop(cfg: Config, mode: str) -> None:
    section = f'{mode}_cfg'
    standard = {'val': 'ValLoop', 'test': 'TestLoop'}
    standard['train'] = 'EpochBasedTrainLoop' if cfg[section].get('by_epoch', True) else 'IterBasedTrainLoop'
    node = dict(dict(type=standard[mode]), **cfg[section])
    check_arguments(LOOPS, node, section, ['runner', 'dataloader', 'evaluator'],
                    ['by_epoch'] if mode == 'train' else [])
    for key in LOOP_COUNTS:
        if key in node and not (isinstance(node[key], (int, float)) and node[key] >= 1 and node[key] % 1 == 0):
            raise InputError(f'{section}.{key} is {node[key]!r}', 'Give a whole number, 1 or more.')


def check_loader(loader: dict, path: str) -> None:
    """Raise an :class:`InputError` unless a data loader and its data set can be built, as far as that reads no data."""
    check_loader_keys(loader, path)
    lacking = [key for key in ('dataset', 'sampler') if loader.get(key) is None]
    if lacking:
        raise InputError(f'{path} has no {", no ".join(lacking)}', 'Give it, for instance '
                         "sampler=dict(type='DefaultSampler', shuffle=True).")
    for key, registry, given in (('sampler', DATA_SAMPLERS, ['dataset', 'seed']),
                                 ('batch_sampler', DATA_SAMPLERS, ['sampler', 'batch_size']),
                                 ('collate_fn', FUNCTIONS, ['data_batch'])):
        if isinstance(loader.get(key), dict):
            check_arguments(registry, loader[key], f'{path}.{key}', given)
    try:
        DataLoader([0], **{key: value for key, value in loader.items() if key not in LOADER_KEYS})
    except (TypeError, ValueError) as error:
        raise InputError(f'{path}: {error}', 'Correct these settings of the data loader.') from error
    check_dataset(loader['dataset'], f'{path}.dataset')


def check_dataset(node: dict, path: str) -> None:
    """Build data sets without their data, and pipelines."""
    metainfo = node.get('metainfo') or {}
    classes, palette = metainfo.get('classes'), metainfo.get('palette')
    if isinstance(classes, str) and not Path(classes).is_file():
        raise InputError(f'{path}.metainfo.classes is the text {classes!r}, each of whose letters would be a class',
                         f"Write ({classes!r},): a tuple of one name needs the comma.")
    if isinstance(classes, (list, tuple)) and palette and len(palette) < len(classes):
        raise InputError(f'{path}.metainfo: {len(palette)} colours in palette, but {len(classes)} classes',
                         'Give as many colours, or leave the palette out.')
    inner = {key: node[key] for key in ('dataset', 'datasets') if node.get(key) is not None}
    for key, value in inner.items():
        for inner_path, inner_node in nodes_in(value, f'{path}.{key}'):
            check_dataset(inner_node, inner_path)
    built = check_arguments(DATASETS, node, path)
    check_paths(path, node)
    with naming_nodes(node, path):
        if not inner and takes(built, 'lazy_init'):
            DATASETS.build(dict(copy.deepcopy(node), lazy_init=True))
        else:
            for transform in copy.deepcopy(node.get('pipeline') or []):
                TRANSFORMS.build(transform)


def build_metrics(section: dict | list, path: str) -> list[tuple[str, dict, BaseMetric]]:
    """Return the metrics of an evaluator, each with its path and node, without the files that they name."""
    if isinstance(section, dict) and 'metrics' in section:
        check_arguments(EVALUATOR, dict(dict(type='Evaluator'), **section), path)
        section, path = section['metrics'], f'{path}.metrics'
    metrics = []
    for place, node in nodes_in(section, path):
        arguments = own_arguments(check_arguments(METRICS, node, place))
        plain = {key: value for key, value in copy.deepcopy(node).items()
                 if key not in METRIC_FILES or key not in arguments or arguments[key].default is not None}
        if plain.keys() & set(METRIC_FILES):  # needed: the metric reads or makes it
            continue
        with naming_nodes(node, place), saying_nothing():
            metrics.append((place, node, METRICS.build(plain)))
    return metrics


def check_hooks(cfg: Config) -> None:
    for name, node in (cfg.get('default_hooks') or {}).items():
        if node is None:
            continue
        if 'type' not in node and name not in STANDARD_HOOKS:
            raise InputError(f'default_hooks.{name} has no type{did_you_mean(name, STANDARD_HOOKS)}',
                             f'The hooks that there are by default: {", ".join(STANDARD_HOOKS)}.')
        check_hook(node, f'default_hooks.{name}')
    for path, node in nodes_in(cfg.get('custom_hooks'), 'custom_hooks'):
        check_hook(node, path)


def check_hook(node: dict, path: str) -> None:
    others_to = None
    built = find_registered(HOOKS, node, path)
    if inspect.isclass(built) and issubclass(built, CheckpointHook):
        others_to = Runner.save_checkpoint
    elif inspect.isclass(built) and issubclass(built, EMAHook):
        average = dict(type=node.get('ema_type', 'ExponentialMovingAverage'))
        others_to = find_registered(MODELS, average, f'{path}.ema_type')
    check_arguments(HOOKS, node, path, allowed=['priority'], others_to=others_to)
    if others_to is Runner.save_checkpoint:  # others may need a run around them
        with naming_nodes(node, path):
            HOOKS.build({key: value for key, value in node.items() if key != 'priority'})
    if 'priority' in node:
        try:
            get_priority(node['priority'])
        except (TypeError, ValueError) as error:
            raise InputError(f'{path}.priority: {error}', 'Give a number of 0 to 100, or a name as NORMAL.') from error
