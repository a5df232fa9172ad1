"""ResNets with pyramids of kernels (PyConv)."""
from mmcv.cnn import build_conv_layer, build_norm_layer
from mmdet.models.backbones.resnet import BasicBlock, Bottleneck, ResNet
from mmengine.registry import MODELS
from torch import nn

from ..checkpoints.py_conv import translate_pyconv
from .arguments import one_of
from .released_resnet import ReleasedResNet

__all__ = ['PyConvHGResNet', 'PyConvResNet']


class PyConvBasicBlock(BasicBlock):
    """A pyramid, which ``dcn`` describes as in bottlenecks, then a 1x1 convolution, where a basic block has two 3x3."""

    def __init__(self, inplanes: int, planes: int, stride: int = 1, dilation: int = 1, *, dcn: dict, norm_cfg: dict,
                 **kwargs) -> None:
        super().__init__(inplanes, planes, stride, dilation, norm_cfg=norm_cfg, **kwargs)
        self.conv1 = build_conv_layer(
            dcn, inplanes, planes, kernel_size=3, stride=stride, padding=dilation, dilation=dilation, bias=False)
        self.conv2 = nn.Conv2d(planes, planes * self.expansion, 1, bias=False)
        self._modules[self.norm2_name] = build_norm_layer(norm_cfg, planes * self.expansion, postfix=2)[1]


class PyConvHGBasicBlock(PyConvBasicBlock):
    expansion = 2


class PyConvHGBottleneck(Bottleneck):
    expansion = 2


@MODELS.register_module()
class PyConvResNet(ReleasedResNet):
    """PyConvResNet (arXiv 2006.11538): ResNet whose 3x3 convolutions are pyramids of kernels, of four levels to one.

    Extends MMDetection's ResNet and keeps its names and arguments; the strides of the outputs are the same. The stem
    has no pooling, so that the first stage strides too, and a shortcut is max pooling (3x3) before its 1x1 convolution.
    With ``strides=(2, 2, 1, 1), dilations=(1, 1, 2, 4)`` it is the backbone of PyConvSegNet. Released checkpoints
    (ImageNet, PyConvSegNet) load as they are.

    Args:
        depth: 18, 34, 50, 101 or 152; 18 and 34 have blocks of a pyramid and a 1x1 convolution.
        strides: strides of the stages.
        zero_init_residual: start the last norm of each block at zero; published is False.
        kwargs: the arguments of MMDetection's ResNet (``out_indices``, ``frozen_stages``, ``norm_cfg``, ``norm_eval``,
            ``with_cp``, ``dilations``, ``init_cfg``, ...), but ``conv_cfg`` and ``dcn``.

    Raises:
        ValueError: an argument that is not available; the message lists what is.
    """

    stem_stride = 2
    translate_released = staticmethod(translate_pyconv)
    arch_settings = {depth: (PyConvBasicBlock if depth < 50 else Bottleneck, blocks)
                     for depth, (_, blocks) in ResNet.arch_settings.items()}
    kernels = ((3, 5, 7, 9), (3, 5, 7), (3, 5), (3,))
    level_groups = ((1, 4, 8, 16), (1, 4, 8), (1, 4), (1,))

    def __init__(self, depth: int, *, strides: tuple[int, ...] = (2, 2, 2, 2), zero_init_residual: bool = False,
                 **kwargs) -> None:
        for name in ('conv_cfg', 'dcn'):
            one_of(name, kwargs.get(name), [None])
        self.starts_at_zero = zero_init_residual and kwargs.get('init_cfg') is None
        super().__init__(depth, strides=strides, zero_init_residual=zero_init_residual, **kwargs)
        self.maxpool = nn.Identity()

    def make_res_layer(self, stride: int, init_cfg: dict | None, **kwargs) -> nn.Module:
        stage = len(self.res_layers)
        if self.starts_at_zero:
            last = 2 if issubclass(self.block, BasicBlock) else 3
            init_cfg = dict(type='Constant', val=0, override=dict(name=f'norm{last}'))
        kwargs['dcn'] = dict(type='PyConv2d', kernels=self.kernels[stage], level_groups=self.level_groups[stage])
        layer = super().make_res_layer(stride=stride, init_cfg=init_cfg, **kwargs | dict(avg_down=True))
        pool = nn.MaxPool2d(3, stride, padding=1)
        projects = self.inplanes != kwargs['planes'] * self.block.expansion
        layer[0].downsample = nn.Sequential(pool, *layer[0].downsample[1:]) if projects else pool
        return layer


@MODELS.register_module()
class PyConvHGResNet(PyConvResNet):
    """PyConvHGResNet: twice as wide, with many more groups in each level; see :class:`PyConvResNet`.

    Args:
        depth: 18, 34, 50, 101 or 152; 18 and 34 are ours.
        base_channels: channels of the first stage's pyramids.
        stem_channels: channels of the stem.
        kwargs: the arguments of :class:`PyConvResNet`.
    """

    arch_settings = {depth: (PyConvHGBasicBlock if depth < 50 else PyConvHGBottleneck, blocks)
                     for depth, (_, blocks) in ResNet.arch_settings.items()}
    level_groups = ((32, 32, 32, 32), (32, 64, 64), (32, 64), (32,))

    def __init__(self, depth: int, *, base_channels: int = 128, stem_channels: int = 64, **kwargs) -> None:
        super().__init__(depth, base_channels=base_channels, stem_channels=stem_channels, **kwargs)
