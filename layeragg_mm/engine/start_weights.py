"""--pretrained: the weights that a training starts from."""
import argparse
from collections.abc import Iterator

from mmengine.config import Config, ConfigDict
from mmengine.registry import MODELS

from ..configs import type_of, walk
from ..errors import InputError
from ..registered import arguments_of, find_registered
from .changes import Changes
from .checkpoint_checks import check_checkpoint

__all__ = ['start_from']


def start_from(cfg: Config, args: argparse.Namespace) -> None:
    """Let the backbone of ``cfg`` start from the checkpoint ``args.pretrained``, or with 'none' the model at random.

    At random, frozen stages would stay what they are, and norms in evaluation mode would not normalise: both are ended.
    What was set is printed.

    Raises:
        InputError: the model has no backbone, or the checkpoint is none.
    """
    start, model = args.pretrained, cfg.model
    if not isinstance(model.get('backbone'), dict):
        raise InputError('--pretrained: the model of the config has no backbone', 'Name the checkpoint in the config.')
    trunk, changes = trunk_of(model), Changes(args)
    for path, node in (('model', model), trunk):
        if node.get('pretrained'):  # an older way to say it
            changes.set(path, node, pretrained=None)
    if start == 'none':
        for path, node in [trunk, *starting_nodes(model)]:
            start_at_random(path, node, changes)
    else:
        path, node = trunk
        changes.set(path, node, init_cfg=dict(type='Pretrained', checkpoint=start,
                                              **prefix_of(start, node.get('init_cfg'))))
    changes.tell(f'--pretrained {start}')


def trunk_of(model: ConfigDict) -> tuple[str, ConfigDict]:
    """Return the backbone inside of wrappers such as LayerAggregation, with its path."""
    path, node = 'model', model
    while isinstance(node.get('backbone'), dict):
        path, node = f'{path}.backbone', node.backbone
    return path, node


def starting_nodes(model: ConfigDict) -> Iterator[tuple[str, ConfigDict]]:
    """Yield the parts of a model that start from a checkpoint, with their paths."""
    for path, node in walk(model, 'model'):
        if any(type_of(init) in ('Pretrained', 'PretrainedInit') for _, init in walk(node.get('init_cfg'))):
            yield path, node


def prefix_of(checkpoint: str, init_cfg: ConfigDict | None) -> dict:
    """Return the prefix of the weights that ``init_cfg`` takes, if those of ``checkpoint`` have it."""
    prefix = (init_cfg if isinstance(init_cfg, dict) else {}).get('prefix')
    weights = check_checkpoint(checkpoint, '--pretrained')
    return dict(prefix=prefix) if prefix and any(name.startswith(prefix) for name in weights) else {}


def start_at_random(path: str, node: ConfigDict, changes: Changes) -> None:
    known = arguments_of(find_registered(MODELS, node, path)) or {}
    for key, value in dict(init_cfg=None, frozen_stages=-1, norm_eval=False).items():
        before = node.get(key, known[key].default if key in known else value)
        if before != value:
            changes.set(path, node, **{key: value})
    if node.get('norm_cfg') and node.norm_cfg.get('requires_grad') is False:
        changes.set(f'{path}.norm_cfg', node.norm_cfg, requires_grad=True)
