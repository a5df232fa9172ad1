"""in_channels='auto' in a config: what the parts before give."""
from collections.abc import Iterator, Sequence

import torch
from mmengine.config import Config, ConfigDict
from mmengine.registry import init_default_scope
from torch import Tensor, nn

from ..configs import walk
from ..errors import InputError
from .model_checks import SIDE, build_model

__all__ = ['fill_in_channels']

HEADS = 'decode_head', 'auxiliary_head'


def fill_in_channels(cfg: Config) -> None:
    """Replace ``in_channels='auto'`` of necks and MMSegmentation's heads by the channels that they get.

    They are measured: backbone and necks see an empty image. A head of several inputs gets those of its ``in_index``; a
    neck after another one number, where that one gives maps that are all alike.

    Raises:
        InputError: 'auto' stands elsewhere, or the parts before cannot be built.
    """
    wanted = [path for path, node in walk(cfg.get('model'), 'model') if is_auto(node)]
    if not wanted:
        return
    model = cfg.model
    necks, heads = list(nodes_of(model, 'neck')), [each for name in HEADS for each in nodes_of(model, name)]
    elsewhere = set(wanted) - {path for path, node in (*necks, *heads) if is_auto(node)}
    if elsewhere or not model.get('backbone'):
        raise InputError(f'{min(elsewhere or wanted)}.in_channels=\'auto\': what comes before is known of neck, '
                         f'{" and ".join(HEADS)} only', 'Give the number of channels.')
    init_default_scope(cfg.get('default_scope', 'mmdet'))
    image = torch.zeros(1, model.backbone.get('in_channels', 3), SIDE, SIDE)
    maps = outputs(build_model(model.backbone, 'model.backbone'), image)
    for i, (path, node) in enumerate(necks):
        if is_auto(node):
            channels = [each.shape[1] for each in maps]
            node.in_channels = channels[0] if i and len(set(channels)) == 1 else channels
        if any(is_auto(other) for _, other in (*necks[i + 1:], *heads)):
            maps = outputs(build_model(node, path), maps)
    for _, node in heads:
        if is_auto(node):
            index = node.get('in_index', -1)
            node.in_channels = ([maps[i].shape[1] for i in index] if isinstance(index, Sequence)
                                else maps[index].shape[1])


def is_auto(node: ConfigDict) -> bool:
    return node.get('in_channels') == 'auto'


def nodes_of(model: ConfigDict, name: str) -> Iterator[tuple[str, ConfigDict]]:
    """Yield a part of a model's config, or its parts, where there are several, with their paths."""
    part = model.get(name)
    if isinstance(part, (list, tuple)):
        yield from ((f'model.{name}.{i}', each) for i, each in enumerate(part))
    elif part:
        yield f'model.{name}', part


@torch.no_grad()
def outputs(part: nn.Module, inputs: Tensor | Sequence[Tensor]) -> Sequence[Tensor]:
    found = part.eval()(inputs)
    return [found] if isinstance(found, Tensor) else found
