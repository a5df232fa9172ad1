"""What two networks have in common, by the names and shapes of their weights."""
import re
from collections import Counter
from dataclasses import dataclass

from torch import Tensor, nn

from .loading import some, translated
from .reading import CheckpointError

__all__ = ['SharedWeights', 'shared_weights']


@dataclass
class SharedWeights:
    """What a network takes of another one's weights.

    Args:
        taken: the weights of the other network that have a name and shape of this one's.
        new: names of this network's that are not taken: they keep their initial values.
        unused: names of the other's that are not taken.
    """
    taken: dict[str, Tensor]
    new: list[str]
    unused: list[str]

    def __str__(self) -> str:
        return (f'taken: {len(self.taken)} weights; new, with initial values: {patterns(self.new) or "none"}; '
                f'not used of the file: {patterns(self.unused) or "none"}')


def shared_weights(network: nn.Module, state: dict[str, Tensor]) -> SharedWeights:
    """Return what ``network`` takes of the ``state`` of another, e.g. of another family or number of classes.

    Raises:
        CheckpointError: it takes nothing.
    """
    own, state = network.state_dict(), translated(network, state)
    taken = {key: value for key, value in state.items() if key in own and value.shape == own[key].shape}
    if not taken:
        raise CheckpointError(f'the checkpoint shares nothing with {type(network).__name__}: it has {some(state)}',
                              'Give the checkpoint of a model that shares its trunk or heads.')
    new = [key for key in own if key not in taken and not key.endswith('num_batches_tracked')]
    return SharedWeights(taken, new, [key for key in state if key not in taken])


def patterns(keys: list[str]) -> str:
    """Return the modules of ``keys`` as text, numbers as ``*``: ``backbone.layer*.*.mrla.query (16)``."""
    modules = dict.fromkeys(key.rpartition('.')[0] or key for key in keys)
    counts = Counter(re.sub(r'\d+', '*', module) for module in modules)
    return some([f'{name} ({count})' if count > 1 else name for name, count in counts.items()], 16)
