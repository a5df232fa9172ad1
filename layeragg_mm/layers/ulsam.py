"""Ultra-lightweight subspace attention (ULSAM, arXiv 2006.15102, WACV 2020) as a plain torch module."""
import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ['ULSAM']


class ULSAM(nn.Module):
    r"""Attention to places, one map for each of g groups of channels (section 3).

    With v a group of C / g channels, d and e one number a channel, u a 1x1 convolution to one map,

    .. math::

        m &= \mathrm{maxpool}_{3 \times 3}(\mathrm{relu}(\mathrm{BN}(d v + e))) \\
        A &= \mathrm{softmax}_{HW}(\mathrm{relu}(\mathrm{BN}(u m + c))) \qquad \mathrm{out} = v + A v

    The biases e and c, before a norm, are part of its mean here. Batch norm's momentum is torch's 0.1, not the released
    0.9, with which running statistics are nearly the last batch's.

    A sums to 1 over the map: at 100 x 168 pixels the mean gain is 0.006%, which half precision rounds away, and which
    changes with the image's size; train and test at one size. With ``scaled``, the mean of the map is 1 at every size.

    The released layout, ``subspaces.{i}``, loads: its groups are joined.

    Args:
        in_channels: channels C of the input (N, C, H, W), which is also the output's shape.
        groups: g; must divide C. 1, 2, 4, 8 and 16 were published.
        scaled: H W A in the place of A (not published).

    Raises:
        ValueError: ``groups`` does not divide C.
    """

    def __init__(self, in_channels: int, groups: int = 4, *, scaled: bool = False) -> None:
        super().__init__()
        if groups < 1 or in_channels % groups:
            raise ValueError(f'groups={groups} does not divide {in_channels} channels; '
                             f'allowed are the divisors of {in_channels}')
        self.groups = groups
        self.scaled = scaled
        self.depthwise = nn.Sequential(
            nn.Conv2d(in_channels, in_channels, 1, groups=in_channels, bias=False),
            nn.BatchNorm2d(in_channels),
            nn.ReLU(inplace=True))
        self.pointwise = nn.Sequential(
            nn.Conv2d(in_channels, groups, 1, groups=groups, bias=False), nn.BatchNorm2d(groups), nn.ReLU(inplace=True))

    def attention(self, x: Tensor) -> Tensor:
        """Return the groups' maps A, (N, g, H, W), in float32 at least."""
        maps = self.pointwise(F.max_pool2d(self.depthwise(x), 3, stride=1, padding=1))
        maps = maps.to(torch.promote_types(maps.dtype, torch.float32))
        attention = maps.flatten(2).softmax(2).view_as(maps)
        return attention * (maps.shape[2] * maps.shape[3]) if self.scaled else attention

    def forward(self, x: Tensor) -> Tensor:
        attention = self.attention(x)
        groups = x.unflatten(1, (self.groups, -1))
        return (groups * (1 + attention[:, :, None])).flatten(1, 2).to(x.dtype)

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *args) -> None:
        if f'{prefix}subspaces.0.conv_dws.weight' in state_dict:
            self._join_subspaces(state_dict, prefix)
        super()._load_from_state_dict(state_dict, prefix, *args)

    def _join_subspaces(self, state_dict: dict, prefix: str) -> None:
        """Replace ``subspaces.{i}.{conv_dws,bn_dws,conv_point,bn_point}`` by the weights of all groups."""
        for part, name in (('depthwise', 'dws'), ('pointwise', 'point')):
            bias = self._pop_subspaces(state_dict, prefix, f'conv_{name}.bias')
            for released, ours in [('conv', '0.weight'), ('bn', '1.weight'), ('bn', '1.bias'),
                                   ('bn', '1.running_mean'), ('bn', '1.running_var')]:
                joined = self._pop_subspaces(state_dict, prefix, f'{released}_{name}.{ours[2:]}')
                state_dict[f'{prefix}{part}.{ours}'] = joined - bias if ours == '1.running_mean' else joined
            counts = self._pop_subspaces(state_dict, prefix, f'bn_{name}.num_batches_tracked')
            state_dict[f'{prefix}{part}.1.num_batches_tracked'] = counts[0]

    def _pop_subspaces(self, state_dict: dict, prefix: str, name: str) -> Tensor:
        parts = [state_dict.pop(f'{prefix}subspaces.{i}.{name}') for i in range(self.groups)]
        return torch.cat([part.reshape(-1) if part.ndim == 0 else part for part in parts])
