"""ResNet with multi-head recurrent layer attention after each block."""
import torch
from mmcv.cnn import build_activation_layer
from mmengine.registry import MODELS

from ..adapters import adapter_of, base_step, light_step
from ..checkpoints import translate_mrla
from ..layers import BaseLayerAttention, LightLayerAttention
from .aggregation_resnet import AggregationResNet
from .arguments import norm_builder, one_of

__all__ = ['MRLAResNet']


@MODELS.register_module()
class MRLAResNet(AggregationResNet):
    """ResNet with multi-head recurrent layer attention (MRLA, ICLR 2023, arXiv 2302.03985).

    Extends MMDetection's ResNet and keeps its arguments and parameter names, so that a plain ResNet checkpoint
    (``torchvision://resnet50``) starts the trunk; the authors' released checkpoints load as they are.

    Args:
        depth: 18, 34, 50, 101 or 152; 18 and 34 are ours, the papers have bottlenecks only.
        variant: 'light', in which a layer attends to the earlier ones through its shortcut
            (:class:`~layeragg_mm.layers.LightLayerAttention`), or 'base', in which it attends to each block before it
            in its stage (:class:`~layeragg_mm.layers.BaseLayerAttention`). The first released base form is
            ``variant='base', deep_stem=True, mrla_act_cfg=dict(type='ReLU')``.
        attention: channel attention before the shortcut's sum: None, 'se', 'eca', or connected, 'dca_gc' and its kind
            (:class:`~layeragg_mm.backbones.DCAResNet`).
        channels_per_head: channels of an attention head; default 32 (light) or 16 (base).
        mrla_act_cfg: activation after the attention's norm; base only.
        drop_path_rate: stochastic depth of the layer attention; rises linearly from 0 at the first block to this rate
            at the last.
        zero_init_mrla: start the scale of the norm after the attention at zero: the network starts as the plain ResNet.
            False is the published start (scale 1). Default: True, but with ``mrla_act_cfg`` False, since behind
            a ReLU a scale of zero would never learn.
        kwargs: the arguments of MMDetection's ResNet (``out_indices``, ``frozen_stages``, ``norm_cfg``, ``norm_eval``,
            ``with_cp``, ``dcn``, ``plugins``, ``deep_stem``, ``avg_down``, ``init_cfg``, ...).

    Raises:
        ValueError: an argument that is not available; the message lists what is.
    """

    variants = {'light': (LightLayerAttention, light_step), 'base': (BaseLayerAttention, base_step)}
    aggregation_of_blocks = 'mrla'
    state_of_stages = True
    translate_released = staticmethod(translate_mrla)

    def __init__(self,
                 depth: int,
                 *,
                 variant: str = 'light',
                 attention: str | None = None,
                 channels_per_head: int | None = None,
                 mrla_act_cfg: dict | None = None,
                 drop_path_rate: float = 0.,
                 zero_init_mrla: bool | None = None,
                 **kwargs) -> None:
        one_of('variant', variant, list(self.variants))
        if mrla_act_cfg is not None:
            one_of('with mrla_act_cfg, variant', variant, ['base'])
        super().__init__(depth, attention, **kwargs)
        if zero_init_mrla is None:
            zero_init_mrla = mrla_act_cfg is None
        options = dict(norm=norm_builder(self.norm_cfg), zero_init=zero_init_mrla)
        if channels_per_head is not None:
            options['channels_per_head'] = channels_per_head
        attention_class, self.step = self.variants[variant]
        blocks = [block for stage in self.stages for block in stage]
        rates = torch.linspace(0, drop_path_rate, len(blocks), device='cpu').tolist()
        for block, rate in zip(blocks, rates):
            if mrla_act_cfg is not None:
                options['act'] = build_activation_layer(mrla_act_cfg)
            block.mrla = attention_class(adapter_of(block).ports(block).channels, drop_path_rate=rate, **options)
        self._freeze_stages()  # of the attention too
