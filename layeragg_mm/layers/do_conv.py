"""DO-Conv: a convolution whose kernel is the product of two learned tensors (arXiv 2006.12030)."""
import math

import torch
from torch import Tensor, nn

from ..errors import InputError
from .forms import replaceable

__all__ = ['DOConv2d', 'read_published_do_conv']

PAIRINGS = ('paper', 'released')


class DOConv2d(nn.Conv2d):
    r"""Depthwise over-parameterised convolution (DO-Conv, section 3).

    With ``weight`` W (out, in / groups, M, N), its taps numbered m, s = 1 ... M N, and D (in, M N, M N), zero at first,

    .. math::

        K[o, j, m] = W[o, j, m] + \sum_s D[c, m, s] W[o, j, s]

    is the kernel of a plain convolution, of which :meth:`folded` gives one. D is stored without the identity, so that
    weight decay pulls K to W. A 1x1 kernel has no D. The product is computed in the weights' own precision under
    autocast, as the folded convolution's kernel is.

    A plain convolution's state loads, D becoming zero: the same function. So does the published layout, see
    :func:`read_published_do_conv`.

    Args:
        pairing: which D, that of channel c, meets W[o, j] where there are groups. 'paper': the channel's own,
            j of the group of o. 'released': j of group ``o mod groups``, as in the authors' PyTorch code.
        args, kwargs: those of :class:`torch.nn.Conv2d`.

    Raises:
        ValueError: another pairing.
    """

    def __init__(self, *args, pairing: str = 'paper', **kwargs) -> None:
        if pairing not in PAIRINGS:
            raise ValueError(f'pairing={pairing!r} is not available; allowed: {", ".join(map(repr, PAIRINGS))}')
        super().__init__(*args, **kwargs)
        self.pairing = pairing
        taps = math.prod(self.kernel_size)
        self.D = nn.Parameter(self.weight.new_zeros(self.in_channels, taps, taps)) if taps > 1 else None

    @replaceable
    def kernel(self, weight: Tensor) -> Tensor:
        """Return K for W, both (out, in / groups, M, N)."""
        if self.D is None:
            return weight
        depth = self.D.unflatten(0, (self.groups, -1))
        if self.pairing == 'paper':
            taps = weight.flatten(2).unflatten(0, (self.groups, -1))
            equation = 'gjms,gojs->gojm'
        else:
            taps = weight.flatten(2).unflatten(0, (-1, self.groups))
            equation = 'gjms,ogjs->ogjm'
        with torch.autocast(weight.device.type, enabled=False):
            return weight + torch.einsum(equation, depth, taps).reshape(weight.shape)

    def _conv_forward(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        # Here, since mmcv joins a frozen norm with a convolution by calling this with scaled weights.
        return super()._conv_forward(x, self.kernel(weight), bias)

    @torch.no_grad()
    def folded(self) -> nn.Conv2d:
        """Return the plain convolution that computes the same."""
        conv = nn.Conv2d(self.in_channels, self.out_channels, self.kernel_size, self.stride, self.padding,
                         self.dilation, self.groups, self.bias is not None, self.padding_mode, device='meta')
        conv.weight = nn.Parameter(self.kernel(self.weight))
        conv.bias = self.bias
        return conv.train(self.training)

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *args) -> None:
        read_published_do_conv(self, state_dict, prefix)
        if self.D is not None and f'{prefix}weight' in state_dict:
            state_dict.setdefault(f'{prefix}D', torch.zeros_like(self.D))
        super()._load_from_state_dict(state_dict, prefix, *args)


def read_published_do_conv(conv: nn.Conv2d, state_dict: dict, prefix: str, *_) -> None:
    """Replace the published entries of ``conv`` in a state by ours; the signature is that of torch's hooks.

    Published are W (out, in / groups, M N), D and ``d_diag``, the constant identity. W becomes ``weight``, ``d_diag``
    is dropped; where M N = 1 there is W alone.

    Raises:
        InputError: W is of another depth than M N, or ``d_diag`` no identity.
    """
    weight = state_dict.pop(f'{prefix}W', None)
    if weight is None:
        return
    taps = math.prod(conv.kernel_size)
    if weight.shape != (*conv.weight.shape[:2], taps):
        raise InputError(f'{prefix}W of a DO-Conv checkpoint is {tuple(weight.shape)}, and this layer has '
                         f'{(*conv.weight.shape[:2], taps)}',
                         'Give the checkpoint of this very network; D_mul must be the number of taps, its default.')
    identity = state_dict.pop(f'{prefix}d_diag', None)
    if identity is not None and not torch.equal(identity, torch.eye(taps).to(identity).expand_as(identity)):
        raise InputError(f'{prefix}d_diag of a DO-Conv checkpoint is no identity', 'Add what it has more to D.')
    state_dict[f'{prefix}weight'] = weight.unflatten(2, conv.kernel_size)
