"""What can be told of a command line without importing what takes seconds: paths, and names that no source has."""
import argparse
import re
from collections.abc import Iterator
from pathlib import Path

import mmengine.registry
from mmengine.config import Config

import layeragg_mm

from ..configs import config, know_our_bases, walk
from ..engine.config import written_config
from ..engine.key_checks import check_keys, check_loader_keys
from ..engine.launchers import check_launcher
from ..errors import InputError, check_new_folder
from ..image_files import find_images
from ..own_data.finding import can_be_own, find_data
from ..paths import check_checkpoint_file, check_file, check_paths, is_local, missing
from ..published import find_detector
from ..words import cannot_build, meant, no_argument, no_type, takes
from ..written import LIBRARIES, Definition, is_written, registered, written_arguments, written_classes
from ..written_values import refused_value

__all__ = ['check_early']

# What each tool builds of a config, and the data that it reads.
RUN = 'model', 'default_hooks', 'custom_hooks', 'visualizer', 'log_processor'
BUILT = {'train': (*RUN, 'param_scheduler', 'train_cfg', 'val_cfg'), 'test': (*RUN, 'test_cfg'),
         'visualize': ('model',), 'predict': ('model',)}
# Files that are no config's.
FILES = {'compare': ('baseline', 'ours', 'annotations'), 'eval_coco': ('results', 'annotations'), 'study': ('study',)}
# What is built of nothing but the arguments that are written there; parts of a model may get others.
PLAIN = re.compile(r'\w+_(hooks\.\w+|cfg|evaluator(\.metrics)?(\.\d+)?)|'
                   r'\w+_dataloader(\.datasets?(\.\d+)?)+(\.pipeline\.\d+)?')
# Parts of a model that are so, too.
PLAIN_PARTS = re.compile(r'model\.(.*\.)?(backbone|neck|decode_head|auxiliary_head)(\.\d+)?')
ALSO_TAKEN = {'hooks': ('priority',), 'cfg': ('by_epoch',)}
GIVEN = 'runner', 'dataloader', 'evaluator'  # by what builds it
# By the last word of a section's name, the registries of what may stand there.
REGISTRIES = {'model': ('MODELS', 'TASK_UTILS', 'WEIGHT_INITIALIZERS'), 'evaluator': ('METRICS', 'EVALUATOR'),
              'dataloader': ('DATASETS', 'TRANSFORMS', 'DATA_SAMPLERS', 'FUNCTIONS'), 'hooks': ('HOOKS', 'MODELS'),
              'visualizer': ('VISUALIZERS', 'VISBACKENDS'), 'processor': ('LOG_PROCESSORS',),
              'scheduler': ('PARAM_SCHEDULERS',), 'cfg': ('LOOPS',)}
READ = {'train': ('train', 'val'), 'test': ('test',), 'check_dataset': ('train', 'val')}


def check_early(tool: str, args: argparse.Namespace) -> None:
    """Raise an :class:`~layeragg_mm.errors.InputError` as the tool would, only sooner, or say nothing.

    Configs that are Python modules, or a library's by name, are not looked at.

    Args:
        tool: its name.
        args: its arguments.
    """
    for name in FILES.get(tool, ()):
        check_file(getattr(args, name))
    if tool == 'reproduce' and args.name:
        find_detector(args.name)
        if args.checkpoint:
            check_checkpoint_file(args.checkpoint, 'CHECKPOINT')
    if tool == 'predict':
        check_prediction(args)
    path = getattr(args, 'config', None)
    if path is None or '::' in path:
        return
    know_our_bases()
    layeragg_mm.config = config  # which a config may call, and the package has not been run yet
    data_root = None if can_be_own(args) else getattr(args, 'data_root', None)
    cfg = written_config(path, data_root, args.cfg_options, imports=False)
    if cfg is None:
        return
    if getattr(args, 'checkpoint', None) and is_local(args.checkpoint):
        check_checkpoint_file(args.checkpoint, 'CHECKPOINT')
    check_launcher(getattr(args, 'launcher', 'none'))
    custom = (cfg.get('custom_imports') or {}).get('imports') or ()
    if all(name.partition('.')[0] == 'layeragg_mm' for name in ([custom] if isinstance(custom, str) else custom)):
        check_names(cfg, tool)
    if tool in ('train', 'test'):
        check_keys(cfg)
    own = find_data(cfg, args) if can_be_own(args) else None
    for mode in READ.get(tool, ()):
        check_loader_keys(cfg.get(f'{mode}_dataloader') or {}, f'{mode}_dataloader')
        if own is None or mode not in own.files:
            check_files(cfg, mode)


def check_prediction(args: argparse.Namespace) -> None:
    """Raise an error of images that are not there, of an output folder that is, or of a score that is none."""
    find_images(args.images)
    check_new_folder(args.out)
    if not 0 <= args.score_thr <= 1:
        raise InputError(f'--score-thr {args.score_thr} is no score', 'Give a number from 0 to 1.')


def check_files(cfg: Config, mode: str) -> None:
    """Raise an error of files that a data loader or its evaluator names and that are not there."""
    loader = cfg.get(f'{mode}_dataloader') or {}
    for place, node in walk(loader.get('dataset'), f'{mode}_dataloader.dataset'):
        check_paths(place, node)
    for place, node in walk(cfg.get(f'{mode}_evaluator'), f'{mode}_evaluator'):
        file = node.get('ann_file')
        if file and is_local(file) and not Path(file).is_file():
            raise missing(place, file, loader)


def check_names(cfg: Config, tool: str) -> None:
    """Raise an error of a type that no source of a library has, or of an argument that none has."""
    scope = cfg.get('default_scope', 'mmdet')
    if tool == 'train':
        check_optimizer((cfg.get('optim_wrapper') or {}).get('optimizer') or {})
    for path, node in built(cfg, tool):
        word, kind = path.partition('.')[0].rpartition('_')[2], node.get('type')
        if not isinstance(kind, str) or kind.rpartition('.')[0] not in ('', *LIBRARIES):
            continue
        library, _, name = kind.rpartition('.')
        if not is_written(name):
            there = registered(*REGISTRIES[word])
            nearest = meant(name, there)
            if nearest:
                registry = there[nearest[0]][0].registry
                raise no_type(path, kind, getattr(mmengine.registry, registry).name, sorted(registered(registry)))
        found = definition(library or node.get('_scope_') or scope, name)
        if found is None:
            continue
        known = written_arguments(found)
        if known is None:
            continue
        taken = ('type', '_scope_', *known, *ALSO_TAKEN.get(word, ()))
        for key in node:
            if key not in taken and (PLAIN.fullmatch(path) or not is_written(key)):
                raise no_argument(path, name, key, [each for each in known if each not in GIVEN])
        if PLAIN.fullmatch(path) or PLAIN_PARTS.fullmatch(path):
            check_values(path, name, node, found, known)


def check_values(path: str, name: str, node: dict, found: Definition, known: list[str]) -> None:
    """Raise an error of a value that the constructor refuses."""
    given = {key: value for key, value in node.items() if key in known}
    if given.get('in_channels') != 'auto':  # which the backbone tells
        why = refused_value(found, given)
        if why is not None:
            raise cannot_build(path, name, node, why, takes(name, [each for each in known if each not in GIVEN]))


def check_optimizer(node: dict) -> None:
    """Raise such an error of an optimizer that is nearly one of torch's."""
    kind = node.get('type')
    torchs = {name: each for name, those in written_classes().items() for each in those
              if (each.library, each.file.parent.name) == ('torch', 'optim') and not name.startswith('_')}
    if isinstance(kind, str) and not is_written(kind) and meant(kind, torchs):
        raise no_type('optim_wrapper.optimizer', kind, 'optimizer', sorted(torchs))
    if kind in torchs and kind not in registered('OPTIMIZERS'):
        known = [name for name in written_arguments(torchs[kind]) or node if name != 'params']
        for key in node:
            if key not in ('type', '_scope_', *known):
                raise no_argument('optim_wrapper.optimizer', kind, key, known)


def built(cfg: Config, tool: str) -> Iterator[tuple[str, dict]]:
    """Yield what the tool builds of a config, with paths."""
    for section in (*BUILT.get(tool, ()), *(f'{mode}_{part}' for mode in READ.get(tool, ())
                                            for part in ('dataloader', 'evaluator'))):
        for path, node in walk(cfg.get(section), section):
            if '.transforms.' not in path:  # which may be another library's (Albu)
                yield path, node


def definition(library: str, name: str) -> Definition | None:
    """Return what a ``library``, or else one that all use, registers under ``name``; None if that is not clear."""
    for libraries in ((library,), ('mmengine', 'mmcv', 'layeragg_mm')):
        those = [each for each in registered().get(name, ()) if each.library in libraries]
        if those:
            return those[0] if len(those) == 1 else None
    return None
