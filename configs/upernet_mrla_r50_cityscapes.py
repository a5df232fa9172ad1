# UPerNet, MRLA-light ResNet-50; Cityscapes, 500 epochs.
_base_ = './upernet_rla_r50_cityscapes.py'

model = dict(backbone=dict(type='MRLAResNet'))
