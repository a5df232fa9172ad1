"""How the layers of a network use earlier ones, measured while images pass through it, and drawn."""
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from torch import Tensor, nn

from ..adapters import Aggregating, BlockAdapter
from ..backbones import MRLAResNet, RLAResNet
from ..errors import InputError
from ..fast.frozen_norm import affine_of_frozen
from ..fast.joint_projection import JointConvs, Pending
from ..layers import (
    BaseLayerAttention,
    BaseTokenAttention,
    LightLayerAttention,
    LightTokenAttention,
    RecurrentAggregation,
)

__all__ = ['AttentionWatch', 'HiddenStateWatch', 'watch_layers']

WATCHED = BaseLayerAttention, BaseTokenAttention, LightLayerAttention, LightTokenAttention
MAX_NUMBERED = 8  # layers of a stage up to which each cell of a heat map tells its number


@contextmanager
def watch_layers(model: nn.Module) -> Iterator['AttentionWatch | HiddenStateWatch']:
    """Watch the backbone of ``model`` while the context lasts; every image that passes it in evaluation mode counts.

    Raises:
        InputError: the backbone has neither layer attention (MRLA, light or base) nor a hidden state (RLA), or it is
            MRLA-light with a norm that is no fixed scale in evaluation (batch norm is).
    """
    for module in model.modules():
        kind = _watch_of(module)
        if kind is not None:
            watch = kind(module)
            try:
                yield watch
            finally:
                watch.stop()
            return
    backbone = getattr(model, 'backbone', model)
    raise InputError(f'{type(backbone).__name__} has no layer attention and no hidden state to look at',
                     'Give a config whose backbone is MRLAResNet (light or base), RLAResNet, RLAResNeXt, or any with '
                     'LightLayerAttention, BaseLayerAttention or RecurrentAggregation attached.')


def _watch_of(module: nn.Module) -> type | None:
    """Return what can watch a module, None if nothing can."""
    if isinstance(module, RLAResNet):
        return HiddenStateWatch
    if isinstance(module, Aggregating) and isinstance(module.aggregation[0], RecurrentAggregation):
        return AttachedStateWatch
    if isinstance(module, (Aggregating, MRLAResNet)) and isinstance(attentions_of(module)[0][0], WATCHED):
        return AttentionWatch
    return None


def attentions_of(backbone: nn.Module) -> list[list[nn.Module | None]]:
    """Return the layer attention of each block, by stage."""
    if isinstance(backbone, Aggregating):
        return [list(stage) if isinstance(stage, nn.ModuleList) else [stage] for stage in backbone.aggregation]
    return [[getattr(block, 'mrla', None) for block in stage] for stage in backbone.stages]


class AttentionWatch:
    r"""The weight with which each layer of an MRLA backbone's stage reads itself and the earlier ones of the stage.

    For MRLA-base, the weight of layer s at layer t is the softmax weight ``a_s``, mean over images and heads.

    For MRLA-light, let the norm be ``z -> g z + b`` and ``o_t`` the shortcut, which is the stage's input (projected)
    before its first layer and the previous layer's output ``out_{t-1}`` before the others. Then

    .. math::

        \mathrm{out}_t &= x_t + g_t (a_t v_t + \lambda_t o_t) + b_t \\
                       &= x_t + b_t + \sum_{s \le t} w_{ts} v_s + \ldots, \qquad
        w_{ts} = g_s a_s \prod_{r=s+1}^{t} g_r \lambda_r

    where the dots are the same products with the other terms of the earlier outputs (``x_s``, ``b_s``, ``o_1``). These
    weights differ by channel, in sign too: what is shown is the mean of :math:`|w_{ts}|` over images and channels. It
    contains only what passes through the attention's own shortcut, not the block's. A network that starts as a plain
    ResNet (``g = 0``) has zero weights.

    Source: Fang et al., arXiv 2302.03985, sections 3.2 and 3.3.
    """

    def __init__(self, backbone: nn.Module) -> None:
        stages = attentions_of(backbone)
        self.light = isinstance(stages[0][0], (LightLayerAttention, LightTokenAttention))
        self.rows = [[[] for _ in stage] for stage in stages]
        record = self._record_light if self.light else self._record_base
        self.hooks = [mrla.register_forward_pre_hook(partial(record, rows, i == 0))
                      for stage, attentions in zip(self.rows, stages)
                      for i, (rows, mrla) in enumerate(zip(stage, attentions))]

    def _record_base(self, rows: list, first: bool, mrla: nn.Module, inputs: tuple) -> None:
        x, history = inputs[0], inputs[1] if len(inputs) > 1 else ()
        if isinstance(mrla, BaseTokenAttention):
            query, key = mrla.query_and_key(mrla.split(x, inputs[2])[1])
            scores = torch.stack([(query * earlier).sum(-1) for earlier in (*(key for key, _ in history), key)])
            weights = (scores / mrla.channels_per_head**.5).softmax(0)
        else:
            weights, _ = mrla.attention(x, history)
        rows.append([weight.mean().item() for weight in weights])

    def _record_light(self, rows: list, first: bool, mrla: nn.Module, inputs: tuple) -> None:
        affine = affine_of_frozen(mrla.norm)
        if affine is None:
            raise InputError('the weights of MRLA-light are products with the scales of its norms, and '
                             f'{type(mrla.norm).__name__} has no fixed one', 'Give a config with batch norm.')
        scale = affine[0]
        passed = (scale * mrla.shortcut_scale.flatten()).abs()
        read = (scale * mrla.attention(inputs[0]).repeat_interleave(mrla.channels_per_head, 1)).abs()
        self.weights = [read] if first else [*(passed * weight for weight in self.weights), read]
        rows.append([weight.mean().item() for weight in self.weights])

    def stop(self) -> None:
        for hook in self.hooks:
            hook.remove()

    @property
    def weights_of_stages(self) -> list[np.ndarray]:
        """A lower triangular matrix (T, T) for each stage of T layers: row t reads column s."""
        matrices = []
        for stage in self.rows:
            if stage[0]:
                matrices.append(np.zeros((len(stage), len(stage))))
                for t, rows in enumerate(stage):
                    matrices[-1][t, :t + 1] = np.mean(rows, 0)
        return matrices

    def save(self, path: Path | str) -> None:
        """Draw a heat map a stage to the picture ``path``."""
        matrices = self.weights_of_stages
        figure = Figure(figsize=(4 * len(matrices) + .8, 4.4), layout='constrained')
        FigureCanvasAgg(figure)
        axes = figure.subplots(1, len(matrices), squeeze=False)[0]
        highest = max(matrix.max() for matrix in matrices) or 1.
        scale = LogNorm(highest * 1e-4, highest, clip=True) if self.light else Normalize(0, 1)
        for number, (axis, matrix) in enumerate(zip(axes, matrices), 1):
            count = len(matrix)
            shown = np.ma.masked_where(np.triu(np.ones_like(matrix), 1) > 0, matrix)
            image = axis.imshow(shown, norm=scale, cmap='viridis')
            ticks = range(0, count, -(-count // 12))
            axis.set(title=f'stage {number}', xlabel='is read: layer s', xticks=ticks, yticks=ticks,
                     xticklabels=[tick + 1 for tick in ticks], yticklabels=[tick + 1 for tick in ticks])
            axis.spines[['top', 'right']].set_visible(False)
            for t, s in np.argwhere(np.tri(count) > 0) if count <= MAX_NUMBERED else ():
                axis.text(s, t, f'{matrix[t, s]:.1e}' if self.light else f'{matrix[t, s]:.2f}', fontsize=8, ha='center',
                          va='center', color='white' if scale(matrix[t, s]) < .6 else 'black')
        axes[0].set_ylabel('reads: layer t')
        figure.colorbar(image, ax=axes, shrink=.8, label=(
            'mean |g a ∏ g λ| over images, channels' if self.light else 'softmax weight, mean over images, heads'))
        images = len(self.rows[0][0])
        figure.suptitle(f'MRLA-{"light" if self.light else "base"}: how each layer of a stage reads the earlier ones; '
                        f'{images} image{"s" if images > 1 else ""}')
        figure.savefig(path, dpi=110)


class HiddenStateWatch:
    """The hidden state h of an RLA backbone along the depth, and what the blocks take from it; means over images.

    ``norms``: for each block that reads a state, by its number from 0 over all stages, the norm of that state, which is
    the one after the block before it: root mean square over channels and places, so that stages of different
    resolution compare.
    ``shares``: for the same blocks ``||W h|| / ||conv1(x)||``, what the first convolution takes from h against what it
    takes from the block's input.

    Source of the network: Zhao et al., arXiv 2110.11852.
    """

    def __init__(self, backbone: RLAResNet) -> None:
        if any(isinstance(module, JointConvs) for module in backbone.modules()):
            raise InputError('blocks of a fused network have no first convolution of their own to compare with',
                             'Give the network before layeragg_mm.fuse.')
        self.backbone, self.own_step = backbone, vars(backbone).get('step')
        self.depths = [len(stage) for stage in backbone.stages]
        self.records = defaultdict(list)
        self.numbers = {block: number for number, block in enumerate(chain(*backbone.stages))}
        backbone.step = partial(self._record, backbone.step)

    def _record(self, step: Callable[..., tuple], adapter: BlockAdapter, block: nn.Module, place: tuple, x: Tensor,
                state: Pending | Tensor | None) -> tuple[Tensor, Pending | Tensor | None]:
        out, after = step(adapter, block, place, x, state)
        hidden = after.hidden if isinstance(after, Pending) else state  # what the block read
        if hidden is not None:
            recurrence, index = place
            norm = hidden.square().mean((1, 2, 3)).sqrt()
            share = recurrence.read(index, hidden).flatten(1).norm(dim=1) / block.conv1(x).flatten(1).norm(dim=1)
            self.records[self.numbers[block]] += zip(norm.tolist(), share.tolist())
        return out, after

    def stop(self) -> None:
        if self.own_step is None:  # it had the class's
            del self.backbone.step
        else:
            self.backbone.step = self.own_step

    @property
    def norms(self) -> dict[int, float]:
        return {number: float(np.mean(record, 0)[0]) for number, record in self.records.items()}

    @property
    def shares(self) -> dict[int, float]:
        return {number: float(np.mean(record, 0)[1]) for number, record in self.records.items()}

    def save(self, path: Path | str) -> None:
        """Draw norm and share along the depth to the picture ``path``."""
        figure = Figure(figsize=(11, 4.4), layout='constrained')
        FigureCanvasAgg(figure)
        left, right = figure.subplots(1, 2)
        left.set(title='norm of the hidden state h', xlabel='after block', ylabel='root mean square of h')
        right.set(title='what the first convolution takes from h', xlabel='block', ylabel='||W h|| / ||conv1(x)||')
        ends = np.cumsum(self.depths)
        # A block reads the state after the one before it, and people count blocks from 1.
        for axis, values, shift in ((left, self.norms, 0), (right, self.shares, 1)):
            axis.plot([number + shift for number in values], list(values.values()), marker='o', ms=4)
            axis.set(xlim=(.5, ends[-1] + .5), ylim=(0, 1.15 * max(values.values()) or 1))
            axis.grid(alpha=.3)
            for stage, (depth, end) in enumerate(zip(self.depths, ends), 1):
                axis.axvline(end + .5, color='grey', lw=.8, ls='--')
                axis.text(end - depth / 2 + .5, .98, f'stage {stage}', transform=axis.get_xaxis_transform(),
                          ha='center', va='top', fontsize=8, color='grey')
        images = len(next(iter(self.records.values()), ()))
        figure.suptitle(f'RLA: the hidden state along the depth; {images} image{"s" if images > 1 else ""}')
        figure.savefig(path, dpi=110)


class AttachedStateWatch(HiddenStateWatch):
    """The same of a network that RLA was attached to; the first convolution is the one that the state is added to."""

    def __init__(self, backbone: Aggregating) -> None:
        self.depths = [len(stage) for stage in backbone.blocks_of_stages]
        self.records, self.hooks, self.steps = defaultdict(list), [], []
        for number, block in enumerate(chain(*backbone.blocks_of_stages)):
            junction, parts = block.forward, []
            self.steps.append((junction, junction.step))
            junction.step = partial(self._record_step, junction.step, number, parts)
            self.hooks.append(junction.first.register_forward_hook(partial(self._keep_parts, junction, parts)))

    @staticmethod
    def _keep_parts(junction, parts: list, layer: nn.Module, inputs: tuple, output: Tensor) -> None:
        if junction.added is not None:
            parts[:] = junction.added, output - junction.added

    def _record_step(self, step: Callable[..., tuple], number: int, parts: list, call, block: nn.Module, place: tuple,
                     x: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor | None]:
        result = step(call, block, place, x, state)
        if state is not None:
            read, own = (part.flatten(1).norm(dim=1) for part in parts)
            self.records[number] += zip(state.square().mean((1, 2, 3)).sqrt().tolist(), (read / own).tolist())
        return result

    def stop(self) -> None:
        for hook in self.hooks:
            hook.remove()
        for junction, step in self.steps:
            junction.step = step
