# UPerNet, MRLA-light ResNet-50; CamVid, 1,200 epochs.
_base_ = './upernet_rla_r50_camvid.py'

model = dict(backbone=dict(type='MRLAResNet'))
