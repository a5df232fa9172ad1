"""PyConvSegNet for semantic segmentation, as its authors released it."""
from mmengine.registry import MODELS
from mmseg.models import EncoderDecoder

from ..checkpoints.py_conv import translate_pyconvsegnet
from ..checkpoints.whole_model import TranslatedModelMixin

__all__ = ['PyConvSegNet']


@MODELS.register_module()
class PyConvSegNet(TranslatedModelMixin, EncoderDecoder):
    """MMSegmentation's EncoderDecoder, which loads the authors' whole segmentation networks as they are.

    Backbone :class:`~layeragg_mm.backbones.PyConvResNet`, decode head :class:`~layeragg_mm.decode_heads.PyConvHead`,
    auxiliary head MMSegmentation's ``FCNHead`` with one convolution; the arguments are the EncoderDecoder's.
    """

    translate_released = staticmethod(translate_pyconvsegnet)
