"""A small data set of someone's own: three kinds of cells, boxes alone, in any of the usual layouts."""
import json
from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = ['RBC', 'WBC', 'platelets']
WIDTH, HEIGHT = 96, 64


def write_cells(labels: Path, images: Path, count: int = 3, seed: int = 0, group: bool = False,
                masks: bool = False) -> None:
    """Write images of ``count`` with a bright cell of each class, and their annotation file.

    Args:
        labels: the annotation file.
        images: folder of the images.
        count: of images.
        seed: of the cells' places.
        group: a category before the others groups them and has no object, as in Roboflow's files.
        masks: the objects have polygons.
    """
    rng = np.random.RandomState(seed)
    for folder in (labels.parent, images):
        folder.mkdir(parents=True, exist_ok=True)
    content = dict(info={}, images=[], annotations=[], categories=[
        dict(id=i, name=name, supercategory='cells') for i, name in enumerate(CLASSES, start=1)])
    if group:
        content['categories'].insert(0, dict(id=0, name='cells', supercategory='none'))
    for i in range(count):
        pixels = rng.randint(60, size=(HEIGHT, WIDTH, 3)).astype(np.uint8)
        content['images'].append(dict(id=i + 1, file_name=f'{seed}{i}.png', width=WIDTH, height=HEIGHT))
        for label in range(len(CLASSES)):
            x, y, size = 32 * label + rng.randint(8), rng.randint(40), 12 + 6 * label
            pixels[y:y + size, x:x + size] = 100 + 50 * label
            size = min(size, HEIGHT - y, WIDTH - x)
            polygon = [x, y, x + size, y, x + size, y + size, x, y + size]
            content['annotations'].append(dict(
                id=len(content['annotations']) + 1, image_id=i + 1, category_id=label + 1, iscrowd=0,
                bbox=[x, y, size, size], area=size * size, segmentation=[polygon] if masks else []))
        Image.fromarray(pixels).save(images / f'{seed}{i}.png')
    labels.write_text(json.dumps(content, default=int))


def lay_out(root: Path, layout: str, **kwargs) -> None:
    """Write training, validation and test data in a layout of COCO's, Roboflow's or of one folder of images."""
    for seed, split in enumerate(('train', 'val', 'test')):
        folder = 'valid' if split == 'val' else split
        labels, images = {
            'coco2017': (f'annotations/instances_{split}2017.json', f'{split}2017'),
            'coco': (f'annotations/instances_{split}.json', split),
            'roboflow': (f'{folder}/_annotations.coco.json', folder),
            'images': (f'{split}.json', 'images')}[layout]
        write_cells(root / labels, root / images, seed=seed, group=layout == 'roboflow', **kwargs)
