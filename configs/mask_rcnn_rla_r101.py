# Mask R-CNN, FPN, RLA-ResNet-101; COCO 2017, 1x schedule.
_base_ = './mask_rcnn_r101.py'

model = dict(backbone=dict(type='RLAResNet'))
