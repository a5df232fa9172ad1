"""``in_channels='auto'``: a neck or head takes what the backbone gives."""
import copy

from mmengine.config import ConfigDict
from mmengine.registry import MODELS, init_default_scope

from ..configs import walk
from ..errors import InputError

__all__ = ['fill_channels']


def fill_channels(model: ConfigDict, scope: str = 'mmdet') -> None:
    """Put the channels of the backbone's outputs in the place of ``in_channels='auto'`` in a model's config.

    A neck gets the list of all of them; without a neck, so does a head, or what its ``in_index`` names.

    Args:
        model: of a config; changed in place.
        scope: where types without one are found, the config's ``default_scope``.

    Raises:
        InputError: there is no backbone to ask, or the neck stands between it and what asks.
    """
    asking = [(path, node) for path, node in walk(model, 'model') if node.get('in_channels') == 'auto']
    if not asking:
        return
    if 'backbone' not in model:
        raise InputError(f"{asking[0][0]}.in_channels='auto' has no backbone to ask", 'Give the channels.')
    from ..adapters import outputs_of  # takes seconds
    init_default_scope(scope)
    backbone = copy.deepcopy(model.backbone)
    channels, _ = outputs_of(MODELS.build(backbone))
    for path, node in asking:
        if model.get('neck') is not None and not path.startswith('model.neck'):
            raise InputError(f"{path}.in_channels='auto' asks for what the neck gives, and only a backbone tells",
                             'Give the channels there.')
        index = node.get('in_index', range(len(channels)))
        node.in_channels = channels[index] if isinstance(index, int) else [channels[i] for i in index]
