# Mask R-CNN, FPN, DCA-GC-ResNet-50, which starts as the plain ResNet; COCO 2017, 1x schedule.
_base_ = './mask_rcnn_r50.py'

model = dict(backbone=dict(type='DCAResNet', connected='gc'))
