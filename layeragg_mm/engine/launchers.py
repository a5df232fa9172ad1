"""How several processes were started."""
import os

from ..errors import InputError

__all__ = ['check_launcher', 'number_of_processes']

# What each launcher leaves in the environment of the processes that it starts.
LEFT_BY = {'pytorch': ('RANK', 'WORLD_SIZE', 'MASTER_ADDR', 'MASTER_PORT'), 'slurm': ('SLURM_PROCID', 'SLURM_NTASKS'),
           'mpi': ('OMPI_COMM_WORLD_RANK', 'OMPI_COMM_WORLD_SIZE')}


def check_launcher(launcher: str) -> None:
    """Raise an :class:`InputError` unless ``launcher``, of --launcher, started this process."""
    lacking = [name for name in LEFT_BY.get(launcher, ()) if name not in os.environ]
    if lacking:
        raise InputError(f'--launcher {launcher} did not start this process: its environment has no '
                         f'{", no ".join(lacking)}',
                         'Start it with tools/dist_train.sh CONFIG PROCESSES, or leave --launcher out.')


def number_of_processes(launcher: str) -> int:
    """Return how many processes ``launcher``, of --launcher, started."""
    return int(os.environ[LEFT_BY[launcher][1]]) if launcher in LEFT_BY else 1
