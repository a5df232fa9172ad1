# DLA-34 with IDA upsampling for boundaries; BSDS500, trained on its training and validation images, 1,200 epochs at
# crops of 416, rotation by any angle, as published.
_base_ = './dla34_ida_camvid_boundary.py'

crop_size = (416, 416)
model = dict(data_preprocessor=dict(size=crop_size))
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadBSDSBoundaries'),
    dict(type='RandomRotate', prob=1., degree=180.),
    dict(type='RandomCrop', crop_size=crop_size),
    dict(type='PhotoMetricDistortion'),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackSegInputs')
]
test_pipeline = [dict(type='LoadImageFromFile'), dict(type='LoadBSDSBoundaries'), dict(type='PackSegInputs')]
data_root = 'data/BSDS500/data'
train_dataloader = dict(dataset=dict(
    _delete_=True,
    type='ConcatDataset',
    datasets=[dict(type='BSDS500Dataset', data_root=data_root, split=split, pipeline=train_pipeline)
              for split in ('train', 'val')]))
val_dataloader = dict(dataset=dict(
    _delete_=True, type='BSDS500Dataset', data_root=data_root, split='test', pipeline=test_pipeline, test_mode=True))
test_dataloader = val_dataloader
