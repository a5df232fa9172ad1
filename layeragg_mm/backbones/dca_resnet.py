"""ResNet with connected attention: each block's attention also reads what the one before made."""
from mmengine.registry import MODELS
from torch import Tensor

from ..adapters import plain_step
from ..checkpoints.dca import check_resize, translate_dca
from .aggregation_resnet import AggregationResNet
from .arguments import one_of

__all__ = ['DCAResNet']


@MODELS.register_module()
class DCAResNet(AggregationResNet):
    """ResNet with connected attention (DCANet, arXiv 2007.05099).

    Extends MMDetection's ResNet and keeps its arguments and parameter names, so that a plain ResNet checkpoint
    (``torchvision://resnet50``) starts the trunk; the authors' released checkpoints load as they are. What the paper
    adds is ``dca`` in each block, one of :mod:`layeragg_mm.layers.dca`, between the last norm and the shortcut's sum;
    its state passes from block to block through all stages.

    Args:
        depth: 18, 34, 50, 101 or 152; with 'sk' 50, 101 or 152.
        connected: 'gc' (global context, with which the network starts as the plain ResNet), 'se'
            (squeeze-and-excitation), 'ge' (gather-excite), 'cbam' (channel and spatial attention) or 'sk' (selective
            kernels, in the place of the 3x3 convolutions).
        resize: of 'se', 'ge' and 'sk': how a state takes another number of channels, 'wide' (the default; the released
            code) or 'narrow' (fewer parameters, the published counts of SE and GE). 'gc' and 'cbam' have one form.
        kwargs: the arguments of MMDetection's ResNet (``out_indices``, ``frozen_stages``, ``norm_cfg``, ``norm_eval``,
            ``with_cp``, ``dcn``, ``plugins``, ``deep_stem``, ``avg_down``, ``init_cfg``, ...).

    Raises:
        ValueError: an argument that is not available; the message lists what is.
    """

    step = staticmethod(plain_step)

    def __init__(self, depth: int, *, connected: str = 'gc', resize: str | None = None, **kwargs) -> None:
        one_of('connected', connected, [name.removeprefix('dca_') for name in self.connected_attentions])
        super().__init__(depth, f'dca_{connected}', resize=resize, **kwargs)
        self.resize = None if connected in ('gc', 'cbam') else resize or 'wide'

    def translate_released(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        state = translate_dca(state)
        if self.resize is not None:
            check_resize(state, self.resize)
        return state
