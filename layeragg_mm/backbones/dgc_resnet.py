"""ResNet with dynamic group convolutions (DGC)."""
from mmengine.registry import MODELS

from ..checkpoints.dg_conv import translate_dgc
from .arguments import one_of
from .released_resnet import ReleasedResNet

__all__ = ['DGCResNet']


@MODELS.register_module()
class DGCResNet(ReleasedResNet):
    """ResNet in which every convolution after the stem is dynamic (DGC, arXiv 2007.04242).

    Extends MMDetection's ResNet. The authors' ResNet-18 loads as it is; 34, and bottlenecks, are ours. A training needs
    :class:`layeragg_mm.engine.DynamicGroupHook`, without which every channel stays on.

    Args:
        depth: 18, 34, 50, 101 or 152.
        heads: heads of each convolution.
        gate_factor: the share of channels that each head keeps in the end.
        kwargs: the arguments of MMDetection's ResNet, but ``conv_cfg`` and ``dcn``.

    Raises:
        ValueError: an argument that is not available; the message lists what is.
    """

    translate_released = staticmethod(translate_dgc)

    def __init__(self, depth: int = 18, *, heads: int = 4, gate_factor: float = .45, **kwargs) -> None:
        for name in ('conv_cfg', 'dcn'):
            one_of(name, kwargs.get(name), [None])
        kwargs['conv_cfg'] = dict(type='DGConv2d', heads=heads, gate_factor=gate_factor,
                                  norm_cfg=kwargs.get('norm_cfg', dict(type='BN')))
        super().__init__(depth, **kwargs)
