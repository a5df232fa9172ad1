"""Several processes: forming their group where there is no GPU, agreeing with each other."""
import torch
import torch.distributed
from mmengine.config import Config
from mmengine.dist import all_reduce

from ..errors import InputError

__all__ = ['any_process', 'join_processes_without_gpu']


def any_process(flag: bool) -> bool:
    """Return whether ``flag`` is true in any process; every process must call it."""
    votes = torch.tensor(int(flag))
    all_reduce(votes, 'max')  # does nothing where there is one process
    return bool(votes)


def join_processes_without_gpu(cfg: Config) -> None:
    """Form the process group that ``--launcher pytorch`` asks for, with gloo, where there is no GPU.

    mmengine forms the group itself, but needs a GPU for that, and names a GPU to the model's wrapper; it does neither
    where a group exists and the config names no device.

    Raises:
        InputError: another launcher is asked for, or SyncBN, which torch computes on GPUs only.
    """
    if cfg.launcher == 'none' or torch.cuda.is_available():
        return
    if cfg.launcher != 'pytorch':
        raise InputError(f'--launcher {cfg.launcher} needs a GPU, and there is none', 'Use tools/dist_train.sh.')
    if cfg.get('sync_bn'):
        raise InputError(f'sync_bn={cfg.sync_bn} needs a GPU, and there is none', 'Add --cfg-options sync_bn=None.')
    if not torch.distributed.is_initialized():
        torch.distributed.init_process_group('gloo')
    cfg.model_wrapper_cfg = dict(
        dict(type='MMDistributedDataParallel', broadcast_buffers=False,
             find_unused_parameters=cfg.get('find_unused_parameters', False)),
        **(cfg.get('model_wrapper_cfg') or {}), device_ids=None)
