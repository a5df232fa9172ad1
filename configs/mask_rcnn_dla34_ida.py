# Mask R-CNN, IDA neck, DLA-34, from scratch; COCO 2017, 1x schedule.
_base_ = ['./mask_rcnn_r50.py', './_base_/dla34_ida.py']

model = _base_.dla34_ida
