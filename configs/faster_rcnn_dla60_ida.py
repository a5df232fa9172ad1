# Faster R-CNN, IDA neck, DLA-60, from scratch; COCO 2017, 1x schedule.
_base_ = './faster_rcnn_dla34_ida.py'

model = dict(backbone=dict(arch='60'), neck=dict(in_channels=[128, 256, 512, 1024]))
