"""Which checkpoint a run goes on from."""
from pathlib import Path

from mmengine.config import Config
from mmengine.logging import print_log
from torch import nn

from ..checkpoints import DamagedCheckpointError, read_checkpoint
from ..errors import InputError, lying_there
from .checkpointing import RUN
from .resumed_checks import check_same_training

__all__ = ['find_checkpoint', 'name_last_checkpoint', 'resume']


def find_checkpoint(work_dir: str | Path) -> Path | None:
    """Return the checkpoint to resume from in ``work_dir``: of its last run, the whole one that is furthest; or None.

    What the files hold decides (iteration, epoch, time, run), so that a folder may be copied or moved. Every checkpoint
    that is passed over for damage, or since it is an earlier run's and further, is named in the log.

    Raises:
        InputError: there are checkpoints of the last run, and none is whole.
        CheckpointError: a checkpoint holds more than plain data.
    """
    found, damaged = {}, {}
    for path in sorted(path for pattern in ('epoch_*.pth', 'iter_*.pth') for path in Path(work_dir).glob(pattern)):
        try:
            found[path] = progress_in(read_checkpoint(path, mmap=True))
        except DamagedCheckpointError as error:
            damaged[path] = error.what
    last_run = max(found.values(), key=lambda progress: progress['time'])['run'] if found else None
    whole = None
    for path in sorted(found, key=lambda path: (found[path]['iter'], found[path]['epoch']), reverse=True):
        if found[path]['run'] != last_run:
            damaged[path] = f'{path} is of an earlier run'
            continue
        try:
            read_checkpoint(path, mmap=True, checksums=True)
        except DamagedCheckpointError as error:
            damaged[path] = error.what
        else:
            whole = path
            break
    for reason in damaged.values():
        print_log(f'{reason}; passed over')
    if whole is None and damaged:
        raise InputError(f'--resume: no checkpoint in {work_dir} is whole: {", ".join(map(str, damaged))}',
                         'Name another with --resume FILE, or start anew in another --work-dir.')
    return whole


def progress_in(content: object) -> dict:
    """Return how far the run is that saved ``content``, when that was, and which run it is."""
    meta, hub = ((content.get(key) if isinstance(content, dict) else None) for key in ('meta', 'message_hub'))
    meta, hub = (part if isinstance(part, dict) else {} for part in (meta, hub))
    return dict(iter=meta.get('iter', -1), epoch=meta.get('epoch', -1), time=meta.get('time', ''),
                run=(hub.get('runtime_info') or {}).get(RUN))


def name_last_checkpoint(work_dir: str | Path) -> str | None:
    """Return the name of the checkpoint that a run in ``work_dir`` would go on from, for messages."""
    try:
        path = find_checkpoint(work_dir)
    except InputError:
        return None
    return None if path is None else str(path)


def resume(cfg: Config, checkpoint: str, model: nn.Module | None = None) -> None:
    """Make ``cfg`` go on from ``checkpoint``; with 'auto', from the last whole one in its work dir, if there is one.

    A run that drew its seed at random goes on with that seed, so that its data come in the same order.

    Args:
        cfg: of the run.
        checkpoint: a file, or 'auto'.
        model: of ``cfg``, to see whether it is the one that was trained.

    Raises:
        InputError: see :func:`find_checkpoint`; or ``checkpoint`` is no file, or of another training than ``cfg``.
        CheckpointError: the checkpoint is damaged or holds more than plain data.
    """
    path = find_checkpoint(cfg.work_dir) if checkpoint == 'auto' else Path(checkpoint).expanduser()
    if path is None:
        return
    if not path.is_file():
        raise InputError(f'--resume: checkpoint file not found: {path}', f'Check the path: {lying_there(path)}.')
    content = read_checkpoint(path, mmap=True)
    meta = content.get('meta') if isinstance(content, dict) else None
    if not isinstance(meta, dict) or 'optimizer' not in content or 'iter' not in meta:
        raise InputError(f'--resume: {path} holds no training state to go on from', 'Name a checkpoint of a training '
                         'run, or start from its weights with --cfg-options load_from=FILE.')
    check_same_training(cfg, content, path, model)
    cfg.resume, cfg.load_from = True, str(path)
    randomness = cfg.get('randomness') or {}
    if randomness.get('seed') is None:
        cfg.randomness = dict(randomness, seed=meta.get('seed'))
