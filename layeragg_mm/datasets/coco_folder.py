"""Writing a data set in COCO's instance format: all of it, or nothing."""
import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pycocotools import mask as coco_mask

from ..errors import InputError

__all__ = ['SceneWriter', 'whole_folder']


class SceneWriter:
    """Writes the scenes of one split, with label maps if ``semantic``, then (``close``) their annotations."""

    def __init__(self, folder: Path, split: str, classes: Sequence[str], semantic: bool) -> None:
        self.classes = classes
        self.images_dir = folder / split
        self.labels_dir = folder / 'semantic' / split if semantic else None
        self.json_path = folder / 'annotations' / f'instances_{split}.json'
        self.images_dir.mkdir()
        if self.labels_dir is not None:
            self.labels_dir.mkdir(parents=True)
        self.json_path.parent.mkdir(exist_ok=True)
        self.images: list[dict[str, Any]] = []
        self.annotations: list[dict[str, Any]] = []

    def add(self, image: np.ndarray, objects: list[tuple[int, np.ndarray]]) -> None:
        # Ids start at 1: COCOeval takes a match with annotation 0 for no match.
        image_id = len(self.images) + 1
        name = f'{image_id:06d}.bmp'
        height, width = image.shape[:2]
        self.images.append(dict(id=image_id, file_name=name, height=height, width=width))
        # BMP is not compressed: the bytes of a PNG differ between builds of zlib and zlib-ng.
        Image.fromarray(image).save(self.images_dir / name, format='BMP')
        if self.labels_dir is not None:
            labels = sum(((label + 1) * mask for label, mask in objects), np.zeros((height, width), dtype=np.int64))
            Image.fromarray(labels.astype(np.uint8)).save(self.labels_dir / name, format='BMP')
        for label, mask in objects:
            self.annotations.append(dict(
                id=len(self.annotations) + 1, image_id=image_id, category_id=label + 1, iscrowd=0,
                **described(mask)))

    def close(self) -> None:
        content = dict(
            info=dict(description='DigitScenes'),
            licenses=[],
            categories=[dict(id=i, name=name, supercategory='digit')
                        for i, name in enumerate(self.classes, start=1)],
            images=self.images,
            annotations=self.annotations)
        text = json.dumps(content, sort_keys=True, separators=(',', ':'))
        self.json_path.write_bytes(text.encode('ascii') + b'\n')


def described(mask: np.ndarray) -> dict[str, Any]:
    """Return COCO's segmentation, area and bbox ([x, y, width, height], pixels) of a mask."""
    rle = coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    left, top = int(columns[0]), int(rows[0])
    return dict(
        segmentation=dict(size=list(mask.shape), counts=rle['counts'].decode('ascii')),
        area=int(mask.sum()),
        bbox=[left, top, int(columns[-1]) + 1 - left, int(rows[-1]) + 1 - top])


@contextmanager
def whole_folder(out: Path) -> Iterator[Path]:
    """Yield a folder to fill; it becomes ``out`` if the block ends well, else it is removed.

    Raises:
        InputError: ``out`` holds something already, or cannot be made.
    """
    try:
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise InputError(f'{out} exists and is not an empty folder',
                             'name a folder that does not exist yet, or remove this one')
        out.parent.mkdir(parents=True, exist_ok=True)
        beside = tempfile.TemporaryDirectory(prefix=f'.{out.name}-', dir=out.parent)
    except OSError as error:
        raise InputError(f'cannot make {out}: {error}',
                         'name a folder where you may write') from error
    with beside as temporary:
        # A folder inside it, since the temporary one itself is closed to other users.
        filling = Path(temporary) / 'filling'
        filling.mkdir()
        yield filling
        if out.exists():
            out.rmdir()  # refuses if something has come into it meanwhile
        filling.rename(out)
