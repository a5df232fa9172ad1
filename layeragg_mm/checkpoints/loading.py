"""The door through which every checkpoint enters a backbone, and a whole model that is to be tested."""
import copy
import re
import textwrap
from collections import defaultdict
from collections.abc import Iterable
from logging import FileHandler

from mmengine.logging import MMLogger, print_log
from mmengine.registry import MODELS
from mmengine.runner import CheckpointLoader, load_state_dict
from torch import Tensor, nn

from .mmengine_loading import plain_checkpoints
from .reading import CheckpointError, weights_in

__all__ = ['ReleasedCheckpointMixin', 'check_fit', 'check_parts', 'load_whole', 'some', 'translated', 'without_wrapper']


class ReleasedCheckpointMixin:
    """Makes a module load released checkpoints as they are, and refuse those that do not fit.

    It acts in ``_load_from_state_dict``, which both ``torch.nn.Module.load_state_dict`` and mmengine's
    loader call, so that ``init_cfg=dict(type='Pretrained', ...)``, ``load_from``, ``resume`` and a
    plain ``load_state_dict(torch.load(file))`` all pass through it:

    1. a file nested under ``state_dict`` or ``model`` is unpacked, ``module.`` prefixes are removed, and of a whole
       model given to one part of it alone, the keys behind one of ``prefixes`` are taken;
    2. :meth:`translate_released` renames the authors' keys to ours and drops their classifier;
    3. what is left must be exactly this module's state, name by name and shape by shape. One thing may
       lack: a component (``mrla``, ``se``, ``conv_offset``, ...) that is not in the file at all and that is
       no part of the trunk (``trunk_keys``). It keeps its initial values, and the log says so. That is how a plain
       ResNet checkpoint starts these networks. And one may be too much: biases of the trunk's convolutions, which
       Caffe's files have before norms; they are dropped, as MMDetection's ResNet drops them.

    Anything else raises :class:`CheckpointError`, whatever ``strict`` says: a network that silently loads
    half of a file, or nothing, costs its user days.
    """

    #: What precedes this module's keys in the file of a whole model.
    prefixes: tuple[str, ...] = ('backbone.',)

    #: Keys of the plain network. None: every key of the module must be in the file.
    trunk_keys: re.Pattern | None = None

    @staticmethod
    def translate_released(state: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return ``state`` with released names replaced by ours; ours pass unchanged."""
        return state

    def init_weights(self) -> None:
        """Initialise as ``init_cfg`` says; a ``Pretrained`` file that would run code when loaded is refused."""
        with plain_checkpoints():
            super().init_weights()

    def _dump_init_info(self) -> None:
        """Tell how every weight was initialised only to a run's log file: on a console, it is a thousand lines."""
        if any(isinstance(handler, FileHandler) for handler in MMLogger.get_current_instance().handlers):
            super()._dump_init_info()

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *args) -> None:
        state = {key[len(prefix):]: state_dict.pop(key)
                 for key in list(state_dict) if key.startswith(prefix)}
        state = self.fitting(state, alone=not prefix)
        state_dict.update({prefix + key: value for key, value in state.items()})
        super()._load_from_state_dict(state_dict, prefix, *args)

    def fitting(self, state: dict, alone: bool = True) -> dict[str, Tensor]:
        """Return this module's whole state as a file's ``state`` starts it, under our names; nothing is loaded.

        Args:
            state: of the file, which may be nested and a whole model's if the module is to be loaded ``alone``.
            alone: it is no part of the model that is loaded.

        Raises:
            CheckpointError: the file does not fit.
        """
        if alone:
            state = part_of(without_wrapper(state), self.prefixes)
        state = _translate(self, state)
        own = self.state_dict()
        biases = [key for key in state if key not in own and self._is_bias_of_trunk(key, own)]
        if biases:
            state = {key: value for key, value in state.items() if key not in biases}
            print_log(f'{type(self).__name__}: biases before norms are left out: {some(biases)}', logger='current')
        missing = [key for key in own if key not in state and not key.endswith('num_batches_tracked')]
        unexpected = [key for key in state if key not in own]
        misshapen = [f'{key} {tuple(state[key].shape)} for {tuple(own[key].shape)}'
                     for key in own if key in state and state[key].shape != own[key].shape]

        if self.trunk_keys is not None:
            absent = defaultdict(list)
            for key in missing:
                if not self.trunk_keys.match(key):
                    absent[_component(key)].append(key)
            for name in {_component(key) for key in state if not self.trunk_keys.match(key)}:
                absent.pop(name, None)
            allowed = {key for keys in absent.values() for key in keys}
            missing = [key for key in missing if key not in allowed]

        problems = [f'{title}: {some(keys)}' for title, keys in
                    (('missing', missing), ('unexpected', unexpected), ('of another shape', misshapen)) if keys]
        if problems:
            raise CheckpointError(
                f'the checkpoint does not fit {type(self).__name__}; ' + '; '.join(problems),
                'Give the checkpoint of this very network (family, depth, variant, attention), or change the config.')
        if self.trunk_keys is not None and absent:
            print_log(f'{type(self).__name__}: not in the checkpoint, so starting from initial values: '
                      f'{", ".join(sorted(absent))}', logger='current')
            # mmengine would tell once more, key by key, what it does not find.
            state = {**state, **{key: own[key] for keys in absent.values() for key in keys}}
        return state

    def _is_bias_of_trunk(self, key: str, own: dict[str, Tensor]) -> bool:
        weight = own.get(f'{key.removesuffix("bias")}weight')
        return (self.trunk_keys is not None and self.trunk_keys.match(key) is not None and key.endswith('.bias')
                and weight is not None and weight.dim() == 4)


def without_wrapper(state: dict) -> dict[str, Tensor]:
    """Return the weights in a file's ``state``, without what DistributedDataParallel writes before their names."""
    return {key.removeprefix('module.'): value for key, value in weights_in(state, 'the checkpoint').items()}


def part_of(state: dict[str, Tensor], prefixes: tuple[str, ...]) -> dict[str, Tensor]:
    """Return the part of a whole model's ``state`` that one of ``prefixes`` marks; all, if none does."""
    for prefix in prefixes:
        part = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
        if part:
            return part
    return state


def _component(key: str) -> str:
    """Return the last part of a key's path that names a module not addressed by a number, e.g. ``se``."""
    path = re.sub(r'^(layer\d+\.\d+\.(conv\d\.)?|layers\.\d+\.(\d+\.)?|level\d\..*conv2\.)', '', key)
    return path.split('.')[0]


def _translate(module: nn.Module, state: dict[str, Tensor]) -> dict[str, Tensor]:
    try:
        return module.translate_released(state)
    except (LookupError, ValueError, TypeError, RuntimeError) as error:  # the names of a release, and not its tensors
        raise CheckpointError(f'the checkpoint does not fit {type(module).__name__}: {error}',
                              'Fetch the file again, or name another.') from error


def translated(network: nn.Module, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the ``state`` of a whole network with its parts' released names replaced by ours."""
    for name, module in network.named_modules():
        if hasattr(module, 'translate_released'):
            prefix = f'{name}.' if name else ''
            part = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
            rest = {key: value for key, value in state.items() if not key.startswith(prefix)}
            state = {**rest, **{prefix + key: value for key, value in _translate(module, part).items()}}
    return state


def some(keys: Iterable[str], most: int = 6) -> str:
    keys = list(keys)
    return ', '.join(keys[:most]) + (f' and {len(keys) - most} more' if len(keys) > most else '')


def check_parts(network: nn.Module, state: dict[str, Tensor]) -> None:
    """Raise a :class:`CheckpointError` unless the parts of ``network`` that take whole files take theirs of ``state``.

    Those are the modules with :class:`ReleasedCheckpointMixin`. Of the others mmengine loads what fits.
    """
    for name, module in network.named_modules():
        prefix = f'{name}.' if name else ''
        part = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
        if isinstance(module, ReleasedCheckpointMixin):
            module.fitting(part, alone=not prefix)
        elif hasattr(module, 'translate_released'):
            state = {key: value for key, value in state.items() if not key.startswith(prefix)}
            state.update({prefix + key: value for key, value in _translate(module, part).items()})


def check_fit(model: dict, path: str) -> None:
    """Raise a :class:`CheckpointError` unless the checkpoint ``path`` fits ``model``, a config's, as a whole."""
    load_whole(MODELS.build(copy.deepcopy(model)), path)


def load_whole(network: nn.Module, path: str) -> None:
    """Load the checkpoint ``path`` (file or address) into ``network``; it must hold all of its weights and no others.

    mmengine loads what fits and goes on, so that the checkpoint of another detector would be tested with random heads.

    Raises:
        CheckpointError: it does not.
    """
    state = without_wrapper(CheckpointLoader.load_checkpoint(path, map_location='cpu'))
    for module in network.modules():
        if isinstance(module, ReleasedCheckpointMixin):
            module.trunk_keys = None  # nothing may lack
    try:
        load_state_dict(network, state, strict=True)
    except RuntimeError as error:
        detail = error.what if isinstance(error, CheckpointError) else textwrap.shorten(str(error), 400)
        raise CheckpointError(
            f'{path} does not fit {type(network).__name__}: {detail}',
            'Give the checkpoint of this very network (detector, backbone, classes), or the config that it is for.'
        ) from error
