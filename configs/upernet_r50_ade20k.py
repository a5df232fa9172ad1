# UPerNet, ResNet-50; ADE20K, 100 epochs: as pyconvsegnet_r50_ade20k but for the model, for comparison.
_base_ = ['mmseg::_base_/models/upernet_r50.py', './_base_/ade20k.py']

model = dict(
    data_preprocessor=dict(size=_base_.crop_size),
    pretrained=None,
    backbone=dict(type='ResNet', init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet50')),
    decode_head=dict(num_classes=_base_.num_classes),
    auxiliary_head=dict(num_classes=_base_.num_classes))
