"""Connected attention (DCANet, arXiv 2007.05099) as plain torch modules."""
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .channel_attention import global_average
from .conv_norm import ConvSequential, pixel_norm
from .pooling import adaptive_average

__all__ = ['CONNECTED', 'ConnectedCBAM', 'ConnectedGC', 'ConnectedGE', 'ConnectedSE', 'ConnectedSK']


class ConnectedAttention(nn.Module):
    """An attention module that also reads what the module of the block before made of its map (section 3).

    ``forward(x, state)`` returns the attended map and the state for the next module; the state passes through the whole
    network, across its stages. The first module has none (``previous_channels=None``, ``state=None``), and no
    parameters for what would be done with it.

    Attributes:
        linear_std: deviation of the linear layers' initial weights, without bias; None for torch's own.
    """

    linear_std: float | None = None

    def init_weights(self) -> None:
        """Draw initial weights: Kaiming fan-out for convolutions, 1 and 0 for norms."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode='fan_out', nonlinearity='relu')
            elif isinstance(module, nn.Linear) and self.linear_std is not None:
                nn.init.normal_(module.weight, std=self.linear_std)
                nn.init.zeros_(module.bias)
            elif module is not self and hasattr(module, 'reset_parameters'):
                module.reset_parameters()


def wide_resize(previous_channels: int, channels: int, hidden_channels: int) -> nn.Module:
    """Return ``relu(LN(A p + a))``, from (N, C') to (N, C)."""
    return nn.Sequential(nn.Linear(previous_channels, channels), nn.LayerNorm(channels), nn.ReLU(inplace=True))


def narrow_resize(previous_channels: int, channels: int, hidden_channels: int) -> nn.Module:
    """Return ``relu(LN(A2 relu(LN(A1 p + a1)) + a2))``, from (N, C') through the hidden channels to (N, C)."""
    return nn.Sequential(*wide_resize(previous_channels, hidden_channels, hidden_channels),
                         *wide_resize(hidden_channels, channels, hidden_channels))


RESIZES = {'wide': wide_resize, 'narrow': narrow_resize}


class Connection(nn.Module):
    r"""What two vectors give together: :math:`z = \mathrm{relu}(\mathrm{LN}(w_0 g + w_1 p))`.

    ``w_0`` and ``w_1`` are two numbers for all channels (the paper's 1x1 convolution of the pair). The released bias,
    one number as well, is taken away by LN and not built.

    Args:
        channels: channels C of the current vector g, (N, C).
        resize: makes (N, C) of the previous vector p.
    """

    def __init__(self, channels: int, resize: nn.Module | None = None) -> None:
        super().__init__()
        self.resize = resize or nn.Identity()
        self.weight = nn.Parameter(torch.empty(2))
        self.norm = nn.LayerNorm(channels)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.normal_(self.weight, std=2**.5)  # Kaiming fan-out of the 1x1 convolution

    def forward(self, current: Tensor, previous: Tensor) -> Tensor:
        now, before = self.weight
        return F.relu(self.norm(now * current + before * self.resize(previous)))


def connection(channels: int, previous_channels: int | None, resize: str, hidden_channels: int) -> Connection | None:
    """Return the connection of vectors (N, C') and (N, C), resized where C' and C differ; None in the first module.

    Raises:
        ValueError: ``resize`` is not available; the message lists what is.
    """
    if resize not in RESIZES:
        raise ValueError(f'resize={resize!r} is not available; allowed: {", ".join(map(repr, RESIZES))}')
    if previous_channels is None:
        return None
    if previous_channels == channels:
        return Connection(channels)
    return Connection(channels, RESIZES[resize](previous_channels, channels, hidden_channels))


class ConnectedGE(ConnectedAttention):
    r"""Gather-excite without parameters of its own (GE-theta-minus, arXiv 1810.12348), connected.

    .. math::

        g &= \mathrm{GAP}(x) \qquad z = \mathrm{relu}(\mathrm{LN}(w_0 g + w_1\, \mathrm{resize}(p))) \\
        a &= \mathrm{sigmoid}(z) \qquad y = a x, \quad \text{state: } a g

    Args:
        channels: channels C of ``x`` (N, C, H, W); the state is (N, C).
        previous_channels: those of the state before; None in a network's first module, in which ``z = g``.
        reduction: a narrow resize has C / reduction hidden channels.
        resize: 'wide' or 'narrow', see :func:`wide_resize` and :func:`narrow_resize`.
    """

    def __init__(self, channels: int, previous_channels: int | None = None, *, reduction: int = 16,
                 resize: str = 'wide') -> None:
        super().__init__()
        self.connection = connection(channels, previous_channels, resize, channels // reduction)

    def gate(self, z: Tensor) -> Tensor:
        return z.sigmoid()

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        pooled = global_average(x)
        attention = self.gate(pooled if state is None else self.connection(pooled, state))
        return attention[:, :, None, None] * x, attention * pooled


class ConnectedSE(ConnectedGE):
    r"""Squeeze-and-excitation (arXiv 1709.01507), connected: :class:`ConnectedGE` with a gate that learns.

    .. math::

        a = \mathrm{sigmoid}(W_2\, \mathrm{relu}(W_1 z)), \quad C \to C / r \to C \text{, both with bias}

    Args:
        channels, previous_channels, resize: as in :class:`ConnectedGE`.
        reduction: r, of a narrow resize too.
    """

    def __init__(self, channels: int, previous_channels: int | None = None, *, reduction: int = 16,
                 resize: str = 'wide') -> None:
        super().__init__(channels, previous_channels, reduction=reduction, resize=resize)
        self.fc = nn.Sequential(
            nn.Linear(channels, channels // reduction),
            nn.ReLU(inplace=True),
            nn.Linear(channels // reduction, channels),
            nn.Sigmoid())

    def gate(self, z: Tensor) -> Tensor:
        return self.fc(z)


class ConnectedGC(ConnectedAttention):
    r"""Global context (GCNet, arXiv 1904.11492), connected.

    .. math::

        c &= \textstyle\sum_i \mathrm{softmax}_i(m x_i)\, x_i + w\, \mathrm{resize}(p) \\
        t &= V_2\, \mathrm{relu}(\mathrm{LN}(V_1 c)) \qquad y = x + t, \quad \text{state: } t

    i runs over positions; resize is ``V_2' relu(LN(V_1' p))``, C' to C / r to C. ``w``, one number, and ``V_2`` start
    at zero, so that the module starts as the identity. It is mmcv's ``ContextBlock`` with a connection (but for the
    bias of m, which the softmax takes away).

    Args:
        channels: channels C of ``x`` (N, C, H, W); the state is (N, C).
        previous_channels: those of the state before; None in a network's first module.
        reduction: r.
    """

    def __init__(self, channels: int, previous_channels: int | None = None, *, reduction: int = 16) -> None:
        super().__init__()
        hidden_channels = channels // reduction
        self.mask = nn.Conv2d(channels, 1, 1, bias=False)
        self.transform = context_transform(channels, hidden_channels, channels)
        if previous_channels is not None:
            self.weight = nn.Parameter(torch.empty(1))
            resized = previous_channels != channels
            self.resize = context_transform(previous_channels, hidden_channels, channels) if resized else nn.Identity()
        self.init_weights()

    def init_weights(self) -> None:
        super().init_weights()
        nn.init.kaiming_normal_(self.mask.weight, mode='fan_in', nonlinearity='relu')
        nn.init.zeros_(self.transform[-1].weight)
        nn.init.zeros_(self.transform[-1].bias)
        if hasattr(self, 'weight'):
            nn.init.zeros_(self.weight)

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        attention = self.mask(x).flatten(2).softmax(2)
        context = (x.flatten(2) @ attention.transpose(1, 2)).squeeze(2)
        if state is not None:
            context = context + self.weight * self.resize(state)
        term = self.transform(context)
        return x + term[:, :, None, None], term


def context_transform(in_channels: int, hidden_channels: int, out_channels: int) -> nn.Module:
    return nn.Sequential(
        nn.Linear(in_channels, hidden_channels),
        nn.LayerNorm(hidden_channels),
        nn.ReLU(inplace=True),
        nn.Linear(hidden_channels, out_channels))


class ConnectedCBAM(ConnectedAttention):
    r"""Convolutional block attention (CBAM, arXiv 1807.06521): a channel gate, then a spatial one, both connected.

    See :class:`ChannelGate` and :class:`SpatialGate`. The state is the two gates' maps, each (N, C, H, W).

    Args:
        channels: channels C of ``x`` (N, C, H, W).
        previous_channels: those of the maps before; None in a network's first module.
        reduction: r of the channel gate.
        norm: makes the norm layer for a number of channels.
    """

    def __init__(self, channels: int, previous_channels: int | None = None, *, reduction: int = 16,
                 norm: Callable[[int], nn.Module] = nn.BatchNorm2d) -> None:
        super().__init__()
        self.channel_gate = ChannelGate(channels, previous_channels, reduction=reduction, norm=norm)
        self.spatial_gate = SpatialGate(previous_channels is not None, norm=norm)
        self.init_weights()

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        by_channel, by_place = state or (None, None)
        by_channel = self.channel_gate(x, by_channel)
        by_place = self.spatial_gate(by_channel, by_place)
        return by_place.clone(), (by_channel, by_place)  # a block adds its shortcut in place


class ChannelGate(nn.Module):
    r"""CBAM's gate of channels, connected.

    With P the map that the gate before passed on, through ``relu(norm(conv1x1(P)))`` where its channels differ,

    .. math::

        z_{\mathrm{pool}} &= \mathrm{relu}(\mathrm{LN}(w_0\, \mathrm{pool}(x) + w_1\, \mathrm{pool}(P))) \\
        \mathrm{out} &= \mathrm{sigmoid}(\mathrm{MLP}(z_{\mathrm{avg}}) + \mathrm{MLP}(z_{\mathrm{max}}))\, x

    Weights, LN and MLP (C to C / r to C, with biases) are the same for average and maximum. In ResNets the released 1x1
    convolution has a bias, which the norm takes away.
    """

    def __init__(self, channels: int, previous_channels: int | None, *, reduction: int,
                 norm: Callable[[int], nn.Module]) -> None:
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Linear(channels, channels // reduction),
            nn.ReLU(inplace=True),
            nn.Linear(channels // reduction, channels))
        if previous_channels is not None:
            self.resize = nn.Identity()
            if previous_channels != channels:
                self.resize = ConvSequential(
                    nn.Conv2d(previous_channels, channels, 1, bias=False), norm(channels), nn.ReLU(inplace=True))
            self.connection = Connection(channels)

    def forward(self, x: Tensor, previous: Tensor | None) -> Tensor:
        pooled = pools(x)
        if previous is not None:
            pooled = [self.connection(now, before) for now, before in zip(pooled, pools(self.resize(previous)))]
        average, maximum = pooled
        attention = (self.mlp(average) + self.mlp(maximum)).sigmoid()
        return attention[:, :, None, None] * x


def pools(x: Tensor) -> list[Tensor]:
    """Return average and maximum over positions, each (N, C)."""
    return [global_average(x), x.amax((2, 3))]


class SpatialGate(nn.Module):
    r"""CBAM's gate of positions, connected.

    With m the maximum and the mean over the channels of x, S the map that the gate before passed on, average-pooled to
    the size of x, and ``m(S)`` its maximum and mean,

    .. math::

        m \leftarrow \mathrm{relu}(\mathrm{norm}(p_1 m + p_2\, m(S))) \qquad
        \mathrm{out} = \mathrm{sigmoid}(\mathrm{norm}(\mathrm{conv}_{7 \times 7}(m)))\, x

    ``p_1`` starts at 1, ``p_2`` at 0. The released ResNets start the scale of both norms at 0, which behind the ReLU
    never learns; here it is 1, as in the released MobileNets.

    The released code divides sizes and rounds down, which fails for odd ones: 33 pixels before 17 are not pooled.
    """

    def __init__(self, connected: bool, *, norm: Callable[[int], nn.Module]) -> None:
        super().__init__()
        self.score = ConvSequential(nn.Conv2d(2, 1, 7, padding=3, bias=False), norm(1))
        if isinstance(self.score[1], nn.BatchNorm2d):
            self.score[1].momentum = .01
        if connected:
            self.weight = nn.Parameter(torch.empty(2))
            self.mixed_norm = norm(2)
            self.reset_parameters()

    def reset_parameters(self) -> None:
        if hasattr(self, 'weight'):
            with torch.no_grad():
                self.weight.copy_(torch.tensor([1., 0.]))

    def forward(self, x: Tensor, previous: Tensor | None) -> Tensor:
        profile = channel_profile(x)
        if previous is not None:
            if previous.shape[2:] != x.shape[2:]:
                previous = adaptive_average(previous, x.shape[2:])
            now, before = self.weight
            profile = F.relu(self.mixed_norm(now * profile + before * channel_profile(previous)))
        return self.score(profile).sigmoid() * x


def channel_profile(x: Tensor) -> Tensor:
    """Return maximum and mean over channels, (N, 2, H, W)."""
    return torch.cat([x.amax(1, keepdim=True), x.mean(1, keepdim=True)], 1)


class ConnectedSK(ConnectedAttention):
    r"""Selective kernels (SKNet, arXiv 1903.06586), connected; it stands in the place of a 3x3 convolution.

    With ``x_1`` the result of that convolution, norm and activation, and ``x_2`` that of a second one with twice the
    dilation, a connection for each (as in :class:`ConnectedGE`) and c running over both branches,

    .. math::

        z_c &= \mathrm{relu}(\mathrm{LN}(w_{c0}\, \mathrm{GAP}(x_c) + w_{c1}\, \mathrm{resize}_c(p_c))) \\
        a &= \mathrm{softmax}_c(F_2\, \mathrm{relu}(\mathrm{norm}(F_1 (z_1 + z_2)))) \qquad y = a_1 x_1 + a_2 x_2

    ``F_1`` and ``F_2`` are C to C / r to 2 C, without bias. The state is ``a_c GAP(x_c)`` of both branches, or in the
    released MobileNetV2 ``a`` itself. The norm behind ``F_1`` sees one number a channel and image: a batch norm that
    uses the batch's statistics (``norm_eval=False``) needs two images or more, and any other norm is LN there.

    Args:
        channels: channels C of ``x`` (N, C, H, W); the state is two (N, C).
        previous_channels: those of the state before; None in a network's first module.
        stride, groups: of the convolutions.
        dilation: of the first one.
        reduction: r, of a narrow resize too.
        resize: 'wide' or 'narrow'.
        passes_weights: whether the state is ``a``.
        norm: makes the norm layer for a number of channels.
        act: makes the activation of the second branch.
    """

    def __init__(self, channels: int, previous_channels: int | None = None, *, stride: int = 1, dilation: int = 1,
                 groups: int = 1, reduction: int = 16, resize: str = 'wide', passes_weights: bool = False,
                 norm: Callable[[int], nn.Module] = nn.BatchNorm2d,
                 act: Callable[[], nn.Module] = nn.ReLU) -> None:
        super().__init__()
        hidden_channels = channels // reduction
        self.passes_weights = passes_weights
        self.dilated = ConvSequential(
            nn.Conv2d(channels, channels, 3, stride=stride, padding=2 * dilation, dilation=2 * dilation, groups=groups,
                      bias=False),
            norm(channels),
            act())
        self.fc = nn.Sequential(
            nn.Conv2d(channels, hidden_channels, 1, bias=False),
            pixel_norm(norm, hidden_channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(hidden_channels, 2 * channels, 1, bias=False))
        if previous_channels is not None:
            self.connections = nn.ModuleList(
                connection(channels, previous_channels, resize, hidden_channels) for _ in range(2))
        self.init_weights()

    def forward(self, x: Tensor, first: Tensor, state: tuple[Tensor, Tensor] | None = None):
        """Return y and the state, for the input ``x`` of the convolutions and the first one's result ``first``."""
        branches = first, self.dilated(x)
        pooled = [global_average(branch) for branch in branches]
        mixed = pooled
        if state is not None:
            mixed = [connect(now, before) for connect, now, before in zip(self.connections, pooled, state)]
        scores = self.fc(sum(mixed)[:, :, None, None])
        weights = scores.unflatten(1, (2, -1)).softmax(1).unbind(1)
        out = weights[0] * branches[0] + weights[1] * branches[1]
        weights = [weight.flatten(1) for weight in weights]
        if self.passes_weights:
            return out, tuple(weights)
        return out, tuple(weight * branch for weight, branch in zip(weights, pooled))


#: The modules that attend to a block's map before the shortcut's sum, by their short name.
CONNECTED = {'gc': ConnectedGC, 'se': ConnectedSE, 'ge': ConnectedGE, 'cbam': ConnectedCBAM}
