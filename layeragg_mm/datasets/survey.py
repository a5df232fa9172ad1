"""What is in a COCO data set as training will see it: objects by class and size, and what is left out, with reasons."""
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from .annotations import why_ignored
from .box_checks import beyond_image

__all__ = ['SIZES', 'ClassCount', 'Survey', 'size_of', 'survey']

# COCO's sizes by the least area in pixels.
SIZES = {'small': 0, 'medium': 32**2, 'large': 96**2}


def size_of(area: float) -> str:
    """Return the name of COCO's size for an area in pixels."""
    return [name for name, least in SIZES.items() if area >= least][-1]


@dataclass
class ClassCount:
    """Objects of one class to learn from: how many, in how many images, and of each size."""

    objects: int = 0
    images: int = 0
    sizes: Counter = field(default_factory=Counter)


@dataclass
class Survey:
    """What :func:`survey` finds.

    Args:
        images: used.
        images_left_out: number by reason.
        classes: counts by name, in the config's order; of objects in images that are used.
        ignored: annotation ids by the reason for which MMDetection ignores them.
        beyond: number of boxes that reach beyond their image.
    """

    images: int
    images_left_out: Counter
    classes: dict[str, ClassCount]
    ignored: dict[str, list[int]]
    beyond: int

    @property
    def objects(self) -> int:
        return sum(count.objects for count in self.classes.values())

    def reasons(self) -> str:
        """Return why images and objects are left out, the most frequent reason first, as text."""
        counted = Counter({why: len(ids) for why, ids in self.ignored.items()})
        return '; '.join([f'{number} objects: {why}' for why, number in counted.most_common()]
                         + [f'{number} images: {why}' for why, number in self.images_left_out.most_common()])


def survey(content: dict, classes: Sequence[str], poly2mask: bool | None, filter_cfg: dict | None) -> Survey:
    """Count what a data set takes from an annotation file.

    Args:
        content: of the file, checked by :func:`~layeragg_mm.datasets.annotations.load_training_annotations`.
        classes: of the config.
        poly2mask: as there.
        filter_cfg: of the data set; None where it does not filter (validation and test).
    """
    names = {category['id']: category['name'] for category in content['categories'] if category['name'] in classes}
    objects = defaultdict(list)
    for entry in content['annotations']:
        objects[entry['image_id']].append(entry)
    filter_cfg = filter_cfg or {}

    counts = {name: ClassCount() for name in classes}
    ignored, left_out, used = defaultdict(list), Counter(), 0
    for image in content['images']:
        entries = objects[image['id']]
        reason = None
        if filter_cfg.get('filter_empty_gt') and not any(entry['category_id'] in names for entry in entries):
            reason = 'no object of the config\'s classes (filter_empty_gt)'
        elif min(image['width'], image['height']) < filter_cfg.get('min_size', 0):
            reason = f'less than {filter_cfg["min_size"]} pixels wide or high (min_size)'
        if reason:
            left_out[reason] += 1
        else:
            used += 1
        here = set()
        for entry in entries:
            why = why_ignored(entry, image, names, poly2mask) or (reason and 'image left out')
            if why:
                ignored[why].append(entry['id'])
                continue
            name = names[entry['category_id']]
            here.add(name)
            counts[name].objects += 1
            counts[name].sizes[size_of(entry['area'])] += 1
        for name in here:
            counts[name].images += 1
    sizes = {image['id']: (image['width'], image['height']) for image in content['images']}
    beyond = beyond_image(*(np.array(column, np.float64) for column in zip(*(
        (entry['bbox'], sizes[entry['image_id']]) for entry in content['annotations']))))
    return Survey(used, left_out, counts, dict(ignored), int(beyond.sum()))

