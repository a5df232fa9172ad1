"""Checks of the checkpoints that a run starts from, or is to test."""
import os

from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import Tensor, nn

from ..checkpoints.loading import ReleasedCheckpointMixin, check_fit, check_parts, without_wrapper
from ..checkpoints.mmengine_loading import fetch_checkpoint, is_address
from ..checkpoints.reading import CheckpointError, read_checkpoint, weights_in
from ..checkpoints.sharing import shared_weights
from ..configs import type_of, walk
from ..errors import InputError
from ..paths import check_checkpoint_file
from .build_errors import saying_nothing

__all__ = ['check_checkpoint', 'check_model', 'check_start', 'trained_classes', 'trained_metainfo']


def check_start(cfg: Config, model: nn.Module | None = None, partial: bool = False) -> None:
    """Raise an :class:`InputError` unless ``cfg`` can start from the checkpoints that it names.

    Args:
        cfg: of the run.
        model: of ``cfg``, to see whether they fit.
        partial: of ``load_from``, take what fits.
    """
    start = cfg.get('load_from')
    if start:
        weights = check_checkpoint(start, 'load_from')
        if model is not None and weights and not cfg.get('resume'):
            try:
                with saying_nothing():
                    (shared_weights if partial else check_parts)(model, without_wrapper(weights))
            except CheckpointError as error:
                raise CheckpointError(f'load_from: {start}: {error.what}', error.remedy if partial else (
                    'Give the checkpoint of this very network, or take what both share with --partial, which says what '
                    'stays new.')) from error
    for path, node in walk(cfg.model, 'model'):
        if type_of(node) in ('Pretrained', 'PretrainedInit'):
            weights = check_checkpoint(node['checkpoint'], f'{path}.checkpoint')
            if weights:
                check_pretrained(weights, node, path, model)


def check_pretrained(weights: dict[str, Tensor], node: dict, path: str, model: nn.Module | None) -> None:
    """Raise an :class:`InputError` unless the part of the model with the init_cfg ``node``, at ``path``, fits."""
    prefix = node.get('prefix')
    if prefix:
        weights = {key: value for key, value in weights.items() if key.startswith(f'{prefix.rstrip(".")}.')}
        if not weights:
            raise InputError(f'{path}.prefix: {node["checkpoint"]} has no weights whose names begin with {prefix!r}',
                             'Correct the prefix, or leave it out.')
        return
    name = path.partition('.init_cfg')[0].removeprefix('model').removeprefix('.')
    part = dict(model.named_modules()).get(name) if model is not None else None
    if isinstance(part, ReleasedCheckpointMixin):
        try:
            with saying_nothing():
                part.fitting(weights)
        except CheckpointError as error:
            raise CheckpointError(f'{path}.checkpoint: {node["checkpoint"]}: {error.what}', error.remedy) from error


def check_checkpoint(path: str, name: str) -> dict[str, Tensor]:
    """Return the weights of a checkpoint; their values stay in the file as far as its format allows.

    An address is fetched, once for all tools and runs, by the first of several processes; the others get nothing.

    Args:
        path: file or address.
        name: what the user gave it as.

    Raises:
        InputError: there is none, it cannot be fetched, it is damaged, holds more than plain data, or no weights.
    """
    try:
        if is_address(path):
            return fetch_checkpoint(path)['state_dict'] if os.environ.get('RANK', '0') == '0' else {}
        check_checkpoint_file(path, name)
        return weights_in(read_checkpoint(path, mmap=True), path)
    except CheckpointError as error:
        raise type(error)(f'{name}: {error.what}', error.remedy + (
            ' tools/train.py takes --pretrained FILE, or --pretrained none to start at random.' if is_address(path) and
            name.endswith('.init_cfg.checkpoint') else '')) from error


def trained_metainfo(path: str) -> dict:
    """Return what a checkpoint file tells of the data that it was trained on: classes, their colours, ..."""
    content = None if is_address(path) else read_checkpoint(path, mmap=True)
    meta = content.get('meta') if isinstance(content, dict) else None
    data = meta.get('dataset_meta') if isinstance(meta, dict) else None
    return data if isinstance(data, dict) else {}


def trained_classes(path: str) -> list[str] | None:
    """Return the names of the classes that a checkpoint file was trained on, if it tells them."""
    return list(trained_metainfo(path).get('classes') or ()) or None


def check_model(cfg: Config, checkpoint: str | None) -> None:
    """Raise an :class:`InputError` unless ``checkpoint`` is plain data and holds all weights of the model of ``cfg``.

    Without a checkpoint, the files that the model starts from are checked.
    """
    if checkpoint is None:
        check_start(Config(dict(model=cfg.model)))
        return
    check_checkpoint(checkpoint, 'CHECKPOINT')
    init_default_scope(cfg.get('default_scope', 'mmdet'))
    check_fit(cfg.model, checkpoint)
