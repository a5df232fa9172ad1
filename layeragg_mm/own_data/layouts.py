"""How data in COCO's format usually lie in a folder."""
from pathlib import Path
from typing import NamedTuple

__all__ = ['LAYOUTS', 'Labelled', 'Layout', 'find_layout']


class Labelled(NamedTuple):
    """Images, and what tells what is in them: an annotation file, or a folder of label maps."""
    images: Path
    labels: Path


class Layout(NamedTuple):
    """Where the annotation file of a split is, relative to the folder of the data, and where its images can be."""
    name: str
    labels: str
    images: tuple[str, ...]

    def __str__(self) -> str:
        labels, images = (text.format(split='{train,val}') for text in (self.labels, self.images[0]))
        return f'{self.name} ({labels} with {images}/)'

    def at(self, root: Path, split: str) -> Path:
        """Return where the annotation file of a split is to be."""
        return root / self.labels.format(split=split)


LAYOUTS = (
    Layout('COCO\'s', 'annotations/instances_{split}2017.json', ('{split}2017', 'images/{split}2017')),
    Layout('COCO\'s without the year', 'annotations/instances_{split}.json', ('{split}', 'images/{split}', 'images')),
    Layout('Roboflow\'s', '{split}/_annotations.coco.json', ('{split}',)),
    Layout('one folder of images', '{split}.json', ('images', 'images/{split}', '{split}')),
)
# Each split, and how it is called.
NAMES = {'train': ('train',), 'val': ('val', 'valid'), 'test': ('test',)}


def find_layout(root: Path) -> tuple[Layout, dict[str, Labelled]] | None:
    """Return the first layout of ``root`` that has training and validation data, or else any data; and its splits."""
    found = [(layout, splits) for layout in LAYOUTS if (splits := splits_of(layout, root))]
    return next((each for each in found if {'train', 'val'} <= set(each[1])), found[0] if found else None)


def splits_of(layout: Layout, root: Path) -> dict[str, Labelled]:
    found = {}
    for split, names in NAMES.items():
        for name in names:
            images = next((folder for each in layout.images if (folder := root / each.format(split=name)).is_dir()),
                          None)
            if images is not None and layout.at(root, name).is_file():
                found.setdefault(split, Labelled(images, layout.at(root, name)))
    return found
