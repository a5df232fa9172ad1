"""SSD's head, mended."""
from mmdet.models.dense_heads import SSDHead
from mmengine.registry import MODELS

__all__ = ['PredictingSSDHead']


@MODELS.register_module()
class PredictingSSDHead(SSDHead):
    """MMDetection's SSDHead, which trains but, since version 3.3, cannot predict.

    The base of all heads asks the classification's loss for classes of its own, and SSDHead, whose loss is a function,
    has none to ask.
    """

    loss_cls = None
