# CenterNet, DLA-34; COCO 2017, 230 epochs, as the authors' ctdet_coco_dla_2x, whose checkpoint it loads as it is.
_base_ = './centernet_r18.py'

# The authors' own normalisation, of BGR images; they write it for pixel values of 0 to 1. To start training from the
# DLA authors' ImageNet checkpoint, as published (dla34-ba72cf86.pth):
#   --cfg-options model.backbone.init_cfg.type=Pretrained model.backbone.init_cfg.checkpoint=/path/to/checkpoint.pth
model = dict(
    type='CenterNetDLA',
    data_preprocessor=dict(
        mean=[255 * 0.408, 255 * 0.447, 255 * 0.470], std=[255 * 0.289, 255 * 0.274, 255 * 0.278], bgr_to_rgb=False),
    backbone=dict(_delete_=True, type='DLANet', arch='34', norm_eval=False),
    neck=dict(_delete_=True, type='IDAUp', mode='centernet', in_channels=[64, 128, 256, 512], out_channels=64),
    bbox_head=dict(feat_channels=256))

# Adam without warm-up, weight decay or clipping. An epoch of the config is five of COCO (RepeatDataset of the base).
optim_wrapper = dict(_delete_=True, type='OptimWrapper', optimizer=dict(type='Adam', lr=5e-4))
max_epochs = 46
param_scheduler = [dict(type='MultiStepLR', begin=0, end=max_epochs, by_epoch=True, milestones=[36, 42], gamma=0.1)]
train_cfg = dict(max_epochs=max_epochs)
