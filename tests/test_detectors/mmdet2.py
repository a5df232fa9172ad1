"""MMDetection 2 in small: the names and shapes in its detectors' checkpoints, and its RetinaNet written out."""
import math

import numpy as np
import torch
import torch.nn.functional as F


def _convs(*layers):
    """Return the entries of convolutions and linear layers given as (name, shape of the weight)."""
    return {f'{name}.{part}': shape if part == 'weight' else shape[:1]
            for name, shape in layers for part in ('weight', 'bias')}


FPN = [*((f'neck.lateral_convs.{i}.conv', (256, width, 1, 1)) for i, width in enumerate([256, 512, 1024, 2048])),
       *((f'neck.fpn_convs.{i}.conv', (256, 256, 3, 3)) for i in range(4))]
FASTER_RCNN = [
    *FPN, ('rpn_head.rpn_conv', (256, 256, 3, 3)), ('rpn_head.rpn_cls', (3, 256, 1, 1)),
    ('rpn_head.rpn_reg', (12, 256, 1, 1)), ('roi_head.bbox_head.shared_fcs.0', (1024, 256 * 7 * 7)),
    ('roi_head.bbox_head.shared_fcs.1', (1024, 1024)), ('roi_head.bbox_head.fc_cls', (81, 1024)),
    ('roi_head.bbox_head.fc_reg', (4 * 80, 1024))]
MASK_RCNN = [
    *FASTER_RCNN, *((f'roi_head.mask_head.convs.{i}.conv', (256, 256, 3, 3)) for i in range(4)),
    ('roi_head.mask_head.upsample', (256, 256, 2, 2)), ('roi_head.mask_head.conv_logits', (80, 256, 1, 1))]
RETINANET = [
    *((f'neck.lateral_convs.{i}.conv', (256, width, 1, 1)) for i, width in enumerate([512, 1024, 2048])),
    *((f'neck.fpn_convs.{i}.conv', (256, 2048 if i == 3 else 256, 3, 3)) for i in range(5)),
    *((f'bbox_head.{branch}_convs.{i}.conv', (256, 256, 3, 3)) for branch in ('cls', 'reg') for i in range(4)),
    ('bbox_head.retina_cls', (9 * 80, 256, 3, 3)), ('bbox_head.retina_reg', (9 * 4, 256, 3, 3))]

#: Name to shape of what a detector's checkpoint holds beside ``backbone.``.
LAYOUTS = {'faster_rcnn': _convs(*FASTER_RCNN), 'mask_rcnn': _convs(*MASK_RCNN), 'retinanet': _convs(*RETINANET)}


def retinanet(features, state, score_thr=0.05, iou_thr=0.5, most=100, legacy=False):
    """Return the detections (x1, y1, x2, y2, score, label) of one image, the best first.

    ``features`` are the backbone's four, ``state`` the checkpoint. At most 1000 scores a level may pass the threshold.
    ``legacy``: as MMDetection 1, where a box from pixel 3 to pixel 3 has the width 1.
    """
    extra = 1 if legacy else 0
    height, width = (4 * size for size in features[0].shape[2:])

    def conv(name, x, stride=1):
        weight = state[f'{name}.weight']
        return F.conv2d(x, weight, state[f'{name}.bias'], stride, weight.shape[2] // 2)

    inner = [conv(f'neck.lateral_convs.{i}.conv', feature) for i, feature in enumerate(features[1:])]
    for i in (1, 0):
        inner[i] = inner[i] + F.interpolate(inner[i + 1], size=inner[i].shape[2:], mode='nearest')
    maps = [conv(f'neck.fpn_convs.{i}.conv', inner[i]) for i in range(3)]
    maps.append(conv('neck.fpn_convs.3.conv', features[3], 2))
    maps.append(conv('neck.fpn_convs.4.conv', maps[3], 2))

    found = []
    for level, x in enumerate(maps):
        stride, branches = 8 * 2**level, {}
        for branch in ('cls', 'reg'):
            branches[branch] = x
            for i in range(4):
                branches[branch] = conv(f'bbox_head.{branch}_convs.{i}.conv', branches[branch]).relu()
        scores = conv('bbox_head.retina_cls', branches['cls'])[0].sigmoid()
        deltas = conv('bbox_head.retina_reg', branches['reg'])[0]
        positions = (scores > score_thr).nonzero().tolist()
        assert len(positions) <= 1000
        for channel, row, column in positions:
            anchor, label = divmod(channel, 80)
            dx, dy, dw, dh = deltas[4 * anchor:4 * anchor + 4, row, column].tolist()
            ratio, octave = (0.5, 1, 2)[anchor // 3], anchor % 3
            side = stride * 4 * 2**(octave / 3)
            sides, centers = [side / math.sqrt(ratio), side * math.sqrt(ratio)], [0, 0]
            if legacy:
                ends = [[round((stride - 1) / 2 + sign * (length - 1) / 2) for sign in (-1, 1)] for length in sides]
                sides, centers = [high - low + 1 for low, high in ends], [sum(pair) / 2 for pair in ends]
            x = column * stride + centers[0] + dx * sides[0]
            y = row * stride + centers[1] + dy * sides[1]
            limit = math.log(1000 / 16)
            half = [size * math.exp(min(max(delta, -limit), limit)) / 2
                    for delta, size in zip((dw, dh), sides)]
            box = np.clip([x - half[0], y - half[1], x + half[0], y + half[1]], 0,
                          [width - extra, height - extra] * 2)
            if box[2] > box[0] and box[3] > box[1]:
                found.append((*box, scores[channel, row, column].item(), label))

    kept = []
    for box in sorted(found, key=lambda box: -box[4]):
        if all(_iou(box, other, extra) <= iou_thr for other in kept if other[5] == box[5]):
            kept.append(box)
    return torch.tensor(kept[:most], dtype=torch.float32)


def _iou(a, b, extra):
    def area(x1, y1, x2, y2):
        return max(x2 - x1 + extra, 0) * max(y2 - y1 + extra, 0)

    overlap = area(*np.maximum(a[:2], b[:2]), *np.minimum(a[2:4], b[2:4]))
    return overlap / (area(*a[:4]) + area(*b[:4]) - overlap)
