# RetinaNet, IDA neck, DLA-34, from scratch; COCO 2017, 1x schedule.
_base_ = ['./retinanet_r50.py', './_base_/dla34_ida.py']

model = _base_.dla34_ida
