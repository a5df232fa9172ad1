"""--cfg-options: what it names must be there to be changed, or be something that is read."""
import copy
import re

from mmengine.config import Config, ConfigDict

from ..errors import InputError
from ..words import did_you_mean, some
from ..written import is_written, written_arguments, written_classes

__all__ = ['KEYS', 'STANDARD_HOOKS', 'override']

# What sections without a type may hold.
KEYS = {
    'randomness': ['seed', 'diff_rank_seed', 'deterministic'],
    'env_cfg': ['cudnn_benchmark', 'mp_cfg', 'dist_cfg', 'resource_limit'],
    'auto_scale_lr': ['enable', 'base_batch_size'],
}
STANDARD_HOOKS = 'runtime_info', 'timer', 'sampler_seed', 'logger', 'param_scheduler', 'checkpoint', 'visualization'

# What mmengine and MMDetection's tools read of a config beside the arguments of Runner.
ALSO_READ = ('custom_imports', 'model_wrapper_cfg', 'sync_bn', 'find_unused_parameters', 'compile', 'strategy',
             'activation_checkpointing', 'efficient_conv_bn_eval', 'tta_model', 'tta_pipeline', 'runner_type')
# Sections whose keys are arguments of a class, also where the config names none.
CHECKED = re.compile(r'(train|val|test)_(cfg|dataloader|evaluator)|optim_wrapper|log_processor|visualizer')


def override(cfg: Config, options: dict, source: str = '--cfg-options') -> None:
    """Change ``cfg`` by ``options``, new values by dotted key.

    New keys may be what mmengine reads of a config, arguments of a class (they are checked with the class), and in
    dicts that no class checks, words that some library reads.

    Args:
        cfg: the config.
        options: new values by dotted key.
        source: where they stand, for errors.

    Raises:
        InputError: an option names nothing, with the nearest that there is; or its value is of a wrong kind.
    """
    for position, key in enumerate(options):
        check_override(cfg, key, list(options)[:position], source)
    make_parents(cfg, options)
    try:
        cfg.merge_from_dict(copy.deepcopy(options))
    except (KeyError, TypeError, ValueError, AssertionError) as error:
        raise InputError(f'{source} does not fit the config: {error}',
                         'Name keys that the config has, and values of their type.') from error


def make_parents(cfg: Config, options: dict) -> None:
    """Make dicts of what is None above the keys of ``options``, as mmengine does where nothing is there."""
    for key in options:
        node = cfg._cfg_dict
        for step in key.split('.')[:-1]:
            if isinstance(node, (list, tuple)):
                node = node[int(step)]
            elif isinstance(node, dict) and step in node:
                if node[step] is None:
                    node[step] = ConfigDict()
                node = node[step]
            else:
                break


def check_override(cfg: Config, key: str, before: list[str], source: str) -> None:
    node, steps = cfg._cfg_dict, key.split('.')
    custom = tuple((cfg.get('custom_imports') or {}).get('imports') or ())
    for depth, step in enumerate(steps):
        place = '.'.join(steps[:depth])
        if isinstance(node, (list, tuple)):
            if not step.isdigit() or int(step) >= len(node):
                raise InputError(f'{source} {key}: {place} is a list of {len(node)}, and has no {step!r}',
                                 f'Name one of its entries, 0 to {len(node) - 1}.' if node else 'It has no entries.')
            node = node[int(step)]
        elif isinstance(node, dict):
            if step not in node:
                known = known_in(node, place, step, custom)
                if known is not None:
                    raise InputError(f'{source} {key}: {place or "the config"} has no {step!r}'
                                     f'{did_you_mean(step, known)}', f'There are {some(known, 40)}.')
                return
            node = node[step]
        elif node is None or place in before:
            return  # a dict is made of it
        else:
            raise InputError(f'{source} {key}: {place} is {node!r}, and has nothing in it', 'Correct the key.')


def known_in(node: dict, place: str, key: str, custom: tuple[str, ...]) -> list[str] | None:
    """Return what may be named in ``node``, at ``place``, if ``key`` may not; None if it may, or is checked later."""
    top, _, below = place.partition('.')
    if not place:
        known = [*dict.fromkeys([*node, *runner_arguments(), *ALSO_READ])]
        return None if key in known else [name for name in known if not name.startswith('_')]
    if place in KEYS:
        return None if key in KEYS[place] else KEYS[place]
    if place == 'default_hooks':
        return None if key in STANDARD_HOOKS else list(STANDARD_HOOKS)
    if 'type' in node or (not below and CHECKED.fullmatch(top)) or is_written(key, custom):
        return None
    return list(node)


def runner_arguments() -> list[str]:
    """Return what mmengine's Runner reads of a config."""
    runner, = (each for each in written_classes()['Runner'] if each.registry == 'RUNNERS')
    return written_arguments(runner)
