"""The Markdown tables of published numbers in the documentation, made from the metafiles."""
from collections.abc import Sequence
from pathlib import Path

from .published import PublishedDetector, published_detectors

__all__ = ['markdown', 'outdated_documents', 'replace_table']

CAPTION = ('Published on COCO val2017, in per cent, not measured here: by the authors of RLA and CenterNet, the plain '
           'ResNets by MMDetection.')


def outdated_documents(root: Path) -> dict[Path, str]:
    """Return the documents below ``root`` whose tables differ from the metafiles, each with its text as it should be.

    The tables stand between ``<!-- published:begin -->`` and ``<!-- published:end -->``.
    """
    outdated = {}
    for name, content in ('README.md', gain_table()), ('docs/detection.md', config_table()):
        text = (root / name).read_text()
        if text != (new := replace_table(text, content, 'published')):
            outdated[root / name] = new
    return outdated


def replace_table(text: str, content: str, name: str) -> str:
    """Return a document's text with ``content`` between the marks ``<!-- NAME:begin -->`` and ``<!-- NAME:end -->``."""
    begin, end = f'<!-- {name}:begin -->', f'<!-- {name}:end -->'
    before, rest = text.split(begin)
    _, after = rest.split(end)
    return f'{before}{begin}\n{content}\n{end}{after}'


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    return '\n'.join(f'| {" | ".join(row)} |' for row in (header, ['---'] * len(header), *rows))


def gain_table() -> str:
    """Return box AP by backbone and detector, with the gain over the same detector with a plain ResNet."""
    detectors = published_detectors()
    rows = {}
    for detector in detectors.values():
        if detector.metrics:
            text = _number(detector, 'box AP')
            if detector.baseline:
                text += f' ({detector.metrics["box AP"] - detectors[detector.baseline].metrics["box AP"]:+.1f})'
            rows.setdefault(detector.backbone, {})[detector.detector] = text
    kinds = list(dict.fromkeys(detector.detector for detector in detectors.values() if detector.metrics))
    table = markdown(['box AP', *kinds],
                     [[backbone, *(row.get(kind, '') for kind in kinds)] for backbone, row in rows.items()])
    return f'{CAPTION} In brackets: the gain over the plain ResNet.\n\n{table}'


def config_table() -> str:
    """Return every config with what was published of it."""
    rows = []
    for detector in published_detectors().values():
        metrics = [_number(detector, name) for name in ('box AP', 'box AP50', 'box AP75', 'mask AP')]
        link = f'[{detector.released}]({detector.weights or detector.page})' if detector.released else ''
        rows.append([f'[{detector.name}](../configs/{detector.name}.py)', detector.backbone, *metrics, link])
    table = markdown(['config', 'backbone', 'box AP', 'AP50', 'AP75', 'mask AP', 'released checkpoint'], rows)
    return f'{CAPTION}\n\n{table}'


def _number(detector: PublishedDetector, name: str) -> str:
    return f'{detector.metrics[name]:.1f}' if name in detector.metrics else ''
