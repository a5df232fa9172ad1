"""--pretrained: the weights that a training starts from."""
import argparse
import os

from mmengine.config import Config, ConfigDict
from mmengine.registry import MODELS, init_default_scope

from ..configs import walk
from ..errors import InputError
from ..registered import arguments_of, find_registered
from .own_classes import Changes

__all__ = ['add_start_argument', 'start_from']


def add_start_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--pretrained', metavar='FILE',
                        help='checkpoint that the backbone starts from, in place of the config\'s; none: at random, '
                        'and so with no frozen stage and with norms that learn')


def start_from(cfg: Config, start: str) -> None:
    """Let the backbone of ``cfg`` start from the checkpoint ``start``, or with 'none' everything at random.

    At random, frozen stages would stay what they are, and norms in evaluation mode would not normalise: both are ended.
    What was set is printed.

    Raises:
        InputError: the model has no backbone.
    """
    backbone = cfg.model.get('backbone')
    if not isinstance(backbone, dict):
        raise InputError('--pretrained: the model of the config has no backbone', 'Name the checkpoint in the config.')
    init_default_scope(cfg.get('default_scope', 'mmdet'))
    changes = Changes()
    for path, node in (('model', cfg.model), ('model.backbone', backbone)):
        if node.get('pretrained'):  # an older way to say it
            changes.set(path, node, pretrained=None)
    if start == 'none':
        for path, node in walk(cfg.model, 'model'):
            if node is backbone or any(each.get('type') == 'Pretrained' for _, each in walk(node.get('init_cfg'))):
                start_at_random(path, node, changes)
    else:
        changes.set('model.backbone', backbone, init_cfg=dict(type='Pretrained', checkpoint=start))
    if os.environ.get('RANK', '0') == '0':
        print(f'--pretrained {start}; set for it:\n{changes}')


def start_at_random(path: str, node: ConfigDict, changes: Changes) -> None:
    known = arguments_of(find_registered(MODELS, node, path)) or {}
    random = dict(init_cfg=None, frozen_stages=-1, norm_eval=False)
    for key, value in random.items():
        before = node.get(key, known[key].default if key in known else value)
        if before != value:
            changes.set(path, node, **{key: value})
    if node.get('norm_cfg') and node.norm_cfg.get('requires_grad') is False:
        changes.set(f'{path}.norm_cfg', node.norm_cfg, requires_grad=True)
