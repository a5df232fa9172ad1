# MMSegmentation's Cityscapes with the DLA authors' schedule for it: 500 epochs at crops of 832, polynomial decay.
# 16 images a step are 8 processes of 2; for another number: --auto-scale-lr
_base_ = ['mmseg::_base_/datasets/cityscapes.py', './segmentation.py']

crop_size = (832, 832)
num_classes = 19
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='RandomRotate', prob=1., degree=10.),
    dict(type='RandomResize', scale=(2048, 1024), ratio_range=(0.5, 2.), keep_ratio=True),
    dict(type='RandomCrop', crop_size=crop_size),
    dict(type='PhotoMetricDistortion'),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackSegInputs')
]
train_dataloader = dict(drop_last=True, sampler=dict(type='DefaultSampler'), dataset=dict(pipeline=train_pipeline))

max_epochs = 500
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=max_epochs, val_interval=10)
param_scheduler = dict(type='PolyLR', power=0.9, eta_min=0., end=max_epochs)
