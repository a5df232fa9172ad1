# RetinaNet, FPN, MobileNetV2; COCO 2017, 1x schedule: retinanet_r50 but for the backbone, for comparison.
_base_ = './retinanet_r50.py'

model = dict(
    backbone=dict(
        _delete_=True,
        type='MobileNetV2',
        out_indices=(1, 2, 4, 7),
        frozen_stages=2,
        norm_eval=True,
        init_cfg=dict(type='Pretrained', checkpoint='open-mmlab://mmdet/mobilenet_v2')),
    neck=dict(in_channels=[24, 32, 96, 1280]))
