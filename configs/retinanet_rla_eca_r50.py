# RetinaNet, FPN, RLA-ECANet-50; COCO 2017, 1x schedule.
_base_ = './retinanet_rla_r50.py'

model = dict(backbone=dict(attention='eca'))
