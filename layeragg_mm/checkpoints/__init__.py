"""Released checkpoints, loaded as they are: one file a family, and the mixin that all networks share."""
from .centernet import translate_centernet
from .dla import translate_dla, translate_ida_up
from .dynamic import translate_dynamic
from .efficientnet import translate_efficientnet
from .efficientnet_lite import efficientnet_lite0_file, translate_efficientnet_lite
from .key_correlated import translate_key_correlated
from .loading import ReleasedCheckpointMixin
from .mmengine_loading import plain_checkpoints
from .mobilenet_v2 import translate_mobilenet_v2, translate_rla_mobilenet_v2
from .mrla import translate_mrla
from .reading import CheckpointError, DamagedCheckpointError, read_checkpoint, trust_checkpoints
from .rla import translate_rla
from .vision_transformer import translate_vision_transformer

__all__ = [
    'CheckpointError', 'DamagedCheckpointError', 'ReleasedCheckpointMixin', 'efficientnet_lite0_file',
    'plain_checkpoints', 'read_checkpoint', 'translate_centernet', 'translate_dla', 'translate_dynamic',
    'translate_efficientnet', 'translate_efficientnet_lite', 'translate_ida_up', 'translate_key_correlated',
    'translate_mobilenet_v2', 'translate_mrla', 'translate_rla', 'translate_rla_mobilenet_v2',
    'translate_vision_transformer', 'trust_checkpoints'
]
