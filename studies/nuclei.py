# digit_scenes.py on cell nuclei: images of up to 256 pixels a side, random crops of 96x96 of them to train on.
_base_ = './digit_scenes.py'

max_iters = 500
data_root = 'data/nuclei/'
metainfo = dict(classes=('nucleus', ))
resize = dict(type='Resize', scale=(256, 256), keep_ratio=True)

model = dict(
    roi_head=dict(bbox_head=dict(num_classes=1), mask_head=dict(num_classes=1)),
    test_cfg=dict(rpn=dict(nms_pre=400, max_per_img=200), rcnn=dict(max_per_img=100)))  # COCO counts 100 an image

train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', with_bbox=True, with_mask=True),
    resize,
    dict(type='RandomCrop', crop_size=(96, 96)),
    dict(type='RandomFlip', prob=[0.25, 0.25, 0.25], direction=['horizontal', 'vertical', 'diagonal']),
    dict(type='PackDetInputs')
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    resize,
    dict(type='LoadAnnotations', with_bbox=True, with_mask=True),
    dict(type='PackDetInputs', meta_keys=('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor'))
]
train_dataloader = dict(dataset=dict(data_root=data_root, metainfo=metainfo, pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(data_root=data_root, metainfo=metainfo, pipeline=test_pipeline))
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=data_root + 'annotations/instances_val.json')
test_evaluator = val_evaluator

param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=20),
    dict(type='LinearLR', start_factor=1, end_factor=0.01, by_epoch=False, begin=max_iters * 2 // 3, end=max_iters)
]
train_cfg = dict(max_iters=max_iters, val_interval=max_iters // 2)
