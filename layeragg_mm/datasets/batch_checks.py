"""Checks that images which come together in a batch can be stacked."""
from itertools import islice

from mmengine.config import Config
from mmengine.dataset import BaseDataset, pseudo_collate
from mmengine.registry import MODELS
from PIL import Image

from ..errors import InputError
from ..tracebacks import described
from .checked_pipeline import CheckedPipeline
from .sampling import extremes, images_of, infos_of, spread

__all__ = ['check_batches', 'stored_size']

MOST = 10000  # images whose sizes are read from their files
SAMPLED = 4  # training images that are tried together


def stored_size(info: dict) -> tuple[int, int]:
    """Return width and height as an annotation file or an image file tells them; one for all that is no local image."""
    if info.get('width') and info.get('height'):
        return info['width'], info['height']
    try:
        with Image.open(info['img_path']) as image:
            return image.size
    except (OSError, KeyError, Image.DecompressionBombError):
        return 1000, 1000


def check_batches(cfg: Config, mode: str, dataset) -> None:
    """Raise an :class:`InputError` if the images of a batch of ``dataset`` cannot be stacked.

    MMDetection pads them to one size; MMSegmentation does so in training where it is told a size, and in validation not
    at all by default. The preprocessor itself tells: it gets two images of sizes that meet in a batch, in training any,
    in validation the first two that differ.
    """
    loader, preprocessor = cfg[f'{mode}_dataloader'], cfg.model.get('data_preprocessor')
    batch_size = loader.get('batch_size', 1)
    if batch_size < 2 or loader.get('batch_sampler') or not preprocessor:
        return
    images = images_of(dataset)
    sizes = [stored_size(info) for info in islice((info for leaf in dict.fromkeys(leaf for leaf, _ in images)
                                                   for info in infos_of(leaf)), MOST)]
    if mode == 'train':
        met = [*extremes(sizes), *spread(len(sizes), SAMPLED)]
    else:
        starts = range(0, len(sizes), batch_size)
        met = next((range(start, min(start + batch_size, len(sizes))) for start in starts
                    if len(set(sizes[start:start + batch_size])) > 1), ())
    loaded = {}
    for position in met:
        leaf, index = images[position]
        sample = CheckedPipeline(leaf)(leaf.get_data_info(index))
        if sample is not None and 'inputs' in sample:
            loaded.setdefault(tuple(sample['inputs'].shape), (leaf, index, sample))
    if len(loaded) < 2:
        return
    first, second = list(loaded.values())[:2]
    try:
        MODELS.build(dict(preprocessor))(pseudo_collate([first[2], second[2]]), training=mode == 'train')
    except (AssertionError, RuntimeError, ValueError) as error:
        raise InputError(
            f'{mode}_dataloader: batch_size={batch_size} stacks images of one size only, and {shown(*first)}, '
            f'{shown(*second)} ({described(error)})',
            f'Set {mode}_dataloader.batch_size=1, or bring all images to one size in the pipeline'
            + (', or have them padded by model.data_preprocessor.size.' if mode == 'train' else '.')) from error


def shown(dataset: BaseDataset, index: int, sample: dict) -> str:
    height, width = sample['inputs'].shape[-2:]
    return f'{dataset.get_data_info(index)["img_path"]} comes as {width} x {height}'
