"""Checks of VOC's annotation files, one XML for each image, before MMDetection reads them."""
import os
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from ..errors import InputError, lying_there
from ..words import some

__all__ = ['check_xml_files', 'is_plain_voc']

CORNERS = 'xmin', 'ymin', 'xmax', 'ymax'


def is_plain_voc(reader: type) -> bool:
    """Tell whether a data set class reads files as MMDetection's XMLDataset (VOC's) does."""
    from mmdet.datasets import XMLDataset  # late, as in checks.py

    return (issubclass(reader, XMLDataset) and reader.load_data_list is XMLDataset.load_data_list
            and reader.parse_data_info is XMLDataset.parse_data_info
            and reader._parse_instance_info is XMLDataset._parse_instance_info)


def check_xml_files(path: str, node: dict, reader: type) -> None:
    """Raise an :class:`InputError` unless MMDetection can read the XML of each image that a data set lists.

    What it would fail at, or take for a box of negative size, is told with the file. Objects of other classes than the
    config's are left out, as it leaves them out; but not all of them.

    Args:
        path: of the data set's dict in the config.
        node: that dict; its files are local.
        reader: the data set's class.
    """
    root = node.get('data_root') or ''
    ann_file = os.path.join(root, node['ann_file'])
    folder = Path(root, (node.get('data_prefix') or {}).get('sub_data_root', ''), node.get('ann_subdir', 'Annotations'))
    classes = (node.get('metainfo') or {}).get('classes') or reader.METAINFO.get('classes', ())
    found, left_out = 0, Counter()
    for name in listed_in(ann_file):
        file = folder / f'{name}.xml'
        if not file.is_file():
            raise InputError(f'{path}: {ann_file} lists {name!r}, and {file} is not there',
                             f'Check ann_file, data_prefix.sub_data_root and ann_subdir: {lying_there(file)}.')
        for label in labels_in(file, classes):
            found += label in classes
            left_out[label] += label not in classes
    if left_out.total() and not found:
        raise InputError(f'{path}: no object is of the config\'s classes, {some(map(repr, classes))}: the files have '
                         f'{some(map(repr, +left_out))}', 'Set metainfo=dict(classes=(...)) of the data set.')


def listed_in(ann_file: str) -> list[str]:
    try:
        return Path(ann_file).read_text('utf-8').splitlines()
    except UnicodeDecodeError as error:
        raise InputError(f'{ann_file} is no list of names in UTF-8: {error}', 'Give a text file with one name of an '
                         'image, without its suffix, in each line.') from error


def labels_in(file: Path, classes: tuple[str, ...]) -> list[str]:
    """Return the names of the objects in an XML file, checked as far as MMDetection reads it."""
    try:
        root = ElementTree.parse(file).getroot()
    except (ElementTree.ParseError, LookupError, ValueError) as error:  # the others: of its encoding
        raise InputError(f'{file} is cut short or no XML: {error}', 'Fetch or write the file again.') from error
    if root.find('size') is not None:
        for side in ('width', 'height'):
            number(file, root, f'size/{side}', int)
    labels = []
    for position, entry in enumerate(root.findall('object')):
        labels.append(text(file, entry, 'name', f'object {position}'))
        if labels[-1] not in classes:
            continue
        if entry.find('difficult') is not None:
            number(file, entry, 'difficult', int, f'object {position}')
        left, top, right, bottom = (number(file, entry, f'bndbox/{corner}', float, f'object {position}')
                                    for corner in CORNERS)
        if right < left or bottom < top:
            raise InputError(f'{file}: object {position} has the box {left:g}, {top:g} to {right:g}, {bottom:g}, of '
                             'negative width or height', 'VOC\'s boxes are xmin, ymin, xmax, ymax.')
    return labels


def text(file: Path, entry: ElementTree.Element, key: str, place: str = 'the file') -> str:
    found = entry.find(key)
    if found is None or not found.text:
        raise InputError(f'{file}: {place} has no {key}', 'Write it, or leave the object or the image out.')
    return found.text


def number(file: Path, entry: ElementTree.Element, key: str, kind: Callable, place: str = 'the file') -> float:
    written = text(file, entry, key, place)
    try:
        return int(kind(written))  # as MMDetection; not of NaN or infinity
    except (ValueError, OverflowError) as error:
        raise InputError(f'{file}: {place} has {key} {written!r}, which is no {"whole " * (kind is int)}number',
                         'Correct it.') from error
