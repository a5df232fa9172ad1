"""What a detector finds, as a file in COCO's format."""
import json
from pathlib import Path
from types import TracebackType

from mmdet.structures.mask import encode_mask_results
from mmengine.structures import InstanceData
from pycocotools.mask import area

__all__ = ['CocoFile']


class CocoFile:
    """A file in COCO's format that is written object by object: memory holds no more than the images' names.

    It has ``categories`` with the ids 1, 2, ... in the order of the classes, ``images`` with the ids 1, 2, ..., and
    ``annotations``, which are results too: beside what COCO's annotations have, each has its ``score``.

    Args:
        path: of the file, which is whole once the ``with`` statement has ended without an exception.
        classes: their names.
    """

    def __init__(self, path: Path, classes: list[str]) -> None:
        self.path = path
        self.categories = [dict(id=index, name=name) for index, name in enumerate(classes, 1)]
        self.images, self.objects = [], 0

    def __enter__(self) -> 'CocoFile':
        self.file = self.path.open('w', encoding='utf-8')
        self.file.write(f'{{"categories": {json.dumps(self.categories)},\n"annotations": [')
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        with self.file:
            if kind is None:
                self.file.write(f'],\n"images": {json.dumps(self.images)}}}\n')

    def add(self, file_name: str, height: int, width: int, found: InstanceData) -> None:
        """Write what was ``found`` in an image: ``bboxes`` (n, 4) as x1, y1, x2, y2, ``scores``, ``labels`` (n,) and,
        if there are any, ``masks`` (n, H, W) bool.
        """
        self.images.append(dict(id=len(self.images) + 1, file_name=file_name, height=height, width=width))
        found = found.cpu().numpy()
        masks = encode_mask_results(found.masks) if 'masks' in found else [None] * len(found)
        for (left, top, right, bottom), score, label, mask in zip(
                found.bboxes.tolist(), found.scores.tolist(), found.labels.tolist(), masks):
            box = [left, top, right - left, bottom - top]
            each = dict(id=self.objects + 1, image_id=len(self.images), category_id=label + 1, bbox=box, score=score,
                        area=box[2] * box[3] if mask is None else int(area(mask)), iscrowd=0)
            if mask is not None:
                each['segmentation'] = dict(size=mask['size'], counts=mask['counts'].decode())
            self.file.write(',\n' * (self.objects > 0) + json.dumps(each, allow_nan=False))
            self.objects += 1
