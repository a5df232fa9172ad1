"""A small COCO data set and two result files, with all that COCO's evaluation distinguishes."""
import numpy as np
from pycocotools import mask as rle
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

HEIGHT, WIDTH = 240, 300


def make_case(images: int = 14, seed: int = 0) -> tuple[dict, list[dict], list[dict]]:
    """Return annotations, results of a baseline, and better ones.

    Objects of all three sizes, crowds, images and classes without objects or detections, more detections than count;
    no score comes twice.
    """
    rng = np.random.default_rng(seed)
    categories = [dict(id=number, name=name) for number, name in ((2, 'cat'), (5, 'dog'), (9, 'unicorn'))]
    entries = [dict(id=10 + 3 * i, height=HEIGHT, width=WIDTH, file_name=f'{i}.png') for i in range(images)]
    annotations, results = [], ([], [])
    for image in entries:
        for _ in range(rng.integers(0, 6)):
            box = random_box(rng)
            category_id = int(rng.choice([2, 5]))
            region = mask_of(box)
            annotations.append(dict(
                id=len(annotations) + 1, image_id=image['id'], category_id=category_id, bbox=box,
                area=float(rle.area(region)), segmentation=region, iscrowd=int(rng.random() < .15)))
            for noise, found in zip((.12, .06), results):
                for _ in range(rng.integers(0, 3)):
                    moved = (np.array(box) * (1 + noise * rng.normal(size=4))).round(2)
                    found.append(detection(image, category_id, moved.tolist(), rng))
        for found in results:
            for _ in range(120 if image is entries[1] else 2):
                found.append(detection(image, int(rng.choice([2, 5, 5, 9])), random_box(rng), rng))
    return dict(images=entries, annotations=annotations, categories=categories), *results


def random_box(rng) -> list[float]:
    size = np.exp(rng.uniform(np.log(10), np.log([WIDTH * .9, HEIGHT * .9])))
    corner = rng.uniform(0, [WIDTH, HEIGHT] - size)
    return np.concatenate([corner, size]).round(2).tolist()


def detection(image: dict, category_id: int, box: list[float], rng) -> dict:
    return dict(image_id=image['id'], category_id=category_id, score=float(rng.random()), bbox=box,
                segmentation=mask_of(box))


def mask_of(box: list[float]) -> dict:
    """Return the ellipse in ``box`` as compressed RLE."""
    y, x = np.mgrid[:HEIGHT, :WIDTH] + .5
    left, top, width, height = box
    inside = ((x - left) / width * 2 - 1)**2 + ((y - top) / height * 2 - 1)**2 <= 1
    region = rle.encode(np.asfortranarray(inside.astype(np.uint8)))
    return dict(size=region['size'], counts=region['counts'].decode())


def plain_coco_eval(annotations: dict, results: list[dict], iou_type: str) -> COCOeval:
    """Evaluate with pycocotools alone, as MMDetection's CocoMetric does: masks without their boxes."""
    truth = COCO()
    truth.dataset = dict(annotations, annotations=[dict(entry) for entry in annotations['annotations']])
    truth.createIndex()
    dropped = {'bbox': 'segmentation', 'segm': 'bbox'}[iou_type]
    detections = [{key: value for key, value in entry.items() if key != dropped} for entry in results]
    evaluation = COCOeval(truth, truth.loadRes(detections), iou_type)
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    return evaluation
