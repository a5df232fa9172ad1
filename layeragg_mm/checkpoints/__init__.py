"""Released checkpoints, loaded as they are: one file a family, and the mixin that all networks share."""
from .centernet import translate_centernet
from .dla import translate_dla, translate_ida_up
from .loading import ReleasedCheckpointMixin
from .mmengine_loading import plain_checkpoints
from .mrla import translate_mrla
from .reading import CheckpointError, DamagedCheckpointError, read_checkpoint, trust_checkpoints
from .rla import translate_rla

__all__ = [
    'CheckpointError', 'DamagedCheckpointError', 'ReleasedCheckpointMixin', 'plain_checkpoints', 'read_checkpoint',
    'translate_centernet', 'translate_dla', 'translate_ida_up', 'translate_mrla', 'translate_rla', 'trust_checkpoints'
]
