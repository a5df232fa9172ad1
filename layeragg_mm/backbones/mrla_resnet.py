"""ResNet with layer attention after each block: MRLA, dynamic or key-correlated."""
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from mmcv.cnn import build_activation_layer
from mmengine.model import ModuleList
from mmengine.registry import MODELS
from torch import nn

from ..adapters import adapter_of, base_step, dynamic_step, key_correlated_step, light_step
from ..checkpoints import translate_dynamic, translate_key_correlated, translate_mrla
from ..layers import BaseLayerAttention, DynamicLayerAttention, KeyCorrelatedLayerAttention, LightLayerAttention
from .aggregation_resnet import AggregationResNet
from .arguments import check_rate, norm_builder, one_of

__all__ = ['MRLAResNet']


class Variant(NamedTuple):
    """A form of layer attention, what is done at each block, and how a released checkpoint of it is read."""
    attention: type[nn.Module]
    step: Callable
    translate: Callable


@MODELS.register_module()
class MRLAResNet(AggregationResNet):
    """ResNet with multi-head recurrent layer attention (MRLA, ICLR 2023, arXiv 2302.03985) or what has come of it.

    Extends MMDetection's ResNet and keeps its arguments and parameter names, so that a plain ResNet checkpoint
    (``torchvision://resnet50``) starts the trunk; the authors' released checkpoints load as they are.

    Args:
        depth: 18, 34, 50, 101 or 152; 18 and 34 are ours, the papers have bottlenecks only.
        variant: 'light', in which a layer attends to the earlier ones through its shortcut
            (:class:`~layeragg_mm.layers.LightLayerAttention`), or 'base', in which it attends to each block before it
            in its stage (:class:`~layeragg_mm.layers.BaseLayerAttention`). The first released base form is
            ``variant='base', deep_stem=True, mrla_act_cfg=dict(type='ReLU')``. By other authors: 'dynamic', in which
            the shortcut is renewed first (arXiv 2406.13392, :class:`~layeragg_mm.layers.DynamicLayerAttention`), and
            'key_correlated', in which a layer attends to a mean of all before it, the network's stages through (KCLA,
            arXiv 2606.28405, :class:`~layeragg_mm.layers.KeyCorrelatedLayerAttention`).
        attention: channel attention before the shortcut's sum: None, 'se', 'eca', or connected, 'dca_gc' and its kind
            (:class:`~layeragg_mm.backbones.DCAResNet`).
        channels_per_head: channels of an attention head; default 32 (light, dynamic), 16 (base) or 64 (key_correlated).
        reduction: of the hidden layers in the gated cell; dynamic only, where None is the published 16.
        mrla_act_cfg: activation after the attention's norm; base only.
        drop_path_rate: stochastic depth of the layer attention; rises linearly from 0 at the first block to this rate
            at the last. Of key_correlated, it is every block's (published: 0.2).
        zero_init_mrla: start the scale of the norm after the attention at zero (key_correlated: a scale behind its
            ReLU, which the published network has not): the network starts as the plain ResNet. False is the published
            start (scale 1). Default: True, but with ``mrla_act_cfg`` False, since behind a ReLU a norm's scale of zero
            would never learn.
        kwargs: the arguments of MMDetection's ResNet (``out_indices``, ``frozen_stages``, ``norm_cfg``, ``norm_eval``,
            ``with_cp``, ``dcn``, ``plugins``, ``deep_stem``, ``avg_down``, ``init_cfg``, ...).

    Raises:
        ValueError: an argument that is not available; the message lists what is.
    """

    variants = {
        'light': Variant(LightLayerAttention, light_step, translate_mrla),
        'base': Variant(BaseLayerAttention, base_step, translate_mrla),
        'dynamic': Variant(DynamicLayerAttention, dynamic_step, translate_dynamic),
        'key_correlated': Variant(KeyCorrelatedLayerAttention, key_correlated_step, translate_key_correlated),
    }

    def __init__(self,
                 depth: int,
                 *,
                 variant: str = 'light',
                 attention: str | None = None,
                 channels_per_head: int | None = None,
                 reduction: int | None = None,
                 mrla_act_cfg: dict | None = None,
                 drop_path_rate: float = 0.,
                 zero_init_mrla: bool | None = None,
                 **kwargs) -> None:
        one_of('variant', variant, list(self.variants))
        check_rate('drop_path_rate', drop_path_rate)
        if mrla_act_cfg is not None:
            one_of('with mrla_act_cfg, variant', variant, ['base'])
        if reduction is not None:
            one_of('with reduction, variant', variant, ['dynamic'])
        super().__init__(depth, attention, **kwargs)
        if zero_init_mrla is None:
            zero_init_mrla = mrla_act_cfg is None
        options = dict(norm=norm_builder(self.norm_cfg), zero_init=zero_init_mrla)
        if channels_per_head is not None:
            options['channels_per_head'] = channels_per_head
        if reduction is not None:
            options['reduction'] = reduction
        attention_class, self.step, self.translate_released = self.variants[variant]
        count = sum(map(len, self.stages))
        rates = torch.linspace(0, drop_path_rate, count, device='cpu').tolist()
        if variant == 'dynamic':
            self.aggregation_of_stages, self.state_of_stages = 'mrla', True
            self.mrla = ModuleList(  # mmengine's, which initialises what is in it
                attention_class(self._channels(stage[0]), len(stage),
                                drop_path_rates=[rates.pop(0) for _ in stage], **options) for stage in self.stages)
        else:
            self.aggregation_of_blocks, self.state_of_stages = 'mrla', variant != 'key_correlated'
            if variant == 'key_correlated':
                rates = [drop_path_rate] * count
                self.translate_released = partial(translate_key_correlated, scaled=zero_init_mrla)
            for s, stage in enumerate(self.stages):
                for i, block in enumerate(stage):
                    if mrla_act_cfg is not None:
                        options['act'] = build_activation_layer(mrla_act_cfg)
                    if variant == 'key_correlated':
                        options['state_from'] = self._state_from(s, i)
                    block.mrla = attention_class(self._channels(block), drop_path_rate=rates.pop(0), **options)
        self._freeze_stages()  # of the attention too

    @staticmethod
    def _channels(block: nn.Module) -> int:
        return adapter_of(block).ports(block).channels

    def _state_from(self, stage: int, index: int) -> tuple[int, int] | None:
        """Return channels and stride of the state that block ``index`` of a stage expresses anew, None if none."""
        block = self.stages[stage][index]
        if index == 0 and stage > 0:
            return self._channels(self.stages[stage - 1][0]), adapter_of(block).ports(block).stride
        return (self._channels(block), 1) if index == 11 else None
