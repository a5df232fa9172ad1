"""The detectors of ``configs`` and what was published of them: one source, the metafiles of ``model-index.yml``."""
from dataclasses import dataclass
from pathlib import Path

from mmengine.fileio import load

from .errors import InputError

__all__ = [
    'TOLERANCE', 'PublishedDetector', 'find_checkpoints', 'find_detector', 'how_to_get', 'published_detectors',
    'verdicts'
]

#: Where configs, tools and model-index.yml lie, in an installed package too.
MIM = Path(__file__).parent / '.mim'

#: Published metrics, in per cent, and what MMDetection's CocoMetric calls them, as fractions.
METRICS = {'box AP': 'bbox_mAP', 'box AP50': 'bbox_mAP_50', 'box AP75': 'bbox_mAP_75', 'mask AP': 'segm_mAP'}

#: A measured AP reproduces the published one if it differs by no more than this many per cent.
TOLERANCE = 0.1

#: What the AP of a checkpoint of MMDetection 0.6 or 1 needs, and what of it today's MMDetection does otherwise.
LEGACY = ('the config has the legacy anchors (corners rounded, one pixel less), box coding, suppression and RoIAlign '
          'of that version, and the file is read as it is (background first). Small differences are left: today\'s '
          'best candidates are pairs of a box and a class, boxes lie half a pixel to the left, their level in the '
          'pyramid goes by a size of one pixel less, and masks are not resized to whole pixels.')


@dataclass(frozen=True)
class PublishedDetector:
    """One model of a metafile.

    Args:
        name: name of the config.
        config: path of the config.
        detector: what tables call the detector, e.g. Faster R-CNN.
        backbone: what tables call the backbone, e.g. RLA-ResNet-50.
        metrics: published on COCO val2017, in per cent, by the names of :data:`METRICS`; empty where nothing was.
        page: address of the authors' page.
        baseline: name of the same detector with a plain ResNet.
        released: name, without extension, under which the detector's checkpoint was released.
        starts_from: name of the ImageNet checkpoint that training starts from.
        weights: address of the detector's checkpoint itself.
        written_by: the version of MMDetection that wrote the checkpoint, where its boxes differ from today's.
    """

    name: str
    config: Path
    detector: str
    backbone: str
    metrics: dict[str, float]
    page: str
    baseline: str | None
    released: str | None
    starts_from: str | None
    weights: str | None
    written_by: str | None


def published_detectors() -> dict[str, PublishedDetector]:
    """Return the detectors by name, in the order of the metafiles."""
    detectors = {}
    for metafile in load(MIM / 'model-index.yml')['Import']:
        content = load(MIM / metafile)
        pages = {collection['Name']: collection['Code']['URL'] for collection in content['Collections']}
        for model in content['Models']:
            metadata, weights, metrics = model['Metadata'], model.get('Weights'), {}
            if 'Detector' not in metadata:  # a network for another task
                continue
            for result in model.get('Results', ()):
                metrics |= result['Metrics']
            detectors[model['Name']] = PublishedDetector(
                model['Name'], MIM / model['Config'], metadata['Detector'], metadata['Backbone'], metrics,
                page=pages[model['In Collection']],
                baseline=metadata.get('Compared With'),
                released=Path(weights).stem if weights else metadata.get('Released'),
                starts_from=metadata.get('Starts From'),
                weights=weights,
                written_by=metadata.get('Written By'))
    return detectors


def find_detector(name: str) -> PublishedDetector:
    """Return the detector called ``name``.

    Raises:
        InputError: there is none; the message lists what there is.
    """
    detectors = published_detectors()
    if name not in detectors:
        raise InputError(f'no detector is called {name}', f'Available: {", ".join(detectors)}.')
    return detectors[name]


def find_checkpoints(folder: str) -> list[tuple[PublishedDetector, Path]]:
    """Return the checkpoints of a folder, each with the detector whose name, or released name, the file has.

    A file that serves two configs (CenterNet's, tested with and without flipping) comes twice.

    Raises:
        InputError: no file has such a name, or a checkpoint (.pth, .pth.tar) has another.
    """
    files = {file.name.removesuffix('.tar').removesuffix('.pth'): file
             for pattern in ('*.pth', '*.pth.tar') for file in sorted(Path(folder).glob(pattern))}
    found = [(detector, files[name]) for detector in published_detectors().values()
             for name in (detector.name, detector.released) if name in files]
    unknown = [file.name for file in files.values() if file not in [file for _, file in found]]
    remedy = ('Name a checkpoint as it was released or as its config, e.g. faster_rcnn_rla_r50.pth; '
              'docs/detection.md lists both.')
    if unknown:
        raise InputError(f'{folder}: no detector is called as {", ".join(unknown)}', remedy)
    if not found:
        raise InputError(f'{folder} holds no checkpoint (*.pth, *.pth.tar)', remedy)
    return found


def how_to_get(detector: PublishedDetector) -> str:
    """Return, in words, what was published of a detector and where its checkpoint comes from."""
    numbers = ', '.join(f'{name} {value:.1f}' for name, value in detector.metrics.items())
    lines = [f'{detector.name} ({detector.detector}, {detector.backbone}): '
             + (f'published {numbers} on COCO val2017' if numbers else 'no result was published')]
    if detector.released:
        lines += [f'checkpoint: {detector.released}, from {detector.weights or detector.page}',
                  f'then: python tools/reproduce.py {detector.name} --checkpoint FILE --data-root DIR']
        if detector.written_by:
            lines.append(f'{detector.written_by} wrote it: {LEGACY}')
    else:
        lines += ['checkpoint: none was released',
                  f'to train one: python tools/train.py configs/{detector.name}.py --data-root DIR --auto-scale-lr']
        if detector.starts_from:
            lines[-1] += ' --cfg-options model.backbone.init_cfg.checkpoint=FILE'
            lines += [f'FILE: the ImageNet checkpoint {detector.starts_from}, from {detector.page}']
    return '\n'.join(lines)


def verdicts(detector: PublishedDetector, measured: dict[str, float]) -> list[list[str]]:
    """Return one row a metric: its name, measured and published value in per cent, difference and verdict.

    Args:
        detector: whose published metrics are compared with.
        measured: what MMDetection's ``CocoMetric`` returned: fractions, rounded to three digits.
    """
    rows = []
    for name, key in METRICS.items():
        if f'coco/{key}' in measured:
            value = 100 * measured[f'coco/{key}']
            row = [name, f'{value:.1f}', 'none', '', 'nothing to compare with']
            if name in detector.metrics:
                published = detector.metrics[name]
                difference = round(value - published, 1)
                verdict = 'reproduced' if abs(difference) <= TOLERANCE else 'NOT reproduced'
                row[2:] = [f'{published:.1f}', f'{difference:+.1f}', verdict]
            rows.append(row)
    return rows
