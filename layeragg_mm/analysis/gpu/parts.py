"""What a GPU's report consists of: parts in the order of their value, each measured by itself."""
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch

from ...backbones.variants import PLAIN
from ...configs import config
from ...fast import FORMS, fast_forms
from ..benchmark import Cost, Entrant, compare
from ..launches import Launches, count_launches
from ..networks import build_backbone, build_detector
from ..parity import Parity, compare_forms
from ..workload import Setting

__all__ = ['DRY_RUN', 'NETWORKS', 'ON_A_GPU', 'Part', 'Scale', 'literal_by_default', 'plan', 'row']

NETWORKS = 'fast_r50', 'resnet50', 'rla_r50', 'mrla_r50', 'mrla_base_r50', 'dla34'
DETECTORS = {'Mask R-CNN': ('mask_rcnn_r50', 'mask_rcnn_mrla_r50'),
             'RetinaNet': ('retinanet_r50', 'retinanet_mrla_r50')}

PARITY_SIZE = 33, 50  # the fewer pixels, the fewer ReLUs that a rounding turns

Findings = Sequence[Cost] | Sequence[Parity] | Mapping[str, Launches]


@dataclass(frozen=True)
class Scale:
    """How large everything is.

    Args:
        device: where.
        size: height and width of the images in pixels.
        batches: images at a time; the goals hold for the first and the last.
        rounds: how often each network is timed.
        networks: backbones that are compared, the baseline first.
        compiled: those that are compiled.
        backend: of torch.compile, in place of its own.
    """

    device: torch.device
    size: tuple[int, int]
    batches: tuple[int, ...]
    rounds: int
    networks: tuple[str, ...] = NETWORKS
    compiled: tuple[str, ...] = NETWORKS
    backend: bool | str = True

    def setting(self, batch: int) -> Setting:
        return Setting(self.device, self.size, batch)


ON_A_GPU = Scale(torch.device('cuda'), (800, 1216), (2, 8, 16), 7)
DRY_RUN = Scale(torch.device('cpu'), (64, 64), (1, 2), 1, ('fast_r50', 'resnet50', 'mrla_r50', 'dla34'),
                ('fast_r50', 'mrla_r50'), 'eager')


@dataclass(frozen=True)
class Part:
    """One part of the report.

    Args:
        name: in the JSON file and of its picture.
        title: its heading.
        kind: 'parity', 'launches', 'costs' or 'memory': what the findings are, and how they are shown.
        measure: takes ``track`` as :func:`compare` does, and returns the findings.
    """

    name: str
    title: str
    kind: str
    measure: Callable[[Callable], Findings]


def plan(scale: Scale) -> list[Part]:
    """Return all parts, the most valuable first."""
    first, *between, last = scale.batches
    sizes = {batch: f'batch {batch}, {scale.size[0]}x{scale.size[1]}' for batch in scale.batches}

    def eager(batch: int) -> Part:
        return Part(f'batch_{batch}', f'Backbones, {sizes[batch]}', 'costs', lambda track: _compare(
            scale, batch, track, _backbones(scale.networks, scale.device)))

    def compiled(batch: int) -> Part:
        return Part(f'compiled_{batch}', f'Backbones through torch.compile, {sizes[batch]}', 'costs',
                    lambda track: _compare(scale, batch, track, _compiled(scale)))

    return [
        Part('parity', 'Parity of the fast forms', 'parity', lambda track: compare_forms(
            Setting(scale.device, PARITY_SIZE), track)),
        Part('launches', 'Operators that are launched, batch 2, 256x256', 'launches', lambda track: _launches(scale)),
        eager(first),
        eager(last),
        *(Part(name.lower().replace(' ', '_').replace('-', ''), f'{name}, {sizes[first]}', 'costs',
               lambda track, names=names: _compare(scale, first, track, _detectors(names, scale.device)))
          for name, names in DETECTORS.items()),
        Part('swin', f'MRLA-light on Swin-T, {sizes[first]}', 'costs', lambda track: _compare(
            scale, first, track, _backbones(('swin_t', 'mrla_swin_t'), scale.device))),
        Part('memory', f'Memory, {sizes[first]}', 'memory', lambda track: _memory(scale, track)),
        compiled(first),
        *map(eager, between),
        compiled(last),
        *map(compiled, between),
    ]


def row(name: str, way: str) -> str:
    """Return what a network is called in the tables: ``row('rla_r50', 'all forms')`` is 'rla_r50, all forms'."""
    return f'{name}, {way}' if way else name


def literal_by_default(device: torch.device) -> bool:
    """Whether no fast form is on by default there."""
    return not any(device.type in form.default for form in FORMS.values())


def _ways(plain: bool, device: torch.device, backbone: bool = True) -> Iterator[tuple[str, dict]]:
    """Yield the ways that a network is run in: its name and an entrant's options; ``plain`` ones have no forms."""
    yield '', {}
    if not plain and not literal_by_default(device):
        yield 'literal', dict(without=tuple(FORMS))
    if not plain:
        yield 'all forms', dict(without=())
    if device.type == 'cuda':
        yield 'graphs', dict(graphs=True)
        if not plain:
            yield 'all forms, graphs', dict(without=(), graphs=True)


def _backbones(names: Sequence[str], device: torch.device) -> list[Entrant]:
    return [Entrant(row(name, way), build_backbone(name), **options)
            for name in names for way, options in _ways(name in PLAIN, device)]


def _compiled(scale: Scale) -> list[Entrant]:
    return [Entrant(row(name, way), build_backbone(name), compiled=backend)
            for name in scale.compiled for way, backend in (('', False), ('compiled', scale.backend))]


def _detectors(names: Sequence[str], device: torch.device) -> list[Entrant]:
    entrants = []
    for name in names:
        for way, options in _ways(name == names[0], device):
            torch.manual_seed(0)  # what an untrained detector finds decides what its heads have to do
            entrants.append(Entrant(row(name, way), build_detector(config(name)), **options))
    return entrants


def _compare(scale: Scale, batch: int, track: Callable, entrants: list[Entrant]) -> list[Cost]:
    return compare(entrants, scale.setting(batch), rounds=scale.rounds, track=track)


def _memory(scale: Scale, track: Callable) -> list[Cost]:
    entrants = [entrant for entrant in _backbones(scale.networks, scale.device) if not entrant.graphs]
    return compare(entrants, scale.setting(scale.batches[0]), rounds=1, largest_batch=scale.device.type == 'cuda',
                   track=track)


def _launches(scale: Scale) -> dict[str, Launches]:
    counts = {}
    for name in scale.networks:
        model = build_backbone(name)
        for way, forms in {'literal': (False,), 'all forms': tuple(FORMS)}.items():
            if way == 'all forms' and name in PLAIN:
                continue
            with fast_forms(*forms):
                counts[name if name in PLAIN else row(name, way)] = count_launches(model)
    return counts
