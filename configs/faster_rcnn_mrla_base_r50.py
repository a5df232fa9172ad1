# Faster R-CNN, FPN, MRLA-base ResNet-50; COCO 2017, 1x schedule.
_base_ = './faster_rcnn_mrla_r50.py'

model = dict(backbone=dict(variant='base'))
