"""The images of a data set, whatever it is wrapped in, and those of them that are looked at before a run."""
from collections.abc import Iterator

from mmengine.dataset import BaseDataset
from PIL import Image

__all__ = ['SAMPLED_SIZES', 'extremes', 'images_of', 'infos_of', 'leaves', 'spread', 'stored_size']

# Images whose sizes are read, where no annotation file tells them.
SAMPLED_SIZES = 1000


def leaves(dataset) -> Iterator[BaseDataset]:
    """Yield the data sets inside wrappers (RepeatDataset, ConcatDataset, ...)."""
    for inner in getattr(dataset, 'datasets', None) or [getattr(dataset, 'dataset', None)]:
        if inner is None:
            yield dataset
        else:
            yield from leaves(inner)


def images_of(dataset) -> list[tuple[BaseDataset, int]]:
    """Return each image of ``dataset`` as the data set inside its wrappers and the index there; none comes twice."""
    return [(leaf, index) for leaf in leaves(dataset) for index in range(len(leaf))]


def infos_of(dataset: BaseDataset) -> list[dict]:
    """Return what a data set without wrappers knows of each image; not to be changed, for copies take long."""
    return dataset.data_list or [dataset.get_data_info(index) for index in range(len(dataset))]


def spread(length: int, most: int) -> list[int]:
    """Return up to ``most`` indices, spread evenly over ``length``."""
    count = min(length, most)
    return [i * length // count for i in range(count)]


def stored_size(info: dict) -> dict[str, int]:
    """Return width and height of an image as its file says, a common size where it cannot be read here."""
    try:
        with Image.open(info['img_path']) as image:
            return dict(width=image.width, height=image.height)
    except (OSError, KeyError, Image.DecompressionBombError):  # no local file, or one that reading tells of
        return dict(width=1000, height=1000)


def extremes(sizes: list[tuple[int, int]]) -> list[int]:
    """Return the indices of the lowest, narrowest, flattest and steepest of ``sizes`` (width, height)."""
    orders = [lambda i: sizes[i][0], lambda i: sizes[i][1], lambda i: sizes[i][0] / sizes[i][1],
              lambda i: sizes[i][1] / sizes[i][0]]
    return list(dict.fromkeys(min(range(len(sizes)), key=order) for order in orders)) if sizes else []
