"""Group ensembles as the code of the authors' later paper names them (no weights were released)."""
import re
from collections.abc import Sequence

from torch import Tensor

__all__ = ['translate_group_ensemble']


def translate_group_ensemble(state: dict[str, Tensor], stage_blocks: Sequence[int]) -> dict[str, Tensor]:
    """Return a checkpoint under MMDetection's names; ours pass unchanged.

    ==============================  ===================================
    released                        here
    ==============================  ===================================
    ``features.0``, ``features.1``  ``conv1``, ``bn1``
    ``features.4``, ...             ``layer1.0``, ... through all stages
    ``classifier.1``                dropped
    ==============================  ===================================

    Args:
        state: the checkpoint.
        stage_blocks: the blocks of each stage.
    """
    blocks = [f'layer{stage}.{block}' for stage, number in enumerate(stage_blocks, 1) for block in range(number)]
    names = dict(enumerate(['conv1', 'bn1', None, None, *blocks]))

    def renamed(match: re.Match) -> str:
        return f'{names[int(match[1])]}.'

    return {re.sub(r'^features\.(\d+)\.', renamed, key): value for key, value in state.items()
            if not key.startswith('classifier.')}
