"""Layer aggregation on any backbone, by one line of a config."""
from mmengine.registry import MODELS
from torch import nn

from ..adapters import attach

__all__ = ['LayerAggregation']


@MODELS.register_module()
def LayerAggregation(backbone: dict, aggregation: dict | str) -> nn.Module:
    """Return a backbone with a layer aggregation between its blocks, as :func:`~layeragg_mm.attach` makes it.

    In a config::

        dict(type='LayerAggregation',
             backbone=dict(type='mmdet.SwinTransformer', ...),      # any of mmdet, mmseg, here or of your own
             aggregation=dict(type='LightLayerAttention'))

    Args:
        backbone: config of the backbone. What it says of ``init_cfg``, ``frozen_stages``, ``norm_eval``, ``with_cp``
            and ``out_indices`` holds as without the aggregation.
        aggregation: config of the aggregation, its options included; or its type alone.

    Raises:
        TypeError: the backbone has no place for it; the message tells what has.
        ValueError: an argument that is not available; the message lists what is.
    """
    options = dict(type=aggregation) if isinstance(aggregation, str) else dict(aggregation)
    return attach(MODELS.build(backbone), options.pop('type', None), **options)
