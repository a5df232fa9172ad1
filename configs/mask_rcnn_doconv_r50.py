# Mask R-CNN, FPN, ResNet-50 of DO-Convs, which starts as torchvision's; COCO 2017, 1x schedule.
_base_ = './mask_rcnn_r50.py'

model = dict(backbone=dict(type='FastResNet', conv_cfg=dict(type='DOConv2d')))
