# Mask R-CNN, FPT in FPN's place, ResNet-50; COCO 2017, 1x schedule. For GPUs: the self-transformer at stride 4 makes
# 1.2 T multiply-adds for an image of 800 x 1344.
_base_ = './mask_rcnn_r50.py'

model = dict(neck=dict(type='FPT'))
