# Mask R-CNN, FPN, RLA-ECANet-50; COCO 2017, 1x schedule.
_base_ = './mask_rcnn_rla_r50.py'

model = dict(backbone=dict(attention='eca'))
