"""Checks that something to learn from comes through a training pipeline."""
import copy
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain

from mmengine.dataset import BaseDataset

from ..configs import walk
from ..errors import InputError
from ..tracebacks import described
from .annotations import load_training_annotations
from .checked_pipeline import name_unfit_files, split
from .checks import is_plain_coco
from .sampling import images_of, leaves, spread
from .survey import survey

__all__ = ['check_objects']

SAMPLED_IMAGES = 32
DRAWS = 2048  # of all of them together, before it is held that random transforms never leave an object


def check_objects(dataset, dataset_cfg: dict) -> None:
    """Raise an :class:`InputError` unless some object comes through the training pipeline, in thousands of draws if
    need be; silence is how RLE masks under poly2mask=False look.
    """
    name_unfit_files(dataset)
    if mixes(dataset):
        looked_at = spread(len(dataset), SAMPLED_IMAGES)
        draws = (partial(dataset.__getitem__, index) for _ in range(DRAWS // len(looked_at)) for index in looked_at)
    else:
        images = images_of(dataset)
        looked_at = [images[position] for position in spread(len(images), SAMPLED_IMAGES)]
        draws = chain((partial(leaf.prepare_data, index) for leaf, index in looked_at),
                      *(redraws(leaf, index, DRAWS // len(looked_at)) for leaf, index in looked_at))
    if not any(gives_object(draw) for draw in draws):
        raise nothing_to_learn(dataset, dataset_cfg, len(looked_at))


def redraws(dataset: BaseDataset, index: int, times: int) -> Iterator[Callable[[], dict | None]]:
    """Yield what draws image ``index`` anew, so many times, but reads it once; nothing if no object is loaded of it."""
    load, draw = split(dataset)
    loaded = load(dataset.get_data_info(index))
    if loaded and not all(loaded.get('gt_ignore_flags', [False] * len(loaded.get('gt_bboxes', ())))):
        for _ in range(times):
            yield lambda: draw(copy.deepcopy(loaded))


def mixes(dataset) -> bool:
    """Tell whether a wrapper of ``dataset`` has a pipeline of its own, as MultiImageMixDataset has."""
    inner = getattr(dataset, 'datasets', None) or [getattr(dataset, 'dataset', None)]
    return inner != [None] and (hasattr(dataset, 'pipeline') or any(map(mixes, inner)))


def gives_object(draw: Callable[[], dict | None]) -> bool:
    """Tell whether an object comes through the pipeline in one draw, or whether the data are of a kind without."""
    try:
        sample = draw()
    except InputError:
        raise
    except Exception as error:
        raise InputError(f'train_dataloader.dataset: an image does not come through the pipeline: {described(error)}',
                         'Change the pipeline, or leave that image out.') from error
    if sample is None:  # all of it was filtered; another image takes its place in training
        return False
    if 'data_samples' not in sample:
        raise InputError(f'train_dataloader.dataset: its pipeline gives {", ".join(sample)}, but no data_samples, '
                         'which models need', 'End it with PackDetInputs (MMSegmentation: PackSegInputs).')
    return 'gt_instances' not in sample['data_samples'] or len(sample['data_samples'].gt_instances) > 0


def nothing_to_learn(dataset, dataset_cfg: dict, images: int) -> InputError:
    """Return what is said where no object comes through, with the reasons that the annotations give."""
    reasons = Counter()
    for leaf in leaves(dataset):
        if is_plain_coco(type(leaf)):
            masks = next((each.poly2mask for each in leaf.pipeline.transforms
                          if getattr(each, 'with_mask', False)), None)
            found = survey(load_training_annotations(leaf.ann_file, masks), leaf.metainfo['classes'], masks,
                           leaf.filter_cfg)
            reasons.update({why: len(ids) for why, ids in found.ignored.items()})
            if found.objects:
                reasons.clear()  # the pipeline loses some that could be learnt
                break
    remedy = 'Look at filter_cfg and the pipeline of train_dataloader.dataset: what drops or ignores the objects?'
    if any(node.get('poly2mask') is False for _, node in walk(dataset_cfg)):
        remedy = 'Remove poly2mask=False from LoadAnnotations: it ignores every object whose mask is RLE.'
    elif reasons:
        remedy = 'Correct the annotations.'
    why = '; '.join(f'{number} of {reasons.total()} objects: {reason}' for reason, number in reasons.most_common())
    what = (f'all objects are ignored ({why})' if why else
            f'in {images} images looked at, {DRAWS // images} times each, no object comes through the pipeline')
    return InputError(f'train_dataloader.dataset: nothing to learn from: {what}', remedy)
