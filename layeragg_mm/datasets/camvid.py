"""CamVid for MMSegmentation: street scenes, 11 classes."""
from pathlib import Path, PurePosixPath

from mmengine.registry import DATASETS
from mmseg.datasets import BaseSegDataset

from ..errors import InputError

__all__ = ['CamVidBoundaryDataset', 'CamVidDataset']

UNLABELLED = 11
# images, label maps, suffix of the images; relative to data_root, for a split
LAYOUTS = [('img/{split}', 'ann/{split}', '.jpg'), ('{split}', '{split}annot', '.png')]


@DATASETS.register_module()
class CamVidDataset(BaseSegDataset):
    """CamVid at 360x480 with 11 classes, as prepared for SegNet and used by DLA's authors.

    A label map holds the class's index per pixel, 0 to 10; 11, unlabelled, is ignored in training and scoring (it
    becomes 255, which MMSegmentation ignores). Three layouts of ``data_root`` are known:

    ==========================================  ======================================================
    files                                       how they are found
    ==========================================  ======================================================
    ``img/{split}/*.jpg``,                      by ``split``
    ``ann/{split}/*.png``
    ``{split}/*.png``, ``{split}annot/*.png``   by ``split``: the original layout
    ``{split}.txt`` (any name)                  by ``ann_file``: a list, each line an image and its label
                                                map. Of absolute paths of another machine, as in the
                                                original lists, the last folder and the name count.
    ==========================================  ======================================================

    Args:
        data_root: folder of the data.
        split: 'train', 'val' or 'test'; unused with ``ann_file``.
        ann_file: list file, relative to ``data_root``.
        kwargs: the arguments of MMSegmentation's ``BaseSegDataset`` (``pipeline``, ``indices``, ``test_mode``, ...).

    Raises:
        InputError: ``data_root`` has neither layout for ``split``, or a line of the list is no pair of files.
    """

    METAINFO = dict(
        classes=('Sky', 'Building', 'Pole', 'Road', 'Pavement', 'Tree', 'SignSymbol', 'Fence', 'Car', 'Pedestrian',
                 'Bicyclist'),
        palette=[[128, 128, 128], [128, 0, 0], [192, 192, 128], [128, 64, 128], [60, 40, 222], [128, 128, 0],
                 [192, 128, 128], [64, 64, 128], [64, 0, 128], [64, 64, 0], [0, 128, 192]])

    def __init__(self, data_root: str, *, split: str = 'train', ann_file: str = '', **kwargs) -> None:
        if not ann_file:
            kwargs |= _folders(Path(data_root), split)
        super().__init__(data_root=data_root, ann_file=ann_file, **kwargs)

    @classmethod
    def get_label_map(cls, new_classes: tuple[str, ...] | None = None) -> dict[int, int]:
        return {**(super().get_label_map(new_classes) or {}), UNLABELLED: 255}

    def load_data_list(self) -> list[dict]:
        if not self.ann_file:
            return super().load_data_list()
        lines = Path(self.ann_file).read_text().splitlines()
        return [dict(**self._pair(number, line.split()), label_map=self.label_map, reduce_zero_label=False,
                     seg_fields=[]) for number, line in enumerate(lines, start=1) if line.strip()]

    def _pair(self, number: int, paths: list[str]) -> dict[str, str]:
        found = [self._path(path) for path in paths]
        if len(found) != 2 or None in found:
            raise InputError(f'{self.ann_file}, line {number}: no image and label map in {self.data_root}: '
                             f'{" ".join(paths)}', 'Each line names an image and its label map, relative to data_root.')
        return dict(img_path=found[0], seg_map_path=found[1])

    def _path(self, path: str) -> str | None:
        for candidate in (PurePosixPath(path), PurePosixPath(*PurePosixPath(path).parts[-2:])):
            file = Path(self.data_root, candidate)
            if file.is_file():
                return str(file)
        return None


@DATASETS.register_module()
class CamVidBoundaryDataset(CamVidDataset):
    """CamVid for boundaries: two classes, with ``LoadLabelBoundaries`` in the pipeline."""

    METAINFO = dict(classes=('background', 'boundary'), palette=[[0, 0, 0], [255, 255, 255]])


def _folders(data_root: Path, split: str) -> dict:
    for images, labels, suffix in LAYOUTS:
        images, labels = images.format(split=split), labels.format(split=split)
        if (data_root / images).is_dir() and (data_root / labels).is_dir():
            return dict(data_prefix=dict(img_path=images, seg_map_path=labels), img_suffix=suffix)
    known = ', or '.join(f'{images} and {labels}'.format(split=split) for images, labels, _ in LAYOUTS)
    raise InputError(f'CamVid, split {split!r}: {data_root} has no folders {known}',
                     'Check split, or point the config at the data with --data-root DIR.')
