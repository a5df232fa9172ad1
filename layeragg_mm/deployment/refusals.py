"""What cannot be exported is said, with the reason, before anything is."""
from mmengine.config import ConfigDict

from ..errors import InputError

__all__ = ['check_nms', 'check_part', 'refuse']

KINDS = 'Faster and Mask R-CNN, one-stage detectors as RetinaNet and FCOS, CenterNet and segmenters'


def refuse(part: object, why: str = '') -> None:
    """Raise the error of a ``part`` of a network, with what it is about it, that has no exported form."""
    raise InputError(f'{type(part).__name__}{" " * bool(why)}{why} cannot be exported: what it computes has no form in '
                     'ONNX here', f'Exported are {KINDS}, with the parts that MMDetection gives these.')


def check_part(part: object, base: type, *methods: str) -> None:
    """Refuse a ``part`` unless it is a ``base`` and has these ``methods`` of it."""
    if not isinstance(part, base):
        refuse(part)
    for name in methods:
        if getattr(type(part), name) is not getattr(base, name):
            refuse(part, f'with its own {name}')


def check_nms(part: object, cfg: ConfigDict) -> float:
    """Return the IoU threshold of the suppression ``cfg`` of a ``part``, or refuse one that ONNX has not."""
    cfg = dict(cfg)
    kind, threshold = cfg.pop('type', 'nms'), cfg.pop('iou_threshold', None)
    cfg.pop('split_thr', None)  # of how much at a time, not of what
    if kind != 'nms' or threshold is None or cfg:
        refuse(part, f'with nms={dict(cfg, type=kind)}')
    return threshold
