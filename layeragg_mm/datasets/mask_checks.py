"""Masks in COCO's forms, checked before pycocotools' C code reads them, which checks nothing."""
import numpy as np

from .json_columns import Entries, as_numbers, shown

__all__ = ['check_result_masks', 'check_true_masks', 'fits_rle']

# pycocotools writes a run in at most seven characters of five bits.
LONGEST_RUN = 7
# In pixels; COCO evaluates objects up to this width and height.
LARGEST_COORDINATE = 1e5
CHUNK = 20000


def check_result_masks(entries: Entries, sizes: list[list[int]]) -> None:
    """Raise an :class:`~layeragg_mm.errors.InputError` unless every 'segmentation' is compressed RLE of its image.

    Args:
        entries: the detections.
        sizes: height and width of each detection's image.
    """
    masks = entries.column('segmentation')
    remedy = 'Write masks as compressed RLE of the whole image: {"size": [height, width], "counts": "..."}.'
    entries.refuse((type(mask) is not dict or type(mask.get('counts')) is not str for mask in masks),
                   lambda i: f'segmentation is {shown(masks[i])}, not compressed RLE', remedy)
    check_sizes(entries, masks, sizes)
    entries.refuse(~fits_rle([mask['counts'] for mask in masks], [height * width for height, width in sizes]),
                   lambda i: f'the RLE {shown(masks[i]["counts"])} does not decode to a mask of its image', remedy)


def check_sizes(entries: Entries, masks: list, sizes: list[list[int]]) -> None:
    """Every RLE of ``masks`` must be of its image's size."""
    entries.refuse((type(mask) is dict and (mask.get('size') != size or not all(type(n) is int for n in mask['size']))
                    for mask, size in zip(masks, sizes)),
                   lambda i: f'the mask has size {shown(masks[i].get("size"))}, its image {sizes[i]} (height, width)',
                   'Write masks at the size of the image as it is on disk, not as the network saw it.')


def fits_rle(counts: list[str], pixels: list[int]) -> np.ndarray:
    """Tell which strings of ``counts`` are compressed RLE of as many pixels as said in ``pixels``; (n,) bool.

    A run length is written in base 32, lowest digit first, a character ``chr(48 + digit + 32 * more_follow)`` a
    digit; the highest bit of the last digit is the sign, and from the fourth run on it is the difference to the run
    two before (pycocotools, ``maskApi.c``).
    """
    fits = np.array([text.isascii() and len(text) > 0 for text in counts], dtype=bool)
    pixels = np.asarray(pixels)
    for start in range(0, len(counts), CHUNK):
        part = np.flatnonzero(fits[start:start + CHUNK]) + start
        fits[part] = well_written([counts[i] for i in part])
        part = part[fits[part]]
        fits[part] = decoded_pixels([counts[i] for i in part]) == pixels[part]
    return fits


def characters(counts: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return the digits of all strings in a row, and where each string ends."""
    digits = np.frombuffer(''.join(counts).encode(), dtype=np.uint8).astype(np.int64) - 48
    return digits, np.cumsum([len(text) for text in counts], dtype=np.int64)


def well_written(counts: list[str]) -> np.ndarray:
    """Tell which strings have only digits, end with a run's last digit, and have no run that is too long."""
    digits, ends = characters(counts)
    if not len(digits):
        return np.zeros(0, dtype=bool)
    more = (digits & 32) > 0
    position = np.arange(len(digits))
    run_start = np.maximum.accumulate(np.where(np.concatenate([[True], ~more[:-1]]), position, 0))
    wrong = (digits < 0) | (digits > 63) | (position - run_start >= LONGEST_RUN)
    wrong[ends - 1] |= more[ends - 1]
    return ~np.logical_or.reduceat(wrong, np.concatenate([[0], ends[:-1]]))


def decoded_pixels(counts: list[str]) -> np.ndarray:
    """Return how many pixels each well-written string covers, -1 where a run is negative; (n,) int64."""
    digits, ends = characters(counts)
    if not len(digits):
        return np.zeros(0, dtype=np.int64)
    last = np.flatnonzero((digits & 32) == 0)
    first = np.concatenate([[0], last[:-1] + 1])
    place = 5 * (np.arange(len(digits)) - np.repeat(first, last - first + 1))
    runs = np.add.reduceat((digits & 31) << place, first)
    runs -= np.where(digits[last] & 16, 1 << (place[last] + 5), 0)

    string = np.searchsorted(ends, last, side='right')
    starts = np.searchsorted(string, np.arange(len(counts)))  # of each string in runs
    index = np.arange(len(runs)) - starts[string]
    for parity in (1, 0):
        chain = np.flatnonzero((index > 0) & (index % 2 == parity))
        if len(chain):
            total = np.cumsum(runs[chain])
            before = total - runs[chain]
            chain_start = np.searchsorted(string[chain], string[chain])
            runs[chain] = total - before[chain_start]
    negative = np.minimum.reduceat(runs, starts) < 0
    return np.where(negative, -1, np.add.reduceat(runs, starts))


def check_true_masks(entries: Entries, sizes: list[list[int]]) -> None:
    """Raise an :class:`~layeragg_mm.errors.InputError` unless every 'segmentation' is polygons or RLE of its image.

    Args:
        entries: the annotations.
        sizes: height and width of each annotation's image.
    """
    entries.refuse((value.get('segmentation') in (None, []) for value in entries.values),
                   lambda i: 'has no mask (segmentation)', 'Give every object a mask, or evaluate boxes only: '
                   "--iou-type bbox, in a config metric='bbox' of the evaluator.")
    masks, remedy = entries.column('segmentation'), (
        'Write masks as polygons [[x, y, x, y, ...]] of three corners or more, or as RLE of the whole image.')
    forms = [type(mask.get('counts')) if type(mask) is dict else type(mask) for mask in masks]
    entries.refuse((type(mask) not in (dict, list) or form not in (str, list) for mask, form in zip(masks, forms)),
                   lambda i: f'segmentation is {shown(masks[i])}, neither polygons nor RLE', remedy)
    check_sizes(entries, masks, sizes)
    wrong = np.array([form is list and not (are_polygons(mask) if type(mask) is list else
                                            are_runs(mask['counts'], size[0] * size[1]))
                      for mask, form, size in zip(masks, forms, sizes)])
    compressed = [i for i, form in enumerate(forms) if form is str]
    wrong[compressed] = ~fits_rle([masks[i]['counts'] for i in compressed],
                                  [sizes[i][0] * sizes[i][1] for i in compressed])
    entries.refuse(wrong, lambda i: f'segmentation {shown(masks[i])} is no mask of its image', remedy)


def are_polygons(mask: list) -> bool:
    """Tell whether every item is a polygon x, y, x, y, ... of three corners or more."""
    if not all(type(polygon) is list and len(polygon) >= 6 and len(polygon) % 2 == 0 for polygon in mask):
        return False
    numbers = as_numbers([number for polygon in mask for number in polygon])
    return bool((np.abs(numbers) <= LARGEST_COORDINATE).all())


def are_runs(counts: list, pixels: int) -> bool:
    """Tell whether ``counts`` is the uncompressed RLE of so many pixels."""
    return all(type(run) is int and run >= 0 for run in counts) and sum(counts) == pixels
