# Faster R-CNN with PS-ResNeXt-101, as its authors released it.
_base_ = './faster_rcnn_psconv_r50_mmdet1.py'

model = dict(backbone=dict(type='ResNeXt', depth=101, groups=32, base_width=4))
