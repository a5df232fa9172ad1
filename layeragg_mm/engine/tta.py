"""Test-time augmentation of a test, whatever the number of its data sets and evaluators."""
import copy

from mmengine.config import Config, ConfigDict

from ..configs import walk
from ..errors import InputError
from .evaluator_checks import as_list, metric_nodes
from .segmentation import is_segmentation

__all__ = ['use_tta']

MERGED = dict(type='DetTTAModel', tta_cfg=dict(nms=dict(type='nms', iou_threshold=.5), max_per_img=100))
META_KEYS = 'img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor', 'flip', 'flip_direction'


def use_tta(cfg: Config) -> None:
    """Wrap the model for test-time augmentation: the config's, or for detectors that say nothing of it, by flipping.

    Raises:
        InputError: masks are evaluated, which MMDetection does not merge; or a segmentor says nothing of it.
    """
    if is_segmentation(cfg):
        if not cfg.get('tta_model') or not cfg.get('tta_pipeline'):
            raise InputError('--tta: the config has no tta_model and tta_pipeline', 'Add both, or leave --tta out.')
    elif not cfg.get('tta_model'):
        for path, metric in metric_nodes(cfg, 'test'):
            if 'segm' in as_list(metric.get('metric')):
                raise InputError('--tta: MMDetection merges boxes only, and this config evaluates masks', 'Evaluate '
                                 f'boxes with --cfg-options {path}.metric=bbox, or leave --tta out.')
        cfg.tta_model = MERGED
    cfg.model = ConfigDict(**cfg.tta_model, module=cfg.model)
    for _, dataset in walk(cfg.test_dataloader.dataset):
        if dataset.get('pipeline'):
            dataset.pipeline = cfg.get('tta_pipeline') or flipped(dataset.pipeline)


def flipped(pipeline: list[dict]) -> list[dict]:
    """Return a test pipeline of MMDetection that gives each image as it is and flipped."""
    *loading, packing = copy.deepcopy(pipeline)
    packing['meta_keys'] = META_KEYS
    flips = [dict(type='RandomFlip', prob=1.), dict(type='RandomFlip', prob=0.)]
    return [*loading, dict(type='TestTimeAug', transforms=[flips, [packing]])]
