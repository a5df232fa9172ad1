# DLA-34 with IDA upsampling for boundaries; those of CamVid's label maps. As dla34_ida_camvid, but without scaling,
# which would tear lines a pixel wide.
_base_ = './dla34_ida_camvid.py'

# Two classes, of which pixels on a boundary weigh ten times as much, as published for boundaries.
model = dict(decode_head=dict(
    num_classes=2, loss_decode=dict(_delete_=True, type='WeightedCrossEntropyLoss', class_weight=[1., 10.])))

train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadLabelBoundaries'),
    dict(type='RandomRotate', prob=1., degree=10.),
    dict(type='RandomCrop', crop_size=_base_.crop_size),
    dict(type='PhotoMetricDistortion'),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackSegInputs')
]
test_pipeline = [dict(type='LoadImageFromFile'), dict(type='LoadLabelBoundaries'), dict(type='PackSegInputs')]
train_dataloader = dict(dataset=dict(type='CamVidBoundaryDataset', pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(type='CamVidBoundaryDataset', pipeline=test_pipeline))
test_dataloader = val_dataloader
val_evaluator = dict(_delete_=True, type='BoundaryMetric')
test_evaluator = val_evaluator
tta_model = None  # MMSegmentation's keeps no probabilities
