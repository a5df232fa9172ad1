# Mask R-CNN with narrow heads and a plain ResNet-50, from scratch on hard DigitScenes: random crops of 96x96 to train
# on, the whole scenes of 128x128 to test on. The smallest digits are 8 pixels high, so the smallest anchors are.
_base_ = '../configs/mask_rcnn_mrla_r50_digits.py'

max_iters = 400
model = dict(
    backbone=dict(
        _delete_=True, type='ResNet', depth=50, num_stages=4, out_indices=(0, 1, 2, 3), frozen_stages=-1,
        norm_cfg=dict(type='BN', requires_grad=True), norm_eval=False, zero_init_residual=False, style='pytorch'),
    rpn_head=dict(anchor_generator=dict(scales=[2])))

train_dataloader = dict(dataset=dict(pipeline=[
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', with_bbox=True, with_mask=True),
    dict(type='RandomCrop', crop_size=(96, 96)),
    dict(type='PackDetInputs')
]))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, by_epoch=False, begin=0, end=20),
    dict(type='LinearLR', start_factor=1, end_factor=0.01, by_epoch=False, begin=max_iters * 2 // 3, end=max_iters)
]
train_cfg = dict(max_iters=max_iters, val_interval=max_iters // 2)
default_hooks = dict(checkpoint=dict(interval=100, max_keep_ckpts=1))
