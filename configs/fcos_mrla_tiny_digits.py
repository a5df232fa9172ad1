# The smallest training that has every part which a resumed run must find again: random crops, flips and paths, a
# schedule, averaged weights, validation. tools/kill_test.py kills it; its AP means nothing.
# FCOS, because its losses are averaged over the processes: several compute what one does with their joint batch.
_base_ = './mask_rcnn_mrla_r50_digits.py'

max_iters = 12
val_interval = 4
norm_cfg = dict(type='GN', num_groups=4)
model = dict(
    _delete_=True,
    type='FCOS',
    data_preprocessor=dict(
        type='DetDataPreprocessor', mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], bgr_to_rgb=True,
        pad_size_divisor=32),
    backbone=dict(
        type='MRLAResNet', depth=50, variant='light', base_channels=8, drop_path_rate=0.1, out_indices=(1, 2, 3),
        norm_eval=True),
    neck=dict(
        type='FPN', in_channels=[64, 128, 256], out_channels=16, num_outs=3, norm_cfg=norm_cfg),
    bbox_head=dict(
        type='FCOSHead', num_classes=10, in_channels=16, feat_channels=16, stacked_convs=1, strides=[8, 16, 32],
        regress_ranges=((-1, 16), (16, 32), (32, 1e8)), norm_cfg=norm_cfg),
    test_cfg=dict(nms_pre=100, score_thr=0.05, nms=dict(type='nms', iou_threshold=0.5), max_per_img=10))

train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(type='RandomFlip', prob=0.5),
    dict(type='RandomCrop', crop_size=(56, 56), allow_negative_crop=True),
    dict(type='PackDetInputs')
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(64, 64), keep_ratio=True),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(type='PackDetInputs', meta_keys=('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor'))
]
train_dataloader = dict(batch_size=2, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(batch_size=1, dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
val_evaluator = dict(metric='bbox')
test_evaluator = val_evaluator

param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=False, begin=0, end=4),
    dict(type='CosineAnnealingLR', by_epoch=False, begin=4, end=max_iters, T_max=max_iters - 4)
]
train_cfg = dict(max_iters=max_iters, val_interval=val_interval)
default_hooks = dict(logger=dict(interval=4), checkpoint=dict(interval=2, max_keep_ckpts=2))
custom_hooks = [dict(type='EMAHook', momentum=0.1)]
