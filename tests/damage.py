"""Ways in which data sets are broken: by name, as docs/bad_inputs.md lists them."""
import json
from pathlib import Path

import numpy as np
from PIL import Image

TRAIN, VAL = (f'annotations/instances_{split}.json' for split in ('train', 'val'))
TRIANGLE = [[5, 5, 20, 5, 20, 20]]


def edited(change, file: str = TRAIN):
    """Return what applies ``change`` to the content of an annotation file."""

    def damage(data: Path) -> None:
        content = json.loads((data / file).read_text())
        content = change(content) or content
        (data / file).write_text(json.dumps(content))

    return damage


def first_object(file: str = TRAIN, **values):
    """Return what gives the first object new values; a value of None is taken out."""

    def change(content: dict) -> None:
        entry = content['annotations'][0]
        entry.update(values)
        for key in [key for key, value in values.items() if value is None]:
            del entry[key]

    return edited(change, file)


def every_object(new, file: str = TRAIN):
    """Return what gives every object the values that ``new`` makes of it."""
    return edited(lambda content: [entry.update(new(entry)) for entry in content['annotations']] and None, file)


def corners(entry: dict) -> dict:
    x, y, width, height = entry['bbox']
    return dict(bbox=[x, y, x + width, y + height])


def pairs(entry: dict) -> dict:
    x, y, width, height = entry['bbox']
    return dict(segmentation=[[x, y], [x + width, y], [x + width, y + height]])


def appended(key: str, **values):
    """Return what appends a copy of the first entry of ``key`` with new values."""
    return edited(lambda content: content[key].append({**content[key][0], 'id': 10**6, **values}))


def text(change):
    """Return what applies ``change`` to the bytes of the training annotation file."""
    return lambda data: (data / TRAIN).write_bytes(change((data / TRAIN).read_bytes()))


def rle_of_another_size(content: dict) -> None:
    content['annotations'][0]['segmentation']['size'] = [32, 32]


def image(size: tuple[int, int] = (64, 64), listed: tuple[int, int] | None = None, mode: str = 'RGB',
          suffix: str = '.png', cut: bool = False, dtype=np.uint8, **options):
    """Return what puts an image of ``size`` (width, height), with a triangle to learn, in the first one's place."""

    def damage(data: Path) -> None:
        pixels = np.random.RandomState(0).randint(0, np.iinfo(dtype).max, size=(*size[::-1], len(mode)), dtype=dtype)
        path = data / 'train' / f'other{suffix}'
        Image.fromarray(pixels.squeeze(), None if dtype != np.uint8 else mode).save(path, **options)
        if cut:
            path.write_bytes(path.read_bytes()[:-200])

        def change(content: dict) -> None:
            entry = content['images'][0]
            entry.update(file_name=path.name, width=(listed or size)[0], height=(listed or size)[1])
            objects = [entry for entry in content['annotations'] if entry['image_id'] == content['images'][0]['id']]
            content['annotations'] = [entry for entry in content['annotations'] if entry not in objects[1:]]
            objects[0].update(bbox=[5, 5, 15, 15], area=112, segmentation=TRIANGLE)

        edited(change)(data)

    return damage


def first_file(content: bytes | None):
    """Return what replaces the first training image's bytes, or removes the file."""

    def damage(data: Path) -> None:
        path = min((data / 'train').iterdir())
        path.unlink()
        if content is not None:
            path.write_bytes(content)

    return damage


def turned() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6  # stored a quarter turn away from upright
    return exif


DAMAGES = {
    'not JSON': text(lambda content: b'id,image,box'),
    'cut short': text(lambda content: content[:len(content) // 2]),
    'not UTF-8': text(lambda content: content.replace(b'"0"', b'"\xe9"')),
    'a list in place of the object': edited(lambda content: [content]),
    'categories missing': edited(lambda content: content.pop('categories') and None),
    'no annotations': edited(lambda content: content['annotations'].clear()),
    'an image id twice': appended('images', id=1),
    'an annotation id twice': appended('annotations', id=1),
    'a category name twice': appended('categories'),
    'an object of an unknown image': first_object(image_id=10**6),
    'an object of an unknown category': first_object(category_id=10**6),
    'no bbox': first_object(bbox=None),
    'a bbox of three numbers': first_object(bbox=[1, 2, 3]),
    'a bbox with NaN': first_object(bbox=[1, 2, 3, float('nan')]),
    'a bbox of negative width': first_object(bbox=[30, 30, -10, 10]),
    'a bbox far beyond the image': first_object(bbox=[0, 0, 1e30, 10]),
    'no area': first_object(area=None),
    'a box outside the image': first_object(bbox=[500, 500, 10, 10]),
    'a box of no area': first_object(bbox=[10, 10, 0, 10]),
    'a box thinner than a pixel': first_object(bbox=[10, 10, .5, 10]),
    'an area of 0': first_object(area=0),
    'boxes in parts of the image': every_object(lambda entry: dict(bbox=[number / 64 for number in entry['bbox']])),
    'boxes of two corners': every_object(corners),
    'boxes of two corners, in the validation file': every_object(corners, VAL),
    'a box that reaches beyond the image': first_object(bbox=[50, 50, 30, 30]),
    'all areas 0': every_object(lambda entry: dict(area=0)),
    'all objects thinner than a pixel': every_object(lambda entry: dict(bbox=[*entry['bbox'][:2], .5, 9])),
    'all polygons of pairs': every_object(pairs),
    'an object marked ignore': first_object(ignore=1),
    'a crowd': first_object(iscrowd=1),
    'no iscrowd': first_object(iscrowd=None),
    'no iscrowd, in the validation file': first_object(VAL, iscrowd=None),
    'an object of a category that is no class of the config': edited(lambda content: (
        content['categories'].append(dict(id=99, name='other')), content['annotations'][0].update(category_id=99),
        None)[-1]),
    'a class of the config that is no category': edited(lambda content: content['categories'][3].update(name='other')),
    'categories in another order than the classes of the config': edited(
        lambda content: content['categories'].reverse()),
    'an annotation id of 0, in the validation file': first_object(VAL, id=0),
    'polygons of two points': first_object(segmentation=[[5, 5, 20, 20]]),
    'polygons of two points, in the validation file': first_object(VAL, segmentation=[[5, 5, 20, 20]]),
    'a polygon that is not in a list': first_object(segmentation=[5, 5, 20, 5, 20, 20]),
    'a polygon with text': first_object(segmentation=[[5, 5, 20, 5, 20, 'x']]),
    'no segmentation, where masks are learnt': first_object(segmentation=None),
    'RLE of another size than the image': edited(rle_of_another_size),
    'RLE that does not decode': first_object(segmentation=dict(size=[64, 64], counts='!')),
    'RLE without counts': first_object(segmentation=dict(size=[64, 64])),
    'an image file missing': first_file(None),
    'an image file that is empty': first_file(b''),
    'an image file that is no image': first_file(b'<html>not found</html>'),
    'a PNG cut short': image(cut=True),
    'a JPEG cut short': image(suffix='.jpg', cut=True),
    'an image of another size than listed': image(listed=(64, 48)),
    'a grey image': image(mode='L'),
    'a CMYK image': image(mode='CMYK', suffix='.jpg'),
    'a partly transparent image': image(mode='RGBA'),
    'a 16-bit image': image(mode='I', dtype=np.uint16),
    'an EXIF-rotated image, annotated upright': image((64, 48), (48, 64), suffix='.jpg', exif=turned()),
    'an EXIF-rotated image, annotated as it is stored': image((64, 48), suffix='.jpg', exif=turned()),
}
