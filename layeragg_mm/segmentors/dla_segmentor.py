"""DLA for semantic segmentation and boundaries, as its authors released it."""
from mmengine.registry import MODELS
from mmseg.models import EncoderDecoder

from ..checkpoints.dla import translate_dla_segmentor
from ..checkpoints.whole_model import TranslatedModelMixin

__all__ = ['DLASegmentor']


@MODELS.register_module()
class DLASegmentor(TranslatedModelMixin, EncoderDecoder):
    """MMSegmentation's EncoderDecoder, which loads the authors' whole segmentation networks as they are.

    Backbone :class:`~layeragg_mm.backbones.DLANet`, neck :class:`~layeragg_mm.necks.IDAUp` with ``mode='finest'``,
    decode head :class:`~layeragg_mm.decode_heads.DLAHead`; the arguments are the EncoderDecoder's.
    """

    translate_released = staticmethod(translate_dla_segmentor)
