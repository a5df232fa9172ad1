# The segmentation demo: the model of dla34_ida_camvid at a size that two CPU cores train from scratch in minutes, on
# DigitScenes. Data: python tools/make_digit_scenes.py data/digit_scenes --semantic
_base_ = ['./_base_/dla34_ida_segmentor.py', './_base_/segmentation.py']

max_iters = 300
val_interval = 100
metainfo = dict(
    classes=('background', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9'),
    palette=[[0, 0, 0], [230, 25, 75], [60, 180, 75], [255, 225, 25], [0, 130, 200], [245, 130, 48], [145, 30, 180],
             [70, 240, 240], [240, 50, 230], [210, 245, 60], [250, 190, 212]])
model = dict(
    data_preprocessor=dict(size_divisor=2), backbone=dict(init_cfg=None), decode_head=dict(num_classes=11))

scenes = dict(
    type='BaseSegDataset',
    data_root='data/digit_scenes/',
    img_suffix='.bmp',
    seg_map_suffix='.bmp',
    metainfo=metainfo,
    pipeline=[dict(type='LoadImageFromFile'), dict(type='LoadAnnotations'), dict(type='PackSegInputs')])
train_dataloader = dict(
    batch_size=8,
    num_workers=0,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(**scenes, data_prefix=dict(img_path='train', seg_map_path='semantic/train')))
val_dataloader = dict(
    batch_size=8,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(**scenes, data_prefix=dict(img_path='val', seg_map_path='semantic/val')))
test_dataloader = val_dataloader
val_evaluator = dict(type='IoUMetric', iou_metrics=['mIoU'])
test_evaluator = val_evaluator

optim_wrapper = dict(
    optimizer=dict(_delete_=True, type='AdamW', lr=2e-3, weight_decay=0.05, fused=True), clip_grad=dict(max_norm=10))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=20),
    dict(type='LinearLR', start_factor=1, end_factor=0.01, by_epoch=False, begin=max_iters * 2 // 3, end=max_iters)
]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=val_interval)
default_hooks = dict(
    logger=dict(log_metric_by_epoch=False), checkpoint=dict(by_epoch=False, interval=val_interval))
log_processor = dict(by_epoch=False, window_size=10)
randomness = dict(seed=0)
