"""The model of a config, its optimizer and its schedules, built before a run, and the model tried on an empty image."""
import copy
import inspect
import re
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from mmdet.structures import DetDataSample
from mmdet.structures.mask import BitmapMasks
from mmengine.config import Config, ConfigDict
from mmengine.model import revert_sync_batchnorm
from mmengine.optim import build_optim_wrapper
from mmengine.registry import (
    MODELS,
    OPTIM_WRAPPER_CONSTRUCTORS,
    OPTIM_WRAPPERS,
    OPTIMIZERS,
    PARAM_SCHEDULERS,
    WEIGHT_INITIALIZERS,
)
from mmengine.structures import InstanceData, PixelData
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ..configs import walk
from ..errors import InputError
from ..registered import arguments_of, check_arguments, find_registered, name_of
from ..tracebacks import frames_of
from ..words import did_you_mean, some
from .build_errors import naming_nodes, path_of, saying_nothing
from .section_checks import nodes_in

__all__ = ['build_model', 'check_flow', 'check_optimization', 'learns_from_one']

SIDE = 64  # of the empty image, in pixels
# How torch says that a module gets another number of channels than it takes.
MISFITS = (
    r'to have (?P<takes>\d+) channels, but got (?P<gets>\d+) channels',
    r'shapes cannot be multiplied \(\d+x(?P<gets>\d+) and (?P<takes>\d+)x\d+\)',
    r'should contain (?P<gets>\d+) elements not (?P<takes>\d+)',
    r'normalized_shape=\[(?P<takes>\d+)\], expected input with shape .*size\[.*?(?P<gets>\d+)\]',
    r'shape mismatch: value tensor of shape \[\d+, (?P<gets>\d+), .* of shape \[\d+, (?P<takes>\d+),',
)


def build_model(model: dict, name: str = 'model') -> nn.Module:
    """Return the model of a config, on the CPU and without its pretrained weights.

    Args:
        model: of the config.
        name: of it in errors.

    Raises:
        InputError: a part of it cannot be built; it tells which and why.
    """
    for path, node in walk(model, name):
        for place, start in nodes_in(node.get('init_cfg'), f'{path}.init_cfg'):
            if 'type' in start:  # some backbones read the rest themselves
                check_arguments(WEIGHT_INITIALIZERS, start, place, allowed=['layer', 'override', 'bias'])
    model = copy.deepcopy(model)
    with naming_nodes(model, name), saying_nothing():
        return revert_sync_batchnorm(MODELS.build(model))


def check_optimization(cfg: Config, model: nn.Module) -> None:
    """Raise an :class:`InputError` unless optimizer and schedules of ``cfg`` can be built for ``model``."""
    wrapper = cfg.optim_wrapper
    if not isinstance(wrapper, dict) or wrapper.get('optimizer') is None:
        return  # several optimizers, which their own constructor knows
    check_arguments(OPTIM_WRAPPERS, dict(dict(type='OptimWrapper'), **wrapper), 'optim_wrapper', given=['optimizer'],
                    allowed=['constructor', 'paramwise_cfg'])
    check_arguments(OPTIMIZERS, wrapper.optimizer, 'optim_wrapper.optimizer', given=['params'])
    maker = dict(type=wrapper.get('constructor', 'DefaultOptimWrapperConstructor'))
    check_paramwise(wrapper.get('paramwise_cfg') or {},
                    find_registered(OPTIM_WRAPPER_CONSTRUCTORS, maker, 'optim_wrapper.constructor'))
    clip = wrapper.get('clip_grad')
    if clip:
        by = nn.utils.clip_grad_value_ if clip.get('type') == 'value' else nn.utils.clip_grad_norm_
        known = [name for name in arguments_of(by) if name != 'parameters']
        for key in clip:
            if key not in ('type', *known):
                raise InputError(f'optim_wrapper.clip_grad has no {key!r}{did_you_mean(key, known)}',
                                 f'It takes {", ".join(known)}.')
    with naming_nodes(dict(optim_wrapper=wrapper)), saying_nothing():
        optimizer = build_optim_wrapper(model, copy.deepcopy(wrapper))
    for path, node in nodes_in(cfg.get('param_scheduler'), 'param_scheduler'):
        if 'type' in node:
            with naming_nodes(node, path):
                find_registered(PARAM_SCHEDULERS, node, path)
                PARAM_SCHEDULERS.build(copy.deepcopy(node), default_args=dict(optimizer=optimizer, epoch_length=1))


def check_paramwise(settings: dict, maker: type) -> None:
    """Raise an :class:`InputError` if there is a setting that the optimizer wrapper's constructor never reads."""
    read = {word for base in maker.__mro__ if base is not object
            for word in re.findall(r"paramwise_cfg\W+(?:get|pop)?\W*'(\w+)'", inspect.getsource(base))}
    for key in settings:
        if key not in read:
            raise InputError(f'optim_wrapper.paramwise_cfg has no {key!r}{did_you_mean(key, read)}',
                             f'{maker.__name__} reads {some(sorted(read))}.')


def check_flow(cfg: Config, model: nn.Module, *modes: str) -> None:
    """Raise an :class:`InputError` where parts of ``model`` do not fit each other, or lack a setting.

    An empty image with one object runs through it. Only what no image could change is refused: channels that one part
    gives and the next does not take, and settings that train_cfg or test_cfg lack. Whatever else happens to such an
    image says nothing about the user's.

    Args:
        cfg: of the model.
        model: as it was built.
        modes: 'loss', 'predict'.
    """
    inputs, samples = empty_batch(cfg, model)
    if samples is None:
        return
    model.eval()  # one image is too few for batch norm at an output of 1 x 1
    for mode in modes:
        with watching_channels(model) as given:
            try:
                with torch.no_grad(), saying_nothing():
                    model(inputs, copy.deepcopy(samples), mode=mode)
            except Exception as error:  # most of what can happen here is no one's fault
                told = explain_misfit(error, cfg, model, given) or explain_lack(error, cfg)
                if told is not None:
                    raise told from error


def learns_from_one(cfg: Config, model: nn.Module) -> bool:
    """Tell whether ``model`` can learn from one image: whether batch norms get more of it than one value a channel.

    An empty image runs through it; what gets a single value of a small image, after pooling, does so of any.
    """
    inputs, samples = empty_batch(cfg, model)
    single, learning = [], model.training

    def note(module, given):
        single.append(given[0].numel() == given[0].shape[1])

    hooks = [module.register_forward_pre_hook(note) for module in model.modules() if isinstance(module, _BatchNorm)]
    try:
        with torch.no_grad(), saying_nothing():
            model.eval()(inputs, samples, mode='loss')
    except Exception:  # as above
        return False
    finally:
        model.train(learning)
        for hook in hooks:
            hook.remove()
    return not any(single)


def empty_batch(cfg: Config, model: nn.Module) -> tuple[Tensor, list | None]:
    """Return an empty image as a preprocessor gives it, with an object; no samples for other libraries' models."""
    from mmdet.models.detectors.base import BaseDetector  # takes seconds
    inputs, size = torch.zeros(1, 3, SIDE, SIDE), (SIDE, SIDE)
    meta = dict(img_shape=size, ori_shape=size, pad_shape=size, batch_input_shape=size, scale_factor=(1., 1.),
                flip=False, flip_direction=None, img_id=0, img_path='', padding_size=[0, 0, 0, 0],
                border=[0, SIDE, 0, SIDE])
    if isinstance(model, BaseDetector):
        sample = DetDataSample(metainfo=meta)
        boxes = torch.tensor([[8., 8., 40., 48.]])
        masks = BitmapMasks(np.ones((1, *size), np.uint8), *size)
        sample.gt_instances = InstanceData(bboxes=boxes, labels=torch.zeros(1, dtype=torch.long), masks=masks)
        sample.ignored_instances = InstanceData(bboxes=boxes[:0])
    elif cfg.get('default_scope') == 'mmseg':
        from mmseg.structures import SegDataSample
        sample = SegDataSample(metainfo=meta)
        sample.gt_sem_seg = PixelData(data=torch.zeros(1, *size, dtype=torch.long))
    else:
        return inputs, None
    return inputs, [sample]


@contextmanager
def watching_channels(model: nn.Module) -> Iterator[dict[str, list[int]]]:
    """Yield what comes to be known of the channels that the backbone and the neck of ``model`` give."""
    given = {}

    def note(name):
        return lambda module, inputs, outputs: given.update({name: [
            each.shape[1] for each in (outputs if isinstance(outputs, (list, tuple)) else [outputs])
            if isinstance(each, Tensor)]})

    hooks = [part.register_forward_hook(note(name)) for name, part in model.named_children()
             if name in ('backbone', 'neck')]
    try:
        yield given
    finally:
        for hook in hooks:
            hook.remove()


def explain_misfit(error: Exception, cfg: Config, model: nn.Module, given: dict[str, list[int]]) -> InputError | None:
    """Return what an ``error`` says about channels that do not fit, if it does."""
    names = {id(module): name for name, module in model.named_modules()}
    inside = [names[id(frame.f_locals['self'])] for frame in frames_of(error)
              if id(frame.f_locals.get('self')) in names]
    place, node = part_of(cfg.model, inside[-1] if inside else '')
    found = next(filter(None, (re.search(pattern, str(error), re.DOTALL) for pattern in MISFITS)), None)
    source = 'neck' if 'neck' in given and place != 'model.neck' else 'backbone'
    before = given.get(source)
    counted = isinstance(error, AssertionError) and place == 'model.neck' and before is not None and isinstance(
        node.get('in_channels'), (list, tuple)) and len(node['in_channels']) != len(before)
    if found is None and not counted:
        return None
    said = f'takes {node["in_channels"]} channels' if 'in_channels' in node else f'takes {found["takes"]} channels'
    name = f'{place} ({name_of(node)})' if 'type' in node else place
    if place in (f'model.{source}', 'model.backbone') or before is None:
        return InputError(f'{name}: its {inside[-1]} {said}, but gets {found["gets"]}', 'Correct the channels of it.')
    giver = f'model.{source} ({name_of(cfg.model[source])})'
    remedy = f'Set {place}.in_channels to what {giver} gives.'
    if counted or (isinstance(node.get('in_channels'), (list, tuple)) and len(node['in_channels']) == len(before)):
        remedy = f'Set {place}.in_channels={before}.'
    elif len(set(before)) == 1 and isinstance(node.get('in_channels'), int):
        remedy = f'Set {place}.in_channels={before[0]}.'
    return InputError(f'{name} {said}, but {giver} gives {before}', remedy)


def part_of(model: ConfigDict, name: str) -> tuple[str, ConfigDict]:
    """Return the path and the dict of the innermost part of a config that makes the module called ``name``."""
    place, node, path = 'model', model, 'model'
    inner = model
    for step in name.split('.'):
        if isinstance(inner, (list, tuple)) and step.isdigit() and int(step) < len(inner):
            inner = inner[int(step)]
        elif isinstance(inner, dict) and step in inner:
            inner = inner[step]
        else:
            break
        path = f'{path}.{step}'
        if isinstance(inner, dict):
            place, node = path, inner
    return place, node


def explain_lack(error: Exception, cfg: Config) -> InputError | None:
    """Return which setting an ``error`` says that a dict of the model's config lacks, if it does."""
    if not isinstance(error, (AttributeError, KeyError)):
        return None
    frames = list(frames_of(error))
    settings = frames[-1].f_locals.get('self')
    place = path_of(settings, cfg.model, 'model') if isinstance(settings, ConfigDict) else None
    lacking = re.search(r'(\w+)\W*$', str(error))
    if place is None or lacking is None:
        return None
    users = [frame.f_locals['self'] for frame in frames if isinstance(frame.f_locals.get('self'), nn.Module)]
    return InputError(f'{place} lacks {lacking[1]!r}, which {type(users[-1]).__name__} needs'
                      f'{did_you_mean(lacking[1], settings)}', f'Set {place}.{lacking[1]}.')
