"""Dynamic layer attention, light form (IJCAI 2024, arXiv 2406.13392), as plain torch modules."""
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from .channel_attention import global_average
from .mrla import LightLayerAttention

__all__ = ['DynamicLayerAttention', 'GatedCell']

State = tuple[Tensor, Tensor]  # s and c of a gated cell


class GatedCell(nn.Module):
    r"""A recurrent cell without an output gate, which reads what it remembers through a narrow layer.

    For a vector z and the state (s, c), which is zero at first, all (N, C):

    .. math::

        i, f, g &= \mathrm{split}(A z + B s) \\
        c' &= \mathrm{sigmoid}(f) \cdot c + \mathrm{sigmoid}(i) \cdot \tanh(g), \qquad s' = \mathrm{sigmoid}(c')

    A and B are ``C -> C / reduction -> 3 C``, linear with biases and a ReLU between.

    Args:
        channels: C.
        reduction: how much narrower the hidden layers of A and B are.
    """

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        self.from_input = _narrow(channels, reduction)
        self.from_state = _narrow(channels, reduction)

    def forward(self, z: Tensor, state: State | None = None) -> State:
        s, c = state or (torch.zeros_like(z), torch.zeros_like(z))
        i, f, g = (self.from_input(z) + self.from_state(s)).chunk(3, 1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return c.sigmoid(), c


def _narrow(channels: int, reduction: int) -> nn.Sequential:
    hidden = max(channels // reduction, 1)
    return nn.Sequential(nn.Linear(channels, hidden), nn.ReLU(), nn.Linear(hidden, 3 * channels))


class DynamicLayerAttention(nn.Module):
    r"""Dynamic layer attention of one stage: what a layer attends to is first renewed by what later layers know.

    A gated cell D (:class:`GatedCell`) and a 3x3 depthwise convolution E without bias are shared by the stage's blocks.
    For a block's output x and its shortcut o, and the stage's state (s, c), zero at first, each image its own,

    .. math::

        (s, c) &\leftarrow D(\mathrm{gap}(x); s, c) \\
        o' &= w \cdot o + E * o, \qquad w = s' \text{ of } D(\mathrm{gap}(o); s, c) \\
        \mathrm{out} &= x + \mathrm{drop\_path}(\mathrm{norm}(a \cdot v + \lambda \cdot o'))

    The last line is :class:`~layeragg_mm.layers.LightLayerAttention` with o' for o; the second step's state is thrown
    away. The authors' code lets every image of a batch use the first image's state, so that a result depends on what
    else is in the batch; here it does not.

    Args:
        channels: channels C of x and o, both (N, C, H, W).
        num_blocks: blocks of the stage.
        reduction: of the cell's hidden layers.
        channels_per_head: as in the light form.
        norm: makes the norm layer for a number of channels.
        drop_path_rates: for each block, the probability with which the attention is left out for an image in training;
            all zero by default.
        zero_init: start with the norms' scales at zero, so that the module starts as the identity; False is the
            published start (scale 1).

    Raises:
        ValueError: C is not a multiple of ``channels_per_head``.
    """

    def __init__(self,
                 channels: int,
                 num_blocks: int,
                 *,
                 reduction: int = 16,
                 channels_per_head: int = 32,
                 norm: Callable[[int], nn.Module] = nn.BatchNorm2d,
                 drop_path_rates: Sequence[float] | None = None,
                 zero_init: bool = True) -> None:
        super().__init__()
        self.cell = GatedCell(channels, reduction)
        self.extract = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
        self.attentions = nn.ModuleList(
            LightLayerAttention(channels, channels_per_head=channels_per_head, norm=norm, drop_path_rate=rate,
                                zero_init=zero_init)
            for rate in drop_path_rates or [0.] * num_blocks)
        self.init_weights()

    def init_weights(self) -> None:
        nn.init.kaiming_normal_(self.extract.weight, mode='fan_out', nonlinearity='relu')
        for attention in self.attentions:
            attention.init_weights()

    def forward(self, index: int, x: Tensor, shortcut: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Return the output for block ``index``, whose output is ``x``, and the state after it."""
        state = self.cell(global_average(x), state)
        weight, _ = self.cell(global_average(shortcut), state)
        renewed = weight[..., None, None] * shortcut + self.extract(shortcut)
        return self.attentions[index](x, renewed), state
