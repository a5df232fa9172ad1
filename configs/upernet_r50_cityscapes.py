# UPerNet, ResNet-50; Cityscapes, 500 epochs: as dla34_ida_cityscapes but for the model, for comparison.
_base_ = ['mmseg::_base_/models/upernet_r50.py', './_base_/cityscapes.py']

model = dict(
    data_preprocessor=dict(size=_base_.crop_size),
    pretrained=None,
    backbone=dict(type='ResNet', init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet50')),
    decode_head=dict(num_classes=_base_.num_classes, loss_decode=dict(avg_non_ignore=True)),
    auxiliary_head=dict(num_classes=_base_.num_classes, loss_decode=dict(avg_non_ignore=True)))
