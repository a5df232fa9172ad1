# Mask R-CNN, FPN, RLA-ResNet-50; COCO 2017, 1x schedule.
_base_ = './mask_rcnn_r50.py'

model = dict(backbone=dict(type='RLAResNet'))
