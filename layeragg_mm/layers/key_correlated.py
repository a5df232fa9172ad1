"""Key-correlated layer attention (KCLA, arXiv 2606.28405) as a plain torch module."""
import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from .channel_attention import global_average
from .mrla import DropPath, QueryKeyValue, weighted

__all__ = ['KeyCorrelatedLayerAttention']

State = tuple[Tensor, Tensor]  # U (N, C, H, W), the weighted sum of outputs, and Z (N, heads), the sum of weights


class KeyCorrelatedLayerAttention(QueryKeyValue):
    r"""A layer sees the mean of all outputs up to its own, each weighed by its key's size: linear in depth, one map.

    With q and k as in MRLA, ``rho_g`` constants, log-uniform from 0.7 to 1 / 0.7 over the heads, and the state (U, Z),
    which passes from stage to stage and is nothing at first, for each head

    .. math::

        w &= \exp(\min(10, \rho |k|)), \qquad U \leftarrow U + w x, \quad Z \leftarrow Z + w \\
        b &= \mathrm{sigmoid}(H (\langle q, k \rangle / |k|)), \qquad m = U / (Z + 0.001) \\
        \mathrm{out} &= x + \mathrm{drop\_path}(\gamma \cdot \mathrm{relu}(\mathrm{norm}(b \cdot (W_v * m))))

    H mixes the heads. A head whose key is zero, all of its channels being dead, has the score 0 (the published code:
    0 / 0). ``gamma``, one number a channel, is ours; the published form, ``zero_init=False``, is without it.

    Where the map changes (in the published networks: a stage begins, and block 11 of a stage), the state is expressed
    anew before that, as one layer with a key of its own:

    .. math::

        M = \mathrm{norm}_u(T * (U / Z)), \qquad
        Z \leftarrow \exp(\min(10, \rho |W_u \mathrm{gap}(M)|)), \quad U \leftarrow Z M

    T is a 1x1 convolution in as many groups as there are heads; there is none where channels and size stay.

    Args:
        channels: channels C of ``x``, (N, C, H, W).
        state_from: the state's channels before this block, and the stride from its map to ``x``, where the state is to
            be expressed anew; None where it is taken as it is.
        channels_per_head: channels that share one weight; must divide C.
        norm: makes the norm layer for a number of channels.
        drop_path_rate: probability with which the attention is left out for an image in training.
        zero_init: start with ``gamma`` at zero, so that the module starts as the identity and learns from there (a
            norm's scale of zero would not, behind the ReLU).

    Raises:
        ValueError: C is not a multiple of ``channels_per_head``.
    """

    def __init__(self,
                 channels: int,
                 *,
                 state_from: tuple[int, int] | None = None,
                 channels_per_head: int = 64,
                 norm: Callable[[int], nn.Module] = nn.BatchNorm2d,
                 drop_path_rate: float = 0.,
                 zero_init: bool = True) -> None:
        super().__init__(channels, channels_per_head=channels_per_head)
        heads = channels // channels_per_head
        self.rho = [.7**(1 - 2 * g / max(heads - 1, 1)) for g in range(heads)]
        self.mix = nn.Linear(heads, heads, bias=False)
        self.norm = norm(channels)
        self.scale = nn.Parameter(torch.empty(channels, 1, 1)) if zero_init else None
        self.drop_path = DropPath(drop_path_rate) if drop_path_rate else nn.Identity()
        self.state_key = self.state_norm = self.state_conv = None
        if state_from is not None:
            kernel_size = self.key.kernel_size[0]
            self.state_key = nn.Conv1d(1, 1, kernel_size, padding=kernel_size // 2, bias=False)
            self.state_norm = norm(channels)
            if state_from != (channels, 1):
                self.state_conv = nn.Conv2d(
                    state_from[0], channels, 1, stride=state_from[1], groups=math.gcd(heads, state_from[0]), bias=False)
        self.init_weights()

    def init_weights(self) -> None:
        """Draw initial weights: keys and queries Xavier, maps Kaiming fan-out."""
        for layer in filter(None, (self.query, self.key, self.state_key, self.mix)):
            nn.init.xavier_uniform_(layer.weight)
        for layer in filter(None, (self.value, self.state_conv)):
            nn.init.kaiming_normal_(layer.weight, mode='fan_out', nonlinearity='relu')
        for layer in filter(None, (self.norm, self.state_norm)):
            nn.init.ones_(layer.weight)
            nn.init.zeros_(layer.bias)
        if self.scale is not None:
            nn.init.zeros_(self.scale)

    def weight(self, key: Tensor) -> Tensor:
        """Return the weights (N, heads) of layers by their keys (N, heads, channels per head); in float32 at least."""
        key = key.to(torch.promote_types(key.dtype, torch.float32))
        rho = torch.tensor(self.rho, dtype=key.dtype, device=key.device)
        return (rho * key.norm(dim=-1)).clamp(max=10).exp()

    def express_anew(self, state: State, dtype: torch.dtype) -> State:
        """Return the state as that of one layer with this block's map."""
        total, weights = state
        mean = weighted(weights.reciprocal(), total).to(dtype)
        mean = self.state_norm(mean if self.state_conv is None else self.state_conv(mean))
        key = self.state_key(global_average(mean)[:, None])[:, 0].unflatten(1, (-1, self.channels_per_head))
        weights = self.weight(key)
        return weighted(weights, mean), weights

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Return the output for a block's output ``x`` (N, C, H, W), and the state for the next block."""
        query, key = self.query_and_key(x)
        weights = self.weight(key)
        total = weighted(weights, x)
        if state is not None:
            if self.state_key is not None:
                state = self.express_anew(state, x.dtype)
            total, weights = state[0] + total, state[1] + weights
        mean = weighted((weights + .001).reciprocal(), total).to(x.dtype)
        size = key.norm(dim=-1)
        score = (query * key).sum(-1) / size.where(size > 0, 1)
        attended = self.norm(weighted(self.mix(score).sigmoid(), self.value(mean))).relu()
        return x + self.drop_path(attended if self.scale is None else self.scale * attended), (total, weights)
