# CamVid at 360x480, 11 classes, and the DLA authors' schedule for it: 1,200 epochs at crops of 448, a tenth of the
# learning rate from epoch 800 on. Validation and test are on the validation images; the published results are on the
# test images: --cfg-options test_dataloader.dataset.split=test
_base_ = './segmentation.py'

crop_size = (448, 448)
num_classes = 11
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='RandomRotate', prob=1., degree=10.),
    dict(type='RandomResize', scale=(480, 360), ratio_range=(0.5, 2.), keep_ratio=True),
    dict(type='RandomCrop', crop_size=crop_size),
    dict(type='PhotoMetricDistortion'),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackSegInputs')
]
test_pipeline = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations'), dict(type='PackSegInputs')]
tta_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='TestTimeAug', transforms=[
        [dict(type='Resize', scale_factor=factor, keep_ratio=True) for factor in (0.5, 0.75, 1., 1.25, 1.5)],
        [dict(type='RandomFlip', prob=0.), dict(type='RandomFlip', prob=1.)],
        [dict(type='LoadAnnotations')],
        [dict(type='PackSegInputs')]])
]
train_dataloader = dict(
    batch_size=16,
    num_workers=4,
    persistent_workers=True,
    drop_last=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(type='CamVidDataset', data_root='data/camvid', split='train', pipeline=train_pipeline))
val_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(type='CamVidDataset', data_root='data/camvid', split='val', pipeline=test_pipeline, test_mode=True))
test_dataloader = val_dataloader
val_evaluator = dict(type='IoUMetric', iou_metrics=['mIoU'])
test_evaluator = val_evaluator

train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=1200, val_interval=50)
param_scheduler = dict(type='MultiStepLR', milestones=[800], gamma=0.1)
default_hooks = dict(checkpoint=dict(interval=50))
