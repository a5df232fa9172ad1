# MMSegmentation's ADE20K (150 classes) with PyConvSegNet's schedule for it: 100 epochs at crops of 473, polynomial
# decay, a learning rate of 0.01, in heads of 0.1.
# 16 images a step are 4 processes of 4; for another number: --auto-scale-lr
_base_ = ['mmseg::_base_/datasets/ade20k.py', './segmentation.py']

crop_size = (473, 473)
num_classes = 150
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', reduce_zero_label=True),
    dict(type='RandomResize', scale=(2048, 512), ratio_range=(0.5, 2.), keep_ratio=True),
    dict(type='RandomCrop', crop_size=crop_size, cat_max_ratio=0.75),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PhotoMetricDistortion'),
    dict(type='PackSegInputs')
]
train_dataloader = dict(drop_last=True, sampler=dict(type='DefaultSampler'), dataset=dict(pipeline=train_pipeline))

optim_wrapper = dict(paramwise_cfg=dict(custom_keys=dict(head=dict(lr_mult=10.))))
max_epochs = 100
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=max_epochs, val_interval=10)
param_scheduler = dict(type='PolyLR', power=0.9, eta_min=0., end=max_epochs)
