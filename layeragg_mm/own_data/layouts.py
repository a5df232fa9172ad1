"""How data usually lie in a folder."""
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

__all__ = ['COCO', 'MAPS', 'Labelled', 'Layout', 'find_layout']


class Labelled(NamedTuple):
    """Images, and what tells what is in them: an annotation file, or a folder of label maps."""
    images: Path
    labels: Path


class Layout(NamedTuple):
    """Where the labels of a split are, relative to the folder of the data, and where its images can be.

    Attributes:
        name: of the layout.
        labels: an annotation file or, without suffix, a folder of label maps.
        images: folders, the first that is there counts.
        kinds: what ``{kind}`` can be in ``labels``, in the same way.
    """
    name: str
    labels: str
    images: tuple[str, ...]
    kinds: tuple[str, ...] = ('',)

    def __str__(self) -> str:
        kind = self.kinds[0] if len(self.kinds) == 1 else f'{{{",".join(self.kinds)}}}'
        labels, images = (text.format(split='{train,val}', kind=kind) for text in (self.labels, self.images[0]))
        return f'{self.name} ({labels} with {images}/)'

    def at(self, root: Path, split: str) -> Path:
        """Return where the labels of a split are, or are to be."""
        places = [root / self.labels.format(split=split, kind=kind) for kind in self.kinds]
        return next(filter(Path.exists, places), places[0])


COCO = (
    Layout('COCO\'s', 'annotations/instances_{split}2017.json', ('{split}2017', 'images/{split}2017')),
    Layout('COCO\'s without the year', 'annotations/instances_{split}.json', ('{split}', 'images/{split}', 'images')),
    Layout('Roboflow\'s', '{split}/_annotations.coco.json', ('{split}',)),
    Layout('one folder of images', '{split}.json', ('images', 'images/{split}', '{split}')),
)
MAP_FOLDERS = 'annotations', 'masks', 'labels'
MAPS = (
    Layout('MMSegmentation\'s', '{kind}/{split}', ('img_dir/{split}', 'img/{split}'), ('ann_dir', 'ann')),
    Layout('images beside maps', '{kind}/{split}', ('images/{split}',), MAP_FOLDERS),
    Layout('a folder for each split', '{split}/{kind}', ('{split}/images',), MAP_FOLDERS),
    Layout('CamVid\'s', '{split}{kind}', ('{split}',), ('annot', '_labels')),
)
# Each split, and how it is called.
NAMES = {'train': ('train', 'training'), 'val': ('val', 'valid', 'validation'), 'test': ('test', 'testing')}


def find_layout(root: Path, layouts: Sequence[Layout]) -> tuple[Layout, dict[str, Labelled]] | None:
    """Return the first layout of ``root`` that has training and validation data, or else any data; and its splits."""
    found = [(layout, splits) for layout in layouts if (splits := splits_of(layout, root))]
    return next((each for each in found if {'train', 'val'} <= set(each[1])), found[0] if found else None)


def splits_of(layout: Layout, root: Path) -> dict[str, Labelled]:
    found = {}
    for split, names in NAMES.items():
        for name in names:
            images = next((folder for each in layout.images if (folder := root / each.format(split=name)).is_dir()),
                          None)
            labels = layout.at(root, name)
            if images is not None and (labels.is_file() if labels.suffix else labels.is_dir()):
                found.setdefault(split, Labelled(images, labels))
    return found
