# RetinaNet, FPN, RLA-MobileNetV2; COCO 2017, 1x schedule.
_base_ = './retinanet_mobilenet_v2.py'

model = dict(backbone=dict(type='RLAMobileNetV2'))
