"""The door through which every checkpoint enters a backbone, and a whole model that is to be tested."""
import copy
import re
import textwrap
from collections import defaultdict
from collections.abc import Iterable

from mmengine.logging import print_log
from mmengine.registry import MODELS
from mmengine.runner import CheckpointLoader, load_state_dict
from torch import Tensor, nn

from .reading import CheckpointError, plain_checkpoints

__all__ = ['ReleasedCheckpointMixin']


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
       ResNet checkpoint starts these networks.

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

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *args) -> None:
        state = {key[len(prefix):]: state_dict.pop(key)
                 for key in list(state_dict) if key.startswith(prefix)}
        if not prefix:
            state = _unpack(state, self.prefixes)
        state = self.translate_released(state)
        self._check_fit(state)
        state_dict.update({prefix + key: value for key, value in state.items()})
        super()._load_from_state_dict(state_dict, prefix, *args)

    def _check_fit(self, state: dict[str, Tensor]) -> None:
        own = self.state_dict()
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

        problems = [f'{title}: {_some(keys)}' for title, keys in
                    (('missing', missing), ('unexpected', unexpected), ('of another shape', misshapen)) if keys]
        if problems:
            raise CheckpointError(
                f'the checkpoint does not fit {type(self).__name__}; ' + '; '.join(problems),
                'Give the checkpoint of this very network (family, depth, variant, attention), or change the config.')
        if self.trunk_keys is not None and absent:
            print_log(f'{type(self).__name__}: not in the checkpoint, so starting from initial values: '
                      f'{", ".join(sorted(absent))}', logger='current')


def _unpack(state: dict, prefixes: tuple[str, ...]) -> dict[str, Tensor]:
    for wrapper in ('state_dict', 'model'):  # mmengine and most authors; DeiT's trainer
        if isinstance(state.get(wrapper), dict):
            state = dict(state[wrapper])
    state = {key.removeprefix('module.'): value for key, value in state.items()}
    for prefix in prefixes:
        part = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
        if part:
            return part
    return state


def _component(key: str) -> str:
    """Return the last part of a key's path that names a module not addressed by a number, e.g. ``se``."""
    path = re.sub(r'^(layer\d+\.\d+\.(conv\d\.)?|layers\.\d+\.(\d+\.)?|level\d\..*conv2\.)', '', key)
    return path.split('.')[0]


def _some(keys: Iterable[str], most: int = 6) -> str:
    keys = list(keys)
    return ', '.join(keys[:most]) + (f' and {len(keys) - most} more' if len(keys) > most else '')


def check_fit(model: dict, path: str) -> None:
    """Raise a :class:`CheckpointError` unless the checkpoint ``path`` fits ``model``, a config's, as a whole."""
    load_whole(MODELS.build(copy.deepcopy(model)), path)


def load_whole(network: nn.Module, path: str) -> None:
    """Load the checkpoint ``path`` (file or address) into ``network``; it must hold all of its weights and no others.

    mmengine loads what fits and goes on, so that the checkpoint of another detector would be tested with random heads.

    Raises:
        CheckpointError: it does not.
    """
    state = _unpack(CheckpointLoader.load_checkpoint(path, map_location='cpu'), ())
    try:
        load_state_dict(network, state, strict=True)
    except RuntimeError as error:
        detail = error.what if isinstance(error, CheckpointError) else textwrap.shorten(str(error), 400)
        raise CheckpointError(
            f'{path} does not fit {type(network).__name__}: {detail}',
            'Give the checkpoint of this very network (detector, backbone, classes), or the config that it is for.'
        ) from error
