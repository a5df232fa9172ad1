"""Sections of a config that are read by key: which there are, and what may stand in them."""
from mmengine.config import Config

from ..errors import InputError
from ..words import did_you_mean, some
from ..written import written_arguments, written_classes
from .overrides import KEYS

__all__ = ['LOADER_KEYS', 'check_keys', 'check_loader_keys']

# Sections of which all must be there, or none.
COMPANIONS = (('train_dataloader', 'train_cfg', 'optim_wrapper'), ('val_dataloader', 'val_cfg', 'val_evaluator'),
              ('test_dataloader', 'test_cfg', 'test_evaluator'))
# What mmengine takes out of a data loader's dict before torch gets it.
LOADER_KEYS = ('dataset', 'sampler', 'batch_sampler', 'collate_fn', 'worker_init_fn', 'num_batch_per_epoch',
               'disable_subprocess_warning')


def check_keys(cfg: Config) -> None:
    """Raise an :class:`InputError` where a section lacks its companions, or holds a key that nothing reads."""
    for names in COMPANIONS:
        lacking = [name for name in names if cfg.get(name) is None]
        if 0 < len(lacking) < len(names):
            there = [name for name in names if name not in lacking]
            raise InputError(f'the config has {" and ".join(there)}, but no {", no ".join(lacking)}',
                             f'Give all of {", ".join(names)}, or set all to None.')
    for section, keys in KEYS.items():
        for key in cfg.get(section) or ():
            if key not in keys:
                raise InputError(f'{section} has no {key!r}{did_you_mean(key, keys)}',
                                 f'It takes {", ".join(keys)}.')


def check_loader_keys(loader: dict, path: str) -> None:
    """Raise an :class:`InputError` if a data loader, at ``path``, has a key that neither mmengine nor torch takes."""
    torchs, = (each for each in written_classes()['DataLoader'] if each.library == 'torch')
    own = [name for name in written_arguments(torchs) if name not in LOADER_KEYS]
    for key in loader:
        if key not in (*own, *LOADER_KEYS):
            raise InputError(f'{path}: there is no argument {key!r}{did_you_mean(key, [*own, *LOADER_KEYS])}',
                             f'A data loader takes {some([*LOADER_KEYS, *own], 40)}.')
