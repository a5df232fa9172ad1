# RetinaNet, FPN, RLA-ECANet-101; COCO 2017, 1x schedule.
_base_ = './retinanet_rla_r101.py'

model = dict(backbone=dict(attention='eca'))
