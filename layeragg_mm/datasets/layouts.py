"""How data in COCO's format usually lie in a folder."""
from pathlib import Path
from typing import NamedTuple

__all__ = ['LAYOUTS', 'Labelled', 'Layout', 'find_layout', 'what_lies_in']


class Labelled(NamedTuple):
    """Images, and what tells what is in them: an annotation file, or a folder of label maps."""
    images: Path
    labels: Path


class Layout(NamedTuple):
    """Where the annotation file and the images of a split are, relative to the folder of the data."""
    name: str
    labels: str
    images: str

    def __str__(self) -> str:
        return f'{self.labels.format(split="{train,val}")} with {self.images.format(split="{train,val}")}/'


LAYOUTS = (
    Layout('COCO\'s', 'annotations/instances_{split}2017.json', '{split}2017'),
    Layout('COCO\'s, without a year', 'annotations/instances_{split}.json', '{split}'),
    Layout('Roboflow\'s', '{split}/_annotations.coco.json', '{split}'),
    Layout('one folder of images', '{split}.json', 'images'),
)
# Each split, and how it is called.
SPLITS = {'train': ('train',), 'val': ('val', 'valid'), 'test': ('test',)}


def find_layout(root: Path) -> tuple[Layout, dict[str, Labelled]] | None:
    """Return the first layout of ``root`` that has training and validation data, or else anything; and its splits."""
    found = [(layout, splits) for layout in LAYOUTS if (splits := splits_of(layout, root))]
    return next((each for each in found if {'train', 'val'} <= set(each[1])), found[0] if found else None)


def splits_of(layout: Layout, root: Path) -> dict[str, Labelled]:
    found = {}
    for split, names in SPLITS.items():
        for name in names:
            here = Labelled(root / layout.images.format(split=name), root / layout.labels.format(split=name))
            if here.images.is_dir() and here.labels.is_file():
                found.setdefault(split, here)
    return found


def what_lies_in(folder: Path, most: int = 12) -> str:
    """Return the names of what is in a folder, folders first, as text."""
    entries = sorted(folder.iterdir(), key=lambda entry: (not entry.is_dir(), entry.name))
    names = [f'{entry.name}/' if entry.is_dir() else entry.name for entry in entries]
    more = f' and {len(names) - most} more' if len(names) > most else ''
    return ', '.join(names[:most]) + more if names else 'nothing'
