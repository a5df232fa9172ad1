"""Vision transformer with multi-head recurrent layer attention after each block; needs MMSegmentation."""
import re
from functools import partial

import torch
from mmcv.cnn.bricks import DropPath
from mmengine.registry import MODELS
from mmseg.models.backbones.vit import VisionTransformer
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from ..checkpoints import ReleasedCheckpointMixin, translate_vision_transformer
from ..layers import BaseTokenAttention, LightTokenAttention
from ..layers.mrla_tokens import as_map
from .arguments import check_rate, norm_builder, one_of

__all__ = ['MRLAVisionTransformer']


@MODELS.register_module()
class MRLAVisionTransformer(ReleasedCheckpointMixin, VisionTransformer):
    """Vision transformer (DeiT) with multi-head recurrent layer attention (MRLA, ICLR 2023, arXiv 2302.03985).

    Extends MMSegmentation's VisionTransformer and keeps its arguments and parameter names; what DeiT needs is the
    default. DeiT's, timm's and the authors' checkpoints load as they are, their position embedding interpolated to
    ``img_size``. Images may have any size, and their patches need not form a square. Blocks beyond the last output are
    not built. What the paper adds is in ``layers[i].mrla``, a :class:`~layeragg_mm.layers.LightTokenAttention` or
    :class:`~layeragg_mm.layers.BaseTokenAttention`.

    Args:
        variant: 'light', in which a block attends to the earlier ones through its input, or 'base', in which it attends
            to each block before it in its history, which starts anew every four blocks.
        embed_dims: channels C; DeiT tiny, small and base have 192, 384 and 768, with 3, 6 and 12 ``num_heads``.
        channels_per_head: channels of a head of the layer attention.
        drop_path_rate: stochastic depth of a block's attention and MLP, not of the layer attention. Light: rises
            linearly from 0 at the first block to this rate at the last. Base: every block's (published: 0.1).
        frozen_stages: -1 freezes nothing, 0 the embedding of patches and positions, i the first i blocks too.
        zero_init_mrla: start the norm before the layer attention, and lambda, at zero: the network starts as the plain
            transformer. False is the published start.
        kwargs: the arguments of MMSegmentation's VisionTransformer (``img_size``, ``num_layers``, ``num_heads``,
            ``out_indices``, ``with_cls_token``, ``norm_eval``, ``with_cp``, ``init_cfg``, ...).

    Raises:
        ValueError: an argument that is not available; the message lists what is.
    """

    variants = {'light': LightTokenAttention, 'base': BaseTokenAttention}
    history = 4  # blocks
    trunk_keys = re.compile(r'cls_token|pos_embed|patch_embed\.|ln|layers\.\d+\.(ln[12]|attn|ffn)\.')

    def __init__(self,
                 *,
                 variant: str = 'light',
                 embed_dims: int = 768,
                 channels_per_head: int = 16,
                 drop_path_rate: float = 0.,
                 norm_cfg: dict = dict(type='LN', eps=1e-6),  # noqa: B006
                 patch_bias: bool = True,
                 final_norm: bool = True,
                 frozen_stages: int = -1,
                 zero_init_mrla: bool = True,
                 **kwargs) -> None:
        one_of('variant', variant, list(self.variants))
        check_rate('drop_path_rate', drop_path_rate)
        super().__init__(embed_dims=embed_dims, norm_cfg=norm_cfg, patch_bias=patch_bias, final_norm=final_norm,
                         **kwargs)
        count = len(self.layers)
        for index in self.out_indices:
            one_of('out_indices', index, range(count))
        self.variant, self.frozen_stages = variant, frozen_stages
        if max(self.out_indices) < count - 1:
            self.layers = self.layers[:max(self.out_indices) + 1]
            if final_norm:
                delattr(self, self.norm1_name)
                self.final_norm = False
        one_of('frozen_stages', frozen_stages, range(-1, len(self.layers) + 1))
        rates = torch.linspace(0, drop_path_rate, count, device='cpu').tolist()
        for layer, rate in zip(self.layers, rates if variant == 'light' else [drop_path_rate] * count):
            layer.with_cp = False  # the step is checkpointed, which the layer is part of
            # MMSegmentation has it on the MLP alone.
            layer.attn.dropout_layer = layer.ffn.dropout_layer = DropPath(rate) if rate else nn.Identity()
            layer.mrla = self.variants[variant](embed_dims, channels_per_head=channels_per_head,
                                                norm=norm_builder(norm_cfg), zero_init=zero_init_mrla)
        self._freeze()
        self._freeze_stages()

    @property
    def out_channels(self) -> tuple[int, ...]:
        """Channels of each output."""
        return (self.patch_embed.embed_dims, ) * len(self.out_strides)

    @property
    def out_strides(self) -> tuple[int, ...]:
        """Stride of each output: input pixels per step."""
        return (self.patch_size, ) * (len(self.out_indices) + self.out_origin)

    def init_weights(self) -> None:
        super().init_weights()
        if self.init_cfg is None:  # MMSegmentation draws all layers of a kind alike
            for layer in self.layers:
                layer.mrla.init_weights()

    def forward(self, inputs: Tensor) -> tuple[Tensor, ...]:
        """Return the maps of ``out_indices`` for images (N, 3, H, W), each (N, C, h, w).

        With ``output_cls_token`` a map comes with its class token, ``[map, (N, C)]``.
        """
        x, size = self.patch_embed(inputs)
        x = torch.cat([self.cls_token.expand(x.shape[0], -1, -1), x], 1)
        x = self._pos_embeding(x, size, self.pos_embed)
        if not self.with_cls_token:
            x = x[:, 1:]
        if self.pre_norm:
            x = self.pre_ln(x)
        outs, history = [self._output(x, size)] if self.out_origin else [], ()
        for i, layer in enumerate(self.layers):
            step = partial(self._step, layer, size)
            if self.with_cp and x.requires_grad:
                step = partial(checkpoint, step, use_reentrant=False)
            x, history = step(x, history if i % self.history else ())
            if i == len(self.layers) - 1 and self.final_norm:
                x = self.norm1(x)
            if i in self.out_indices:
                outs.append(self._output(x, size))
        return tuple(outs)

    def _step(self, layer: nn.Module, size: tuple[int, int], x: Tensor, history: tuple) -> tuple[Tensor, tuple]:
        out = layer(x)
        if self.variant == 'light':
            return layer.mrla(out, x, size), ()
        return layer.mrla(out, history, size)

    def _output(self, x: Tensor, size: tuple[int, int]) -> Tensor | list[Tensor]:
        patches = as_map(x[:, x.shape[1] - size[0] * size[1]:], size).contiguous()
        return [patches, x[:, 0]] if self.output_cls_token else patches

    def translate_released(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        state = translate_vision_transformer(state)
        if len(self.layers) <= max((int(key.split('.')[1]) for key in state if key.startswith('layers.')), default=0):
            built = tuple(f'layers.{i}.' for i in range(len(self.layers)))
            state = {key: value for key, value in state.items()
                     if not key.startswith(('layers.', 'ln1.')) or key.startswith(built)}
        embedding = state.get('pos_embed')
        if embedding is not None and embedding.ndim == 3 and embedding.shape[1] != self.pos_embed.shape[1]:
            side = round((embedding.shape[1] - 1)**.5)
            if side * side == embedding.shape[1] - 1:
                size = [length // self.patch_size for length in self.img_size]
                state['pos_embed'] = self.resize_pos_embed(embedding, size, (side, side), self.interpolate_mode)
        return state

    def _freeze_stages(self) -> None:
        if self.frozen_stages >= 0:
            self.patch_embed.eval()
            for parameter in (*self.patch_embed.parameters(), self.cls_token, self.pos_embed):
                parameter.requires_grad = False
        for layer in self.layers[:max(self.frozen_stages, 0)]:
            layer.eval().requires_grad_(False)

    def train(self, mode: bool = True) -> 'MRLAVisionTransformer':
        super().train(mode)  # which returns nothing
        self._freeze_stages()
        return self
