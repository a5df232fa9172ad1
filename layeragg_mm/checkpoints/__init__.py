"""Released checkpoints, loaded as they are: one file a family, and the mixin that all networks share."""
from .dla import translate_dla, translate_ida_up
from .loading import CheckpointError, ReleasedCheckpointMixin
from .mrla import translate_mrla
from .rla import translate_rla

__all__ = [
    'CheckpointError', 'ReleasedCheckpointMixin', 'translate_dla', 'translate_ida_up', 'translate_mrla', 'translate_rla'
]
