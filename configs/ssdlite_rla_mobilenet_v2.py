# SSDLite, RLA-MobileNetV2; COCO 2017, from scratch, 600 epochs.
_base_ = './ssdlite_mobilenet_v2.py'

model = dict(backbone=dict(type='RLAMobileNetV2'))
