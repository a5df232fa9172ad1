"""Attention of OpenMMLab's transformers for maps of any size: the same weights, in operators whose sizes are traced."""
import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ['Heads', 'Windows', 'with_heads']


class Heads(nn.Module):
    """Multi-head attention without masks, as ``torch.nn.MultiheadAttention``: of tokens (L, N, C), for any L and N.

    Args:
        attention: torch's, whose queries, keys and values have as many channels.
    """

    def __init__(self, attention: nn.MultiheadAttention) -> None:
        super().__init__()
        self.of = attention

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, None]:
        of, heads = self.of, []
        biases = (None,) * 3 if of.in_proj_bias is None else of.in_proj_bias.chunk(3)
        for tokens, weight, bias in zip((query, key, value), of.in_proj_weight.chunk(3), biases):
            length, images, _ = tokens.shape
            heads.append(F.linear(tokens, weight, bias).reshape(length, images, of.num_heads, of.head_dim)
                         .permute(1, 2, 0, 3))
        return of.out_proj(F.scaled_dot_product_attention(*heads).permute(2, 0, 1, 3).flatten(2)), None


def with_heads(attention: nn.Module) -> nn.Module:
    """Return the attention of PVT or MiT, whose keys are of a smaller map, with :class:`Heads`."""
    attention.attn = Heads(attention.attn)
    return attention


class Windows(nn.Module):
    """Swin's attention in windows, shifted or not, of tokens (N, H W, C), for any N, H and W.

    Args:
        attention: the ``ShiftWindowMSA`` of MMDetection or MMSegmentation.
    """

    def __init__(self, attention: nn.Module) -> None:
        super().__init__()
        self.of = attention

    def forward(self, query: Tensor, hw_shape: tuple[int, int]) -> Tensor:
        of, side, shift = self.of, self.of.window_size, self.of.shift_size
        (images, length, channels), (height, width), mask = query.shape, hw_shape, None
        x = query.reshape(images, height, width, channels)
        x = F.pad(x, (0, 0, 0, -width % side, 0, -height % side))
        rows, columns = x.shape[1] // side, x.shape[2] // side
        if shift:
            x = x.roll((-shift, -shift), (1, 2))
            mask = self.mask(rows * side, columns * side, x)
        x = of.w_msa(of.window_partition(x).reshape(-1, side * side, channels), mask)
        x = x.reshape(images, rows, columns, side, side, channels).transpose(2, 3)
        x = x.reshape(images, rows * side, columns * side, channels)
        if shift:
            x = x.roll((shift, shift), (1, 2))
        return of.drop(x[:, :height, :width].reshape(images, length, channels))

    def mask(self, height: int, width: int, like: Tensor) -> Tensor:
        """Return what is added to scores, (windows, places, places): -100 between parts that only the shift joined."""
        side, shift = self.of.window_size, self.of.shift_size
        rows, columns = (torch.arange(length, device=like.device) - length for length in (height, width))
        rows, columns = ((place >= -side).to(like.dtype) + (place >= -shift) for place in (rows, columns))
        parts = self.of.window_partition((3 * rows[:, None] + columns)[None, :, :, None]).reshape(-1, side * side)
        return -100 * (parts[:, None] != parts[:, :, None]).to(like.dtype)
