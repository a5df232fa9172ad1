# Cascade Mask R-CNN with PS-ResNet-101, as its authors released it.
_base_ = './cascade_mask_rcnn_psconv_r50_mmdet1.py'

model = dict(backbone=dict(depth=101))
